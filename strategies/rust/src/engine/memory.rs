//! The words that a worker has counted, so that each is merged once.
//!
//! A word is compared byte by byte, never by a hash alone. Most words have at most 15 bytes:
//! these stand in the table themselves, with their count, 16 bytes for each. The memory is
//! bounded: when it is full, new words take the places of others.

use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashTable;

use super::merges::Work;
use super::paths::Best;
use super::tokens::hash;

/// Bytes of the longest word that stands in the table itself.
pub const SHORT: usize = 15;

/// Longer words are not remembered: they hardly ever come again.
const LONGEST: usize = 256;

/// Places in which a short word may stand, from its first one on.
const NEAR: usize = 8;

/// Words that are looked up together.
pub const TOGETHER: usize = 32;

/// Places of the table at first and at most, 16 bytes each.
const FIRST: usize = 1 << 12;
const MOST: usize = 1 << 18;

/// Bytes of all longer words at most.
const MOST_BYTES: usize = 8 << 20;

/// Where the count stands in a place of the table: above the word and its length.
const COUNT: u32 = 124;
const WORD: u128 = (1 << COUNT) - 1;

/// What a worker keeps from span to span.
#[derive(Debug, Default)]
pub struct Worker {
    pub known: Known,
    pub work: Work,
    /// Words by their starts and ends, before they are counted together.
    pub words: Vec<(u32, u32)>,
    /// A word as the model reads it.
    pub mapped: String,
    /// A text in its normal form.
    pub normal: String,
    pub best: Best,
}

/// What counting a span may use.
#[derive(Debug)]
pub struct Memory<'m> {
    pub worker: &'m mut Worker,
    /// Looked at before each word that is new; a count that was stopped is an error.
    pub stop: &'m AtomicBool,
}

/// # Errors
///
/// If the call was cancelled.
pub fn go_on(stop: &AtomicBool) -> Result<(), String> {
    if stop.load(Ordering::Relaxed) {
        return Err("stopped".to_owned());
    }
    Ok(())
}

/// The longest text whose words are looked up, in bytes: places in it fit 32 bits, also when it
/// grows as it is normalized.
pub const LONGEST_TEXT: usize = 1 << 27;

/// A place in a text of at most [`LONGEST_TEXT`], as the words of a worker have it.
#[must_use]
#[inline]
#[allow(clippy::cast_possible_truncation)]
pub fn place(at: usize) -> u32 {
    at as u32
}

/// The words that are known.
#[derive(Debug, Default)]
pub struct Known {
    /// The bytes of a word from the lowest on, its length, its count; 0 for a free place.
    short: Vec<u128>,
    used: usize,
    long: HashTable<Long>,
    /// The bytes of the longer words.
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Long {
    hash: u64,
    start: u32,
    length: u32,
    count: u32,
}

/// A short word with its length in one number, 0 for a longer one.
#[inline]
#[must_use]
pub fn packed(text: &[u8], start: usize, end: usize) -> u128 {
    let length = end - start;
    if length > SHORT {
        return 0;
    }
    let bytes = if let Some(bytes) = text[start..].first_chunk::<16>() {
        *bytes
    } else {
        let mut bytes = [0; 16];
        bytes[..length].copy_from_slice(&text[start..end]);
        bytes
    };
    (u128::from_le_bytes(bytes) & !(u128::MAX << (length * 8))) | (length as u128) << 120
}

/// The first place of a short word in a table of this size, a power of two.
#[inline]
#[allow(clippy::cast_possible_truncation)]
#[must_use]
pub fn first_place(word: u128, places: usize) -> usize {
    let (low, high) = (word as u64, (word >> 64) as u64);
    let product =
        u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xc2b2_ae3d_27d4_eb4f);
    ((product >> 64) as u64 ^ product as u64) as usize & (places - 1)
}

impl Known {
    /// The sum of the counts of some words, given by their starts and ends in `text`; none is
    /// empty. `new` counts a word that is new.
    ///
    /// # Errors
    ///
    /// Those of `new`.
    pub fn count(
        &mut self,
        text: &[u8],
        words: &[(u32, u32)],
        mut new: impl FnMut(&[u8]) -> Result<u32, String>,
    ) -> Result<u32, String> {
        let mut total = 0;
        for words in words.chunks(TOGETHER) {
            // First all look into the table, so that they wait for memory at the same time.
            let mut looked_up = [(0, 0); TOGETHER];
            if !self.short.is_empty() {
                for ((start, end), place) in words.iter().zip(&mut looked_up) {
                    let word = packed(text, *start as usize, *end as usize);
                    *place = (word, self.short[first_place(word, self.short.len())]);
                }
            }
            for ((start, end), (word, held)) in words.iter().zip(looked_up) {
                // A long word is packed as 0, which an empty place holds, too.
                total += if held & WORD == word && word != 0 {
                    (held >> COUNT) as u32
                } else {
                    self.count_one(text, *start as usize, *end as usize, &mut new)?
                };
            }
        }
        Ok(total)
    }

    /// The count of one word that does not stand in its first place.
    fn count_one(
        &mut self,
        text: &[u8],
        start: usize,
        end: usize,
        new: impl FnOnce(&[u8]) -> Result<u32, String>,
    ) -> Result<u32, String> {
        let word = packed(text, start, end);
        if word == 0 {
            return self.count_long(&text[start..end], new);
        }
        if !self.short.is_empty() {
            let first = first_place(word, self.short.len());
            for near in 0..NEAR {
                let held = self.short[(first + near) & (self.short.len() - 1)];
                if held & WORD == word {
                    return Ok((held >> COUNT) as u32);
                }
                if held == 0 {
                    break;
                }
            }
        }
        let count = new(&text[start..end])?;
        self.keep(word, count);
        Ok(count)
    }

    #[cold]
    fn keep(&mut self, word: u128, count: u32) {
        // A byte may become several tokens; such a word is rare and counted each time.
        if count > 15 {
            return;
        }
        if self.used * 2 >= self.short.len() && self.short.len() < MOST {
            let places = (self.short.len() * 2).max(FIRST);
            let held = std::mem::replace(&mut self.short, vec![0; places]);
            self.used = 0;
            for entry in held.into_iter().filter(|entry| *entry != 0) {
                self.place(entry);
            }
        }
        self.place(word | u128::from(count) << COUNT);
    }

    fn place(&mut self, entry: u128) {
        let places = self.short.len();
        let first = first_place(entry & WORD, places);
        let near = (0..NEAR).map(|near| (first + near) & (places - 1));
        let free = near.clone().find(|place| self.short[*place] == 0);
        self.used += usize::from(free.is_some());
        self.short[free.unwrap_or(first)] = entry;
    }

    fn count_long(
        &mut self,
        word: &[u8],
        new: impl FnOnce(&[u8]) -> Result<u32, String>,
    ) -> Result<u32, String> {
        if word.len() > LONGEST {
            return new(word);
        }
        let hash = hash(word);
        let same = |held: &Long| {
            let start = held.start as usize;
            held.hash == hash && self.bytes[start..start + held.length as usize] == *word
        };
        if let Some(held) = self.long.find(hash, same) {
            return Ok(held.count);
        }
        let count = new(word)?;
        if self.bytes.len() + word.len() > MOST_BYTES {
            self.bytes.clear();
            self.long.clear();
        }
        // Both are bounded far below 4 GiB.
        #[allow(clippy::cast_possible_truncation)]
        let held = Long {
            hash,
            start: self.bytes.len() as u32,
            length: word.len() as u32,
            count,
        };
        self.bytes.extend_from_slice(word);
        self.long.insert_unique(hash, held, |held| held.hash);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, MOST, MOST_BYTES};
    use std::collections::HashMap;
    use std::fmt::Write;

    fn count(known: &mut Known, text: &str, start: usize, end: usize) -> (u32, bool) {
        let mut new = false;
        let words = [(u32::try_from(start).unwrap(), u32::try_from(end).unwrap())];
        let count = known.count(text.as_bytes(), &words, |word| {
            new = true;
            Ok(u32::try_from(word.iter().filter(|byte| **byte != b'0').count()).unwrap())
        });
        (count.unwrap(), new)
    }

    #[test]
    fn a_word_is_counted_once_wherever_it_stands() {
        let mut known = Known::default();
        let text = "abc abd abc\0 abcabcabcabcabcx abcabcabcabcabcx abc";
        for (start, end, fresh) in [
            (0, 3, true),
            (0, 3, false),
            (4, 7, true),
            (8, 11, false),
            // A zero byte at its end makes another word.
            (8, 12, true),
            (13, 29, true),
            (30, 46, false),
            // Fifteen bytes are the longest short word.
            (13, 28, true),
            (30, 45, false),
            (47, 50, false),
        ] {
            let (found, new) = count(&mut known, text, start, end);
            assert_eq!((found as usize, new), (end - start, fresh), "{start}");
        }
    }

    #[test]
    fn a_failed_count_is_not_kept() {
        let mut known = Known::default();
        let failed = known.count(b"ab", &[(0, 2)], |_| Err("stopped".to_owned()));
        assert_eq!(failed, Err("stopped".to_owned()));
        assert_eq!(count(&mut known, "ab", 0, 2), (2, true));
    }

    #[test]
    fn a_full_memory_still_counts_right_and_grows_no_more() {
        let mut known = Known::default();
        let text: String = (0..MOST * 2).fold(String::new(), |mut text, number| {
            write!(text, "{number:08x}").unwrap();
            text
        });
        let expected = |word: &str| word.bytes().filter(|byte| *byte != b'0').count();
        let mut fresh = HashMap::new();
        for round in 0..2 {
            for start in (0..text.len()).step_by(8) {
                let (found, new) = count(&mut known, &text, start, start + 8);
                assert_eq!(found as usize, expected(&text[start..start + 8]));
                *fresh.entry(round).or_insert(0) += usize::from(new);
            }
        }
        assert_eq!(known.short.len(), MOST);
        assert_eq!(fresh[&0], MOST * 2);
        let long: String = (0..MOST_BYTES / 64).fold(String::new(), |mut text, number| {
            write!(text, "{number:0128x}").unwrap();
            text
        });
        for start in (0..long.len()).step_by(128) {
            let (found, _) = count(&mut known, &long, start, start + 128);
            assert_eq!(found as usize, expected(&long[start..start + 128]));
        }
        assert!(known.bytes.len() <= MOST_BYTES);
    }
}
