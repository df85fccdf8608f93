//! A Unigram model that counts: the best path through a text, without ids and strings.
//!
//! The library looks for the path with the highest sum of scores. Here the same sums are added in
//! the same order, and a later path has to be better than an earlier one to take its place, so
//! equal sums end alike.

use std::io::{self, Write};

use serde_json::Value;
use tokenizers::models::unigram::Unigram as Model;

use super::saved::{Reader, Writer};
use super::trie::Trie;

/// How far an unknown character's score lies below the lowest one, as in the library.
const PENALTY: f64 = 10.0;

const DAMAGED: &str = "the saved scores are damaged";

#[derive(Debug)]
pub struct Paths {
    trie: Trie,
    /// Bits of the score of each token.
    scores: Box<[u64]>,
    /// Number of the token that stands for unknown text.
    unknown: u32,
    unknown_score: f64,
    /// Whether a byte has a token of its own, for unknown text.
    bytes: Option<Box<[bool; 256]>>,
}

/// Space for the search, kept from text to text.
#[derive(Debug, Default)]
pub struct Best(Vec<Node>);

/// The best path that ends at a place.
#[derive(Debug, Clone, Copy)]
struct Node {
    score: f64,
    /// Where its last token begins; [`NOWHERE`] if no path ends here.
    from: u32,
    unknown: bool,
}

const NOWHERE: u32 = u32::MAX;

impl Node {
    #[inline]
    fn improve(&mut self, score: f64, from: u32, unknown: bool) {
        if self.from == NOWHERE || score > self.score {
            *self = Self {
                score,
                from,
                unknown,
            };
        }
    }
}

impl Paths {
    /// Takes over a model. Returns None for one that the library may fail on.
    #[must_use]
    pub fn of(model: &Model) -> Option<Self> {
        let unknown = unknown_token(model)?;
        let mut lowest = f64::INFINITY;
        let mut scores = Vec::new();
        let mut strings: Vec<(&[u8], u32)> = Vec::new();
        for (id, (token, score)) in (0_u32..).zip(model.iter()) {
            if !score.is_finite() {
                return None;
            }
            lowest = lowest.min(*score);
            scores.push(score.to_bits());
            if !token.is_empty() {
                strings.push((token.as_bytes(), id));
            }
        }
        // Of equal tokens the library knows the last.
        strings.sort_unstable_by(|one, two| one.0.cmp(two.0).then(two.1.cmp(&one.1)));
        strings.dedup_by(|later, kept| later.0 == kept.0);
        let trie = Trie::new(&strings)?;
        let bytes = model.byte_fallback().then(|| {
            let token = |byte: usize| trie.get(format!("<0x{byte:02X}>").as_bytes()).is_some();
            Box::new(std::array::from_fn(token))
        });
        // Sampling is set by no file.
        model.alpha.is_none().then(|| Self {
            trie,
            scores: scores.into(),
            unknown,
            unknown_score: lowest - PENALTY,
            bytes,
        })
    }

    /// Tokens of a text, searched as the library's `encode_optimized` does it.
    ///
    /// # Errors
    ///
    /// If the text is too long.
    pub fn count(&self, text: &str, best: &mut Best) -> Result<u32, String> {
        let Best(best) = best;
        let nothing = Node {
            score: 0.0,
            from: NOWHERE,
            unknown: false,
        };
        let end = u32::try_from(text.len()).map_err(|error| error.to_string())?;
        best.clear();
        best.resize(text.len() + 1, nothing);
        let mut from = 0;
        for character in text.chars() {
            let at = from as usize;
            let till_here = best[at].score;
            let width = character.len_utf8();
            let mut has_single = false;
            self.trie.prefixes(&text.as_bytes()[at..], |length, id| {
                let score = f64::from_bits(self.scores[id as usize]) + till_here;
                best[at + length].improve(score, from, id == self.unknown);
                has_single |= length == width;
            });
            if !has_single {
                best[at + width].improve(self.unknown_score + till_here, from, true);
            }
            from += u32::from(u8::try_from(width).unwrap_or(0));
        }
        Ok(self.count_path(text, best, end))
    }

    /// Tokens of the best path. Unknown text that is not interrupted is one token, or one for
    /// each of its bytes.
    fn count_path(&self, text: &str, best: &[Node], end: u32) -> u32 {
        let (mut count, mut at) = (0, end);
        // Where the unknown text ends that reaches to `at`.
        let mut unknown_end = None;
        let unknown = |from: u32, end: u32| self.count_unknown(&text[from as usize..end as usize]);
        while at > 0 {
            let node = best[at as usize];
            if node.unknown {
                unknown_end.get_or_insert(at);
            } else {
                count += 1 + unknown_end.take().map_or(0, |end| unknown(at, end));
            }
            at = node.from;
        }
        count + unknown_end.map_or(0, |end| unknown(0, end))
    }

    fn count_unknown(&self, text: &str) -> u32 {
        let Some(bytes) = &self.bytes else { return 1 };
        let spelled = text.bytes().all(|byte| bytes[usize::from(byte)])
            && self.trie.get(text.as_bytes()).is_none();
        if spelled {
            u32::try_from(text.len()).unwrap_or(u32::MAX)
        } else {
            1
        }
    }

    pub fn save(&self, out: &mut Writer) {
        out.words(&self.scores);
        self.trie.save(out);
        out.halves(&[self.unknown]);
        out.words(&[self.unknown_score.to_bits()]);
        let bytes = self.bytes.as_deref().map(|bytes| bytes.map(u8::from));
        out.bytes(bytes.as_ref().map_or(&[], |bytes| bytes));
    }

    /// # Errors
    ///
    /// If the bytes are no such model.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let scores = saved.words()?;
        let trie = Trie::restore(saved, scores.len())?;
        let (unknown, unknown_score) = (saved.halves()?, saved.words()?);
        let ([unknown], [unknown_score]) = (&*unknown, &*unknown_score) else {
            return Err(DAMAGED.to_owned());
        };
        let bytes = match saved.bytes()? {
            [] => None,
            bytes => {
                let bytes: &[u8; 256] = bytes.try_into().map_err(|_| DAMAGED.to_owned())?;
                Some(Box::new(bytes.map(|byte| byte == 1)))
            }
        };
        Ok(Self {
            trie,
            scores,
            unknown: *unknown,
            unknown_score: f64::from_bits(*unknown_score),
            bytes,
        })
    }
}

/// Number of the token for unknown text. The library tells it only in writing.
fn unknown_token(model: &Model) -> Option<u32> {
    const FIELD: &str = r#","unk_id":"#;
    let mut start = Start(Vec::new());
    // The field stands before the vocabulary. There the writing fails, as it is meant to.
    let _ = serde_json::to_writer(&mut start, model);
    let written = String::from_utf8(start.0).ok()?;
    let (_, field) = written.split_once(FIELD)?;
    let (number, _) = field.split_once(',')?;
    let number: Value = serde_json::from_str(number).ok()?;
    u32::try_from(number.as_u64()?).ok()
}

/// Takes the start of what is written and then fails.
struct Start(Vec<u8>);

impl Write for Start {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() > 64 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.0.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
