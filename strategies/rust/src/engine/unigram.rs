//! Counts for Unigram models: the text is normalized and split, and each piece is searched.
//!
//! A text is divided into units, mostly a space and a word, and a unit that comes again is looked
//! up. That is exact if C7 to C11 of docs/cutting.md hold; [`Unigram::of`] and [`Ends`] check each.

use tokenizers::models::unigram::Unigram as Model;
use tokenizers::{PreTokenizerWrapper, Tokenizer};

use super::local::Local;
use super::memory::{Memory, TOGETHER, Worker, go_on, place};
use super::paths::{Best, Paths};
use super::rule::Unmet;
use super::saved::{Reader, Writer};

const DAMAGED: &str = "the saved Unigram model is damaged";

#[derive(Debug)]
pub struct Unigram {
    normal: Local,
    splits: Splits,
    ends: Ends,
    paths: Paths,
}

/// What the pre-tokenizer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Splits {
    /// It first splits at white space, which it removes.
    words: bool,
    /// It then writes a mark for each space.
    mark: Option<Mark>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    character: char,
    /// Whether each word that has no mark at its start gets one.
    prefixes: bool,
    /// Whether each mark begins a piece.
    splits: bool,
}

/// Where a unit may end.
#[derive(Debug)]
struct Ends {
    /// For a byte: whether it is an ASCII character that a unit may end with.
    last: [bool; 128],
    /// Whether a unit may begin with this ASCII character.
    next: [bool; 128],
    /// Which other characters a unit may end with.
    wide: Wide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wide {
    /// All after which a grapheme cluster ends.
    Clusters,
    /// Letters that have no space in their normal form.
    Letters,
}

impl Unigram {
    /// Reads a model and what goes before it.
    ///
    /// # Errors
    ///
    /// The condition that does not hold.
    pub fn of(tokenizer: &Tokenizer, model: &Model) -> Result<Self, Unmet> {
        let normal = Local::of(tokenizer.get_normalizer()).ok_or("C8")?;
        let splits = Splits::of(tokenizer.get_pre_tokenizer())?;
        // Such a token is looked for in the normalized text, and here in the text itself.
        let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
        let hidden = !normal.is_none() && added.values().any(|token| token.normalized);
        if hidden {
            return Err("C13");
        }
        Ok(Self {
            ends: Ends::of(splits, &normal),
            splits,
            normal,
            paths: Paths::of(model).ok_or("C15")?,
        })
    }

    /// Why no unit ends before white space, if none does.
    #[must_use]
    pub fn undivided(&self) -> Unmet {
        if self.splits.words || self.splits.mark.is_some_and(|mark| mark.splits) {
            "C10"
        } else {
            "C9"
        }
    }

    /// Where the unit ends that begins at `from`.
    #[must_use]
    #[inline]
    pub fn unit_end(&self, text: &str, from: usize) -> usize {
        let bytes = text.as_bytes();
        for at in from + 1..bytes.len() {
            let next = bytes[at];
            if next > b' ' || !self.ends.next[usize::from(next)] {
                continue;
            }
            let last = bytes[at - 1];
            let ends = match self.ends.last.get(usize::from(last)) {
                Some(ends) => *ends,
                None => self.ends.after(text[..at].chars().next_back()),
            };
            if ends {
                return at;
            }
        }
        bytes.len()
    }

    /// Whether a text may be cut between two ASCII characters.
    #[must_use]
    pub fn may_cut(&self, last: u8, next: u8) -> bool {
        let is = |table: &[bool], byte: u8| table.get(usize::from(byte)).copied();
        is(&self.ends.last, last) == Some(true) && is(&self.ends.next, next) == Some(true)
    }

    /// Tokens of a text without added tokens.
    ///
    /// # Errors
    ///
    /// If the call was cancelled, or the library cannot normalize the text.
    pub fn count(&self, text: &str, memory: &mut Memory) -> Result<u32, String> {
        let (mut total, mut from) = (0, 0);
        memory.worker.words.clear();
        while from < text.len() {
            let end = self.unit_end(text, from);
            memory.worker.words.push((place(from), place(end)));
            if memory.worker.words.len() == TOGETHER {
                total += self.count_units(text.as_bytes(), memory)?;
            }
            from = end;
        }
        Ok(total + self.count_units(text.as_bytes(), memory)?)
    }

    /// Counts the units that the worker has put together.
    fn count_units(&self, text: &[u8], memory: &mut Memory) -> Result<u32, String> {
        let stop = memory.stop;
        let Worker {
            known,
            words,
            normal,
            mapped,
            best,
            ..
        } = &mut *memory.worker;
        let total = known.count(text, words, |unit| {
            go_on(stop)?;
            let unit = std::str::from_utf8(unit).map_err(|error| error.to_string())?;
            self.normal.write(unit, normal)?;
            self.count_normal(normal, mapped, best)
        });
        words.clear();
        total
    }

    /// Tokens of a text in normal form that is split by itself.
    fn count_normal(
        &self,
        text: &str,
        mapped: &mut String,
        best: &mut Best,
    ) -> Result<u32, String> {
        if !self.splits.words {
            return self.count_word(text, mapped, best);
        }
        let mut count = 0;
        for word in text.split(char::is_whitespace) {
            count += self.count_word(word, mapped, best)?;
        }
        Ok(count)
    }

    fn count_word(&self, word: &str, mapped: &mut String, best: &mut Best) -> Result<u32, String> {
        if word.is_empty() {
            return Ok(0);
        }
        let Some(mark) = self.splits.mark else {
            return self.paths.count(word, best);
        };
        mapped.clear();
        if mark.prefixes && !word.starts_with([' ', mark.character]) {
            mapped.push(mark.character);
        }
        mapped.extend(word.chars().map(|character| match character {
            ' ' => mark.character,
            other => other,
        }));
        if !mark.splits {
            return self.paths.count(mapped, best);
        }
        let (mut count, mut from) = (0, 0);
        for (at, _) in mapped.match_indices(mark.character) {
            count += self.paths.count(&mapped[from..at], best)?;
            from = at;
        }
        Ok(count + self.paths.count(&mapped[from..], best)?)
    }

    pub fn save(&self, out: &mut Writer) {
        self.normal.save(out);
        self.splits.save(out);
        self.paths.save(out);
    }

    /// # Errors
    ///
    /// If the bytes are no such engine.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let normal = Local::restore(saved)?;
        let splits = Splits::restore(saved)?;
        Ok(Self {
            ends: Ends::of(splits, &normal),
            splits,
            normal,
            paths: Paths::restore(saved)?,
        })
    }
}

impl Splits {
    fn of(pre_tokenizer: Option<&PreTokenizerWrapper>) -> Result<Self, Unmet> {
        let mark = |step: &PreTokenizerWrapper| match step {
            PreTokenizerWrapper::Metaspace(metaspace) => {
                let described = serde_json::to_value(metaspace).map_err(|_| "C9")?;
                Ok(Mark {
                    character: metaspace.get_replacement(),
                    prefixes: match described["prepend_scheme"].as_str() {
                        Some("always") => true,
                        Some("never") => false,
                        // What it does depends on the place in the prompt.
                        _ => return Err("C11"),
                    },
                    splits: metaspace.get_split(),
                })
            }
            _ => Err("C9"),
        };
        let (words, mark) = match pre_tokenizer {
            None => (false, None),
            Some(PreTokenizerWrapper::WhitespaceSplit(_)) => (true, None),
            Some(PreTokenizerWrapper::Sequence(steps)) => match steps.as_ref() {
                [PreTokenizerWrapper::WhitespaceSplit(_), second] => (true, Some(mark(second)?)),
                _ => return Err("C9"),
            },
            Some(step) => (false, Some(mark(step)?)),
        };
        Ok(Self { words, mark })
    }

    fn save(self, out: &mut Writer) {
        let mark = self.mark.map_or([0; 3], |mark| {
            [
                u32::from(mark.character),
                u32::from(mark.prefixes),
                u32::from(mark.splits),
            ]
        });
        out.halves(&[
            u32::from(self.words),
            u32::from(self.mark.is_some()),
            mark[0],
            mark[1],
            mark[2],
        ]);
    }

    fn restore(saved: &mut Reader) -> Result<Self, String> {
        let [words, marks, character, prefixes, splits] = *saved.halves()? else {
            return Err(DAMAGED.to_owned());
        };
        let mark = Mark {
            character: char::from_u32(character).ok_or(DAMAGED)?,
            prefixes: prefixes == 1,
            splits: splits == 1,
        };
        Ok(Self {
            words: words == 1,
            mark: (marks == 1).then_some(mark),
        })
    }
}

impl Ends {
    fn of(splits: Splits, normal: &Local) -> Self {
        let mark = splits.mark.filter(|mark| mark.splits);
        let known = match (splits.words, normal.joined()) {
            (true, joined) => joined.is_none_or(|joined| joined == ' '),
            (false, None) => mark.is_some(),
            // Whether `a` ends in a space is not known if it is part of a longer cluster.
            (false, Some(joined)) => {
                mark.is_some_and(|mark| joined == ' ' || joined == mark.character)
                    && !normal.has_charsmap()
            }
        };
        let place = |byte: usize| u8::try_from(byte).ok().and_then(|byte| normal.ascii(byte));
        Self {
            last: std::array::from_fn(|byte| {
                known
                    && place(byte).is_some_and(|becomes| {
                        usize::from(becomes) == byte && !char::from(becomes).is_whitespace()
                    })
            }),
            next: std::array::from_fn(|byte| {
                known
                    && byte <= usize::from(b' ')
                    && place(byte).is_some_and(|becomes| {
                        becomes == b' ' || splits.words && char::from(becomes).is_whitespace()
                    })
            }),
            wide: if normal.joined().is_some() && !splits.words {
                Wide::Letters
            } else {
                Wide::Clusters
            },
        }
    }

    /// Whether a unit may end after this character, which is not ASCII.
    fn after(&self, last: Option<char>) -> bool {
        last.is_some_and(|last| match self.wide {
            Wide::Clusters => Local::begins_cluster(last),
            Wide::Letters => matches!(
                u32::from(last),
                0xc0..=0xd6 | 0xd8..=0xf6 | 0xf8..=0x24f | 0x400..=0x481 | 0x48a..=0x52f
                | 0x3041..=0x3096 | 0x30a1..=0x30fa | 0x4e00..=0x9fff | 0xac00..=0xd7a3
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Unigram;
    use crate::engine::memory::{Memory, Worker};
    use crate::engine::saved::{Reader, Writer};
    use crate::engine::testing::Random;
    use std::sync::atomic::AtomicBool;
    use tokenizers::models::unigram::Unigram as Model;
    use tokenizers::normalizers::replace::ReplacePattern;
    use tokenizers::normalizers::{Lowercase, NFKC, Nmt, Replace, Sequence};
    use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
    use tokenizers::pre_tokenizers::sequence::Sequence as Steps;
    use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
    use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

    const CHARACTERS: [char; 22] = [
        'a', 'a', 'b', 'b', 'c', 'é', 'e', '\u{301}', ' ', ' ', ' ', '\n', '\r', '\t', '▁', '日',
        'ﬁ', '½', '\u{1}', '\u{200b}', 'x', '\u{a0}',
    ];

    fn text(random: &mut Random, length: usize) -> String {
        (0..length).map(|_| *random.choose(&CHARACTERS)).collect()
    }

    /// Few scores, so that many paths are equally good.
    fn random_model(random: &mut Random, fallback: bool) -> Model {
        let mut tokens: Vec<(String, f64)> = Vec::new();
        for character in CHARACTERS {
            if random.below(3) > 0 {
                tokens.push((character.to_string(), 0.0));
            }
        }
        for _ in 0..40 {
            let length = 2 + random.below(4);
            tokens.push((text(random, length), 0.0));
        }
        if fallback {
            for byte in 0..=255 {
                if byte != 0xe6 || random.below(2) == 0 {
                    tokens.push((format!("<0x{byte:02X}>"), 0.0));
                }
            }
        }
        for token in &mut tokens {
            token.1 = *random.choose(&[-0.1, -0.2, -0.3, -1.5, -2.5, 0.7]);
        }
        let unknown = random.below(tokens.len());
        if random.below(2) == 0 {
            "<unk>".clone_into(&mut tokens[unknown].0);
        }
        Model::from(tokens, Some(unknown), fallback).unwrap()
    }

    fn normalizers() -> Vec<Option<NormalizerWrapper>> {
        let runs = |content: &str| {
            let pattern = ReplacePattern::Regex(" {2,}".to_owned());
            NormalizerWrapper::from(Replace::new(pattern, content).unwrap())
        };
        vec![
            None,
            Some(Sequence::new(vec![Nmt.into(), NFKC.into(), runs(" ")]).into()),
            Some(Sequence::new(vec![Lowercase.into(), runs("▁")]).into()),
            Some(Replace::new(" ", "▁").unwrap().into()),
        ]
    }

    fn pre_tokenizers() -> Vec<Option<PreTokenizerWrapper>> {
        let mark = |scheme, split| PreTokenizerWrapper::from(Metaspace::new('▁', scheme, split));
        let after_words =
            |step| PreTokenizerWrapper::from(Steps::new(vec![WhitespaceSplit.into(), step]));
        vec![
            None,
            Some(WhitespaceSplit.into()),
            Some(mark(PrependScheme::Always, true)),
            Some(mark(PrependScheme::Never, true)),
            Some(mark(PrependScheme::Always, false)),
            Some(after_words(mark(PrependScheme::Always, true))),
            Some(after_words(mark(PrependScheme::Never, false))),
        ]
    }

    #[test]
    fn texts_and_their_units_are_counted_as_the_library_counts_them() {
        let mut random = Random::new(5);
        let mut divided = 0;
        for normalizer in normalizers() {
            for pre_tokenizer in pre_tokenizers() {
                for round in 0..12 {
                    let model = random_model(&mut random, round % 3 == 0);
                    let mut tokenizer = Tokenizer::new(model.clone());
                    tokenizer.with_normalizer(normalizer.clone()).unwrap();
                    tokenizer.with_pre_tokenizer(pre_tokenizer.clone());
                    let unigram = Unigram::of(&tokenizer, &model).unwrap();
                    let mut out = Writer::default();
                    unigram.save(&mut out);
                    let saved = out.finish();
                    let mut reader = Reader::new(&saved).unwrap();
                    let restored = Unigram::restore(&mut reader).unwrap();
                    reader.end().unwrap();
                    let mut worker = Worker::default();
                    let stop = AtomicBool::new(false);
                    let mut memory = Memory {
                        worker: &mut worker,
                        stop: &stop,
                    };
                    for _ in 0..60 {
                        let length = random.below(40);
                        let text = text(&mut random, length);
                        let expected = tokenizer.encode_fast(text.as_str(), false).unwrap().len();
                        let end = restored.unit_end(&text, 0);
                        divided += usize::from(end < text.len());
                        for engine in [&unigram, &restored] {
                            let count = engine.count(&text, &mut memory).unwrap();
                            assert_eq!(count as usize, expected, "{text:?}");
                        }
                    }
                }
            }
        }
        assert!(divided > 3_000, "{divided}");
    }
}
