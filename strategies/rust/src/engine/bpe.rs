//! A BPE model that counts the tokens of a word and makes none.

use std::collections::HashMap;
use std::hash::BuildHasher;

use rustc_hash::FxHashSet;
use serde::Deserialize;
use tokenizers::Model;
use tokenizers::models::bpe::BPE;

use super::merges::{MOST_IDS, Merges, Work};
use super::saved::{Reader, Writer};
use super::tokens::{Tokens, UNKNOWN};

/// The vocabulary and the merges of a BPE model, in flat tables.
#[derive(Debug)]
pub struct Tables {
    pub tokens: Tokens,
    pub merges: Merges,
}

/// What the library writes of a model, as far as the tables need it.
#[derive(Deserialize)]
struct Written {
    vocab: HashMap<String, u32>,
    merges: Vec<(String, String)>,
}

impl Tables {
    /// Returns None if the model does not fit the tables, or two of its tokens have the same id.
    pub fn new<S: BuildHasher>(
        vocabulary: &HashMap<String, u32, S>,
        merges: &[(String, String)],
    ) -> Option<Self> {
        let mut taken = vec![false; MOST_IDS as usize];
        for id in vocabulary.values() {
            let taken = taken.get_mut(*id as usize)?;
            if std::mem::replace(taken, true) {
                return None;
            }
        }
        let tokens = Tokens::new(vocabulary.iter().map(|(token, id)| (token.as_str(), *id)))?;
        let mut whole = Vec::new();
        let ids: Option<Vec<_>> = merges
            .iter()
            .map(|(left, right)| {
                whole.clear();
                whole.extend(left.bytes().chain(right.bytes()));
                // The library builds no model whose merges are not made of tokens.
                let texts = [left.as_bytes(), right.as_bytes(), &whole];
                tokens
                    .ids_of(texts)
                    .map(|[left, right, made]| (left, right, made))
            })
            .collect();
        Some(Self {
            merges: Merges::new(&ids?)?,
            tokens,
        })
    }

    /// Reads the tables of a model that the library has loaded.
    #[must_use]
    pub fn of(model: &BPE) -> Option<Self> {
        let written = serde_json::to_string(model).ok()?;
        let written: Written = serde_json::from_str(&written).ok()?;
        // Of two tokens with the same id, the library writes one.
        if written.vocab.len() != model.get_vocab_size() {
            return None;
        }
        Self::new(&written.vocab, &written.merges)
    }
}

/// A model that counts.
#[derive(Debug)]
pub struct Bpe {
    merges: Merges,
    /// Ids of the tokens that are one character.
    characters: Tokens,
    /// Ids of the tokens that stand for bytes, if characters without a token become bytes.
    bytes: Option<Box<[u32]>>,
    /// Id of the token for a character without one; without it the character is dropped.
    unknown: Option<u32>,
    fuse_unknown: bool,
    /// All tokens, if a word that is a token is not merged.
    whole: Option<Tokens>,
}

impl Bpe {
    /// The model, if its options are among those that are known to lead to the same counts.
    #[must_use]
    pub fn new(model: &BPE, tables: Tables) -> Option<Self> {
        // With dropout a count is random. A prefix or suffix changes what the symbols are.
        let none = |text: &Option<String>| text.as_ref().is_none_or(String::is_empty);
        if model.dropout.is_some_and(|chance| chance != 0.0)
            || !none(&model.continuing_subword_prefix)
            || !none(&model.end_of_word_suffix)
        {
            return None;
        }
        let Tables { tokens, merges } = tables;
        let unknown = match &model.unk_token {
            None => None,
            // The library fails on a character that becomes a token which is not there.
            Some(token) if token.is_empty() => return None,
            Some(token) => Some(tokens.id(token.as_bytes())?),
        };
        let characters = tokens
            .up_to(char::MAX.len_utf8())
            .filter(|(token, _)| token.chars().count() == 1);
        let bytes = model.byte_fallback.then(|| {
            (0..=u8::MAX)
                .map(|byte| {
                    tokens
                        .id(format!("<0x{byte:02X}>").as_bytes())
                        .unwrap_or(UNKNOWN)
                })
                .collect()
        });
        Some(Self {
            merges,
            characters: Tokens::new(characters)?,
            bytes,
            unknown,
            fuse_unknown: model.fuse_unk,
            whole: model.ignore_merges.then_some(tokens),
        })
    }

    /// The id of a character that is a token.
    #[must_use]
    pub fn character(&self, character: char) -> Option<u32> {
        self.characters
            .id(character.encode_utf8(&mut [0; 4]).as_bytes())
    }

    /// Whether a word is a token that is taken without merging.
    #[must_use]
    pub fn takes_whole(&self, word: &str) -> bool {
        let whole = self.whole.as_ref();
        whole.is_some_and(|tokens| tokens.has(word.as_bytes()))
    }

    /// Whether any word is taken without merging.
    #[must_use]
    pub fn ignores_merges(&self) -> bool {
        self.whole.is_some()
    }

    /// The ids of what stands for a character without a token: always its bytes, or always the
    /// unknown token. None if it may be either, or nothing.
    #[must_use]
    pub fn stand_ins(&self) -> Option<Vec<u32>> {
        match (self.bytes.as_deref(), self.unknown) {
            (Some(bytes), _) if !bytes.contains(&UNKNOWN) => Some(bytes.to_vec()),
            (Some(bytes), _) if bytes.iter().any(|id| *id != UNKNOWN) => None,
            (_, unknown) => unknown.map(|id| vec![id]),
        }
    }

    /// Whether any of these ids is a part of a merge.
    #[must_use]
    pub fn merges_any(&self, ids: &[u32]) -> bool {
        let ids: FxHashSet<&u32> = ids.iter().collect();
        self.merges.parts().any(|id| ids.contains(&id))
    }

    /// Whether characters without a token that follow each other may become one token.
    #[must_use]
    pub fn fuses_unknown(&self) -> bool {
        let spelled = |bytes: &[u32]| !bytes.contains(&UNKNOWN);
        self.fuse_unknown && !self.bytes.as_deref().is_some_and(spelled)
    }

    /// Tokens of a word, as many as the library's model makes of it.
    pub fn count(&self, word: &str, work: &mut Work) -> u32 {
        if self.takes_whole(word) {
            return 1;
        }
        work.symbols.clear();
        self.symbols(word, &mut work.symbols);
        self.merges.count(work)
    }

    /// Tokens of the symbols in `work`.
    pub fn merge(&self, work: &mut Work) -> u32 {
        self.merges.count(work)
    }

    /// Appends the symbols that a word is merged from, in the library's order: an unknown
    /// character waits for the next known one, and bytes that come between go before it.
    fn symbols(&self, word: &str, out: &mut Vec<u32>) {
        let mut waits = false;
        for character in word.chars() {
            let mut buffer = [0; 4];
            let utf8 = character.encode_utf8(&mut buffer).as_bytes();
            if let Some(id) = self.characters.id(utf8) {
                if let (true, Some(unknown)) = (waits, self.unknown) {
                    out.push(unknown);
                }
                waits = false;
                out.push(id);
                continue;
            }
            if let Some(bytes) = &self.bytes {
                let ids = || utf8.iter().map(|byte| bytes[usize::from(*byte)]);
                if ids().all(|id| id != UNKNOWN) {
                    out.extend(ids());
                    continue;
                }
            }
            if let Some(unknown) = self.unknown {
                if waits && !self.fuse_unknown {
                    out.push(unknown);
                }
                waits = true;
            }
        }
        if let (true, Some(unknown)) = (waits, self.unknown) {
            out.push(unknown);
        }
    }

    pub fn save(&self, out: &mut Writer) {
        self.merges.save(out);
        self.characters.save(out);
        out.halves(self.bytes.as_deref().unwrap_or_default());
        out.halves(&[
            self.unknown.unwrap_or(UNKNOWN),
            u32::from(self.fuse_unknown),
            u32::from(self.whole.is_some()),
        ]);
        if let Some(tokens) = &self.whole {
            tokens.save(out);
        }
    }

    /// # Errors
    ///
    /// If the bytes are no such model.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let merges = Merges::restore(saved)?;
        let characters = Tokens::restore(saved)?;
        let bytes = saved.halves()?;
        let [unknown, fuse_unknown, whole] = *saved.halves()? else {
            return Err("the model's options are damaged".to_owned());
        };
        if !matches!(bytes.len(), 0 | 256) {
            return Err("the model's bytes are damaged".to_owned());
        }
        Ok(Self {
            merges,
            characters,
            bytes: (!bytes.is_empty()).then_some(bytes),
            unknown: (unknown != UNKNOWN).then_some(unknown),
            fuse_unknown: fuse_unknown == 1,
            whole: if whole == 1 {
                Some(Tokens::restore(saved)?)
            } else {
                None
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Bpe, Tables};
    use crate::engine::merges::Work;
    use crate::engine::saved::{Reader, Writer};
    use crate::engine::testing::Random;
    use ahash::AHashMap;
    use tokenizers::Model;
    use tokenizers::models::bpe::{BPE, BpeBuilder};

    /// A model with random merges over a few characters and every token that they make.
    fn random_model(
        random: &mut Random,
        options: impl Fn(BpeBuilder) -> BpeBuilder,
    ) -> Option<BPE> {
        let mut tokens: Vec<String> = ["a", "b", "c", "é", "▁"].map(str::to_owned).into();
        let mut merges = Vec::new();
        for _ in 0..random.below(60) {
            let mut token = || tokens[random.below(tokens.len())].clone();
            let (left, right) = (token(), token());
            let made = format!("{left}{right}");
            if made.len() > 24 {
                continue;
            }
            if !tokens.contains(&made) {
                tokens.push(made);
            }
            merges.push((left, right));
        }
        // Merges in another order than their tokens were made, and some twice.
        for _ in 0..merges.len() {
            let (one, two) = (random.below(merges.len()), random.below(merges.len()));
            merges.swap(one, two);
        }
        if let Some(again) = merges.first().cloned() {
            merges.push(again);
        }
        for token in ["<unk>", "<0xE6>", "<0x97>", "<0xA5>", "<0x78>"] {
            tokens.push(token.to_owned());
        }
        merges.push(("<unk>".to_owned(), "a".to_owned()));
        merges.push(("<0xE6>".to_owned(), "<0x97>".to_owned()));
        tokens.push("<unk>a".to_owned());
        tokens.push("<0xE6><0x97>".to_owned());
        let vocabulary: AHashMap<String, u32> = tokens.into_iter().zip(0..).collect();
        options(BPE::builder().vocab_and_merges(vocabulary, merges))
            .build()
            .ok()
    }

    fn assert_counts(random: &mut Random, options: impl Fn(BpeBuilder) -> BpeBuilder) {
        for _ in 0..20 {
            let model = random_model(random, &options).unwrap();
            let bpe = Bpe::new(&model, Tables::of(&model).unwrap()).unwrap();
            let mut out = Writer::default();
            bpe.save(&mut out);
            let saved = out.finish();
            let mut reader = Reader::new(&saved).unwrap();
            let restored = Bpe::restore(&mut reader).unwrap();
            reader.end().unwrap();
            let mut work = Work::default();
            for size in [0, 1, 2, 3, 7, 8, 15, 16, 17, 47, 48, 49, 127, 128, 129, 300] {
                for _ in 0..4 {
                    let word: String = (0..size)
                        .map(|_| *random.choose(&['a', 'a', 'b', 'c', 'é', '▁', 'x', '日', 'ÿ']))
                        .collect();
                    let expected = model.tokenize(&word).unwrap().len();
                    assert_eq!(bpe.count(&word, &mut work) as usize, expected, "{word}");
                    assert_eq!(restored.count(&word, &mut work) as usize, expected);
                }
            }
        }
    }

    #[test]
    fn words_are_counted_as_the_library_counts_them() {
        let mut random = Random::new(1);
        assert_counts(&mut random, |builder| builder);
        assert_counts(&mut random, |builder| builder.byte_fallback(true));
        for fuse in [false, true] {
            let unknown = |builder: BpeBuilder| builder.unk_token("<unk>".to_owned());
            assert_counts(&mut random, |builder| unknown(builder).fuse_unk(fuse));
            assert_counts(&mut random, |builder| {
                unknown(builder)
                    .fuse_unk(fuse)
                    .byte_fallback(true)
                    .ignore_merges(true)
            });
        }
    }

    #[test]
    fn a_long_run_takes_little_more_time_than_its_length() {
        let model = random_model(&mut Random::new(3), |builder| builder).unwrap();
        let bpe = Bpe::new(&model, Tables::of(&model).unwrap()).unwrap();
        let word = "ab".repeat(100_000);
        let expected = model.tokenize(&word).unwrap().len();
        assert_eq!(bpe.count(&word, &mut Work::default()) as usize, expected);
    }

    #[test]
    fn other_options_are_left_to_the_library() {
        let refused: [fn(BpeBuilder) -> BpeBuilder; 4] = [
            |builder| builder.dropout(0.5),
            |builder| builder.end_of_word_suffix("</w>".to_owned()),
            |builder| builder.continuing_subword_prefix("a".to_owned()),
            |builder| builder.unk_token("none".to_owned()),
        ];
        for options in refused {
            let vocabulary = [("a".to_owned(), 0), ("b".to_owned(), 1)];
            let model = options(BPE::builder().vocab_and_merges(vocabulary, vec![])).build();
            let model = model.unwrap();
            assert!(Bpe::new(&model, Tables::of(&model).unwrap()).is_none());
        }
        // A second token with the same id could stand in for the first in a merge.
        let vocabulary = [("a".to_owned(), 0), ("b".to_owned(), 0)];
        let model = BPE::builder().vocab_and_merges(vocabulary, vec![]).build();
        assert!(Tables::of(&model.unwrap()).is_none());
    }
}
