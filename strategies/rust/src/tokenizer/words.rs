//! A shorter way to the count of a text, for byte-level BPE.
//!
//! Most of the time of encoding goes into offsets, alignments and a string for each token, none
//! of which a count needs. Many tokenizers only split a text by regular expressions, map its
//! bytes to characters and run BPE on each word. For these the number of tokens is the sum over
//! the words, and the same word always has the same number. The words are found by the library's
//! own regular expressions and counted by the library's own model.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::{FxBuildHasher, FxHashMap};
use serde_json::Value;
use tokenizers::utils::SysRegex;
use tokenizers::{Model, ModelWrapper, NormalizedString, Normalizer, NormalizerWrapper, Tokenizer};

/// Words that a worker has met in this call.
pub type KnownWords = FxHashMap<Box<str>, u32>;

/// Shards of the words that all workers share.
const SHARDS: usize = 64;

/// Words that any worker has counted in this call: asked when a word is new to a worker.
#[derive(Debug)]
pub struct SharedWords {
    shards: Vec<Mutex<KnownWords>>,
}

impl Default for SharedWords {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl SharedWords {
    fn shard(&self, word: &str) -> MutexGuard<'_, KnownWords> {
        let hash = FxBuildHasher.hash_one(word);
        let shard = usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or(0);
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a worker looks words up.
#[derive(Debug)]
pub struct Memory<'m> {
    pub own: &'m mut KnownWords,
    pub shared: &'m SharedWords,
    /// Looked at before each word that is new; a count that was stopped is an error.
    pub stop: &'m AtomicBool,
}

/// Longer words, in bytes, are not remembered: they hardly ever come again.
const LONGEST_KEPT: usize = 64;

/// Texts that both ways have to count the same before the short way is taken.
const PROBES: [&str; 6] = [
    "Hello, it's 12345 o'clock!  \n\n\tfn main() {}  ",
    " leading and trailing ",
    "e\u{301}te\u{301} Zürich ﬁ ½ 日本語テキスト 안녕 😀👩‍👩‍👧 \u{a0}\u{2028}x",
    "snake_case CamelCase <tag attr=\"v\"/> 3.14e-10 \r\n\r\n \u{0}\u{7f}",
    "हिन्दी العربية עברית ไทย",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

#[derive(Debug)]
pub struct Words {
    splits: Vec<SysRegex>,
    /// Whether normalizing changes nothing in ASCII text.
    ascii_is_normal: bool,
    bytes: [char; 256],
}

impl Words {
    /// The short way for a tokenizer, if it is known to lead to the same counts.
    pub fn of(tokenizer: &Tokenizer) -> Option<Self> {
        let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
        let plain_tokens = added.values().all(|token| {
            !token.normalized
                && !token.single_word
                && !token.lstrip
                && !token.rstrip
                && !token.content.starts_with(char::is_whitespace)
                && !token.content.ends_with(char::is_whitespace)
        });
        if !plain_tokens || !matches!(tokenizer.get_model(), ModelWrapper::BPE(_)) {
            return None;
        }
        // With dropout a count is random, so it cannot be repeated.
        let random =
            matches!(tokenizer.get_model(), ModelWrapper::BPE(model) if model.dropout.is_some());
        if random {
            return None;
        }
        let ascii_is_normal = match tokenizer.get_normalizer() {
            None
            | Some(
                NormalizerWrapper::NFC(_)
                | NormalizerWrapper::NFD(_)
                | NormalizerWrapper::NFKC(_)
                | NormalizerWrapper::NFKD(_),
            ) => true,
            Some(_) => false,
        };
        let words = Self {
            splits: splits(&serde_json::to_value(tokenizer.get_pre_tokenizer()?).ok()?)?,
            ascii_is_normal,
            bytes: byte_characters(),
        };
        let agrees = PROBES.iter().all(|probe| {
            let long = tokenizer
                .encode_fast(*probe, false)
                .map(|found| found.len());
            let mut memory = Memory {
                own: &mut KnownWords::default(),
                shared: &SharedWords::default(),
                stop: &AtomicBool::new(false),
            };
            let short = words.count(tokenizer, probe, &mut memory);
            matches!((long, short), (Ok(long), Ok(short)) if long == short as usize)
        });
        agrees.then_some(words)
    }

    /// Tokens of a text that holds no added token.
    pub fn count(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        memory: &mut Memory,
    ) -> Result<u32, String> {
        let Some(normalizer) = tokenizer.get_normalizer() else {
            return self.split(tokenizer, text, 0, memory);
        };
        if self.ascii_is_normal && text.is_ascii() {
            return self.split(tokenizer, text, 0, memory);
        }
        let mut normalized = NormalizedString::from(text);
        normalizer
            .normalize(&mut normalized)
            .map_err(|error| error.to_string())?;
        self.split(tokenizer, normalized.get(), 0, memory)
    }

    /// Splits at the matches of one expression after another. A match is a piece, and so is the
    /// text between two matches.
    fn split(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        level: usize,
        memory: &mut Memory,
    ) -> Result<u32, String> {
        if text.is_empty() {
            return Ok(0);
        }
        let Some(expression) = self.splits.get(level) else {
            return self.word(tokenizer, text, memory);
        };
        let (mut total, mut from) = (0, 0);
        for (start, end) in expression.find_iter(text) {
            total += self.split(tokenizer, &text[from..start], level + 1, memory)?;
            total += self.split(tokenizer, &text[start..end], level + 1, memory)?;
            from = end;
        }
        Ok(total + self.split(tokenizer, &text[from..], level + 1, memory)?)
    }

    fn word(&self, tokenizer: &Tokenizer, word: &str, memory: &mut Memory) -> Result<u32, String> {
        if let Some(count) = memory.own.get(word) {
            return Ok(*count);
        }
        if memory.stop.load(Ordering::Relaxed) {
            return Err("stopped".to_owned());
        }
        let shared = memory.shared.shard(word).get(word).copied();
        if let Some(count) = shared {
            memory.own.insert(word.into(), count);
            return Ok(count);
        }
        let mapped: String = word
            .bytes()
            .map(|byte| self.bytes[usize::from(byte)])
            .collect();
        let tokens = tokenizer
            .get_model()
            .tokenize(&mapped)
            .map_err(|error| error.to_string())?;
        let count = u32::try_from(tokens.len()).map_err(|error| error.to_string())?;
        if word.len() <= LONGEST_KEPT {
            memory.shared.shard(word).insert(word.into(), count);
            memory.own.insert(word.into(), count);
        }
        Ok(count)
    }
}

/// The expressions of a pre-tokenizer that only splits and then maps bytes to characters.
fn splits(pre_tokenizer: &Value) -> Option<Vec<SysRegex>> {
    let steps = match pre_tokenizer["type"].as_str()? {
        "Sequence" => pre_tokenizer["pretokenizers"].as_array()?.as_slice(),
        _ => std::slice::from_ref(pre_tokenizer),
    };
    let (last, first) = steps.split_last()?;
    let bytes_only = last["type"] == "ByteLevel"
        && last["add_prefix_space"] == false
        && last["use_regex"] == false;
    if !bytes_only {
        return None;
    }
    first
        .iter()
        .map(|step| {
            let isolated = step["type"] == "Split"
                && step["behavior"] == "Isolated"
                && step["invert"] == false;
            if !isolated {
                return None;
            }
            SysRegex::new(step["pattern"]["Regex"].as_str()?).ok()
        })
        .collect()
}

/// The character that byte-level tokenizers write for each byte: itself if it is printable,
/// or else the next free one from U+0100.
fn byte_characters() -> [char; 256] {
    let mut next = 0x100_u32;
    std::array::from_fn(|byte| {
        let byte = u32::try_from(byte).unwrap_or(0);
        let code = match byte {
            0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => byte,
            _ => {
                next += 1;
                next - 1
            }
        };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}

#[cfg(test)]
mod tests {
    use super::{KnownWords, Memory, PROBES, SharedWords, Words};
    use crate::tokenizer::testing;
    use std::sync::atomic::AtomicBool;
    use tokenizers::Tokenizer;
    use tokenizers::normalizers::unicode::NFC;

    #[test]
    fn words_are_counted_as_the_tokenizer_counts_them() {
        for normal in [false, true] {
            let mut tokenizer: Tokenizer = testing::byte_level(&["<a>"]);
            if normal {
                tokenizer.with_normalizer(Some(NFC)).unwrap();
            }
            let words = Words::of(&tokenizer).unwrap();
            let (mut own, shared) = (KnownWords::default(), SharedWords::default());
            for text in PROBES.iter().chain(&["", " ", "x", "thethe the"]) {
                let long = tokenizer.encode_fast(*text, false).unwrap().len();
                for _ in 0..2 {
                    let mut memory = Memory {
                        own: &mut own,
                        shared: &shared,
                        stop: &AtomicBool::new(false),
                    };
                    let short = words.count(&tokenizer, text, &mut memory).unwrap();
                    assert_eq!(short as usize, long);
                }
            }
        }
    }

    #[test]
    fn other_tokenizers_take_the_long_way() {
        assert!(Words::of(&testing::tokenizer(&["<a>"])).is_none());
        assert!(Words::of(&testing::byte_level(&["right:<a>"])).is_none());
        assert!(Words::of(&testing::byte_level(&["normalized:<a>"])).is_none());
    }
}
