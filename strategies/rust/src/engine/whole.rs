//! Words that are one token, known when a tokenizer is opened.

use super::memory::{SHORT, first_place, packed};
use super::saved::{Reader, Writer};

/// Short words as [`packed`] numbers, 0 for a free place: a look at one place of memory for most.
#[derive(Debug)]
pub struct Whole(Box<[u128]>);

impl Whole {
    /// An empty set with space for so many words.
    #[must_use]
    pub fn new(words: usize) -> Self {
        Self(vec![0; (words * 3 / 2 + 1).next_power_of_two()].into())
    }

    /// Adds a word, if it is a short one and not empty. No more are added than there is space for.
    pub fn add(&mut self, word: &[u8]) {
        if word.is_empty() || word.len() > SHORT {
            return;
        }
        let word = packed(word, 0, word.len());
        let place = self.place(word);
        self.0[place] = word;
    }

    /// The place of a word, or the free one where it would be.
    #[inline]
    fn place(&self, word: u128) -> usize {
        let mut place = first_place(word, self.0.len());
        while self.0[place] != word && self.0[place] != 0 {
            place = (place + 1) & (self.0.len() - 1);
        }
        place
    }

    /// Whether a word is known to be one token.
    #[inline]
    #[must_use]
    pub fn has(&self, word: &[u8]) -> bool {
        let word = packed(word, 0, word.len());
        word != 0 && self.0[self.place(word)] == word
    }

    pub fn save(&self, out: &mut Writer) {
        // The lower and the upper half of each.
        #[allow(clippy::cast_possible_truncation)]
        let halves = self
            .0
            .iter()
            .flat_map(|word| [*word as u64, (*word >> 64) as u64]);
        out.words(&halves.collect::<Vec<_>>());
    }

    /// # Errors
    ///
    /// If the bytes are no set that can be searched.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let halves = saved.words()?;
        let words = halves.chunks_exact(2);
        let words: Box<[u128]> = words
            .map(|pair| u128::from(pair[0]) | u128::from(pair[1]) << 64)
            .collect();
        if !words.len().is_power_of_two() || !words.contains(&0) {
            return Err("the whole words are damaged".to_owned());
        }
        Ok(Self(words))
    }
}

#[cfg(test)]
mod tests {
    use super::Whole;
    use crate::engine::saved::{Reader, Writer};

    #[test]
    fn short_words_are_known() {
        let long = vec![b'x'; 16];
        let mut words: Vec<Vec<u8>> = (0..999).map(|n| format!("w{n}").into()).collect();
        words.extend([vec![], long.clone(), vec![0], vec![b'y'; 15]]);
        let mut whole = Whole::new(words.len());
        for word in &words {
            whole.add(word);
        }
        let mut out = Writer::default();
        whole.save(&mut out);
        let saved = out.finish();
        let restored = Whole::restore(&mut Reader::new(&saved).unwrap()).unwrap();
        for set in [&whole, &restored] {
            assert!(words[..999].iter().all(|word| set.has(word)));
            assert!(set.has(&[0]) && set.has(&[b'y'; 15]));
            for other in [&b""[..], b"w", b"w999", &[0, 0], &long] {
                assert!(!set.has(other));
            }
        }
        assert!(!Whole::new(0).has(b"a"));
    }
}
