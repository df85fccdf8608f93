//! Counts for byte-level BPE: the text is split by expressions, and the bytes of each word are
//! merged. The number of tokens is the sum over the words, and the same word always has the same
//! number.

use std::collections::HashMap;

use tokenizers::Tokenizer;
use tokenizers::models::bpe::BPE;

use super::bpe::{Bpe, Tables};
use super::memory::{Memory, SHORT, TOGETHER, Worker, go_on};
use super::normal::Normal;
use super::others::Others;
use super::patterns::Splits;
use super::reached::reached;
use super::rule::Unmet;
use super::saved::{Reader, Writer};
use super::whole::Whole;

/// A longer text is left to the library, whose expressions give up after ten million steps back
/// in one match. Here they never do.
const LONGEST: usize = 1 << 22;

#[derive(Debug)]
pub struct ByteLevel {
    normal: Normal,
    pre_tokenizer: String,
    splits: Splits,
    bpe: Bpe,
    characters: [char; 256],
    /// The symbol of each byte, if each has one.
    symbols: Option<Box<[u32; 256]>>,
    /// Words that are one token; asked if each byte has a symbol.
    whole: Whole,
}

impl ByteLevel {
    /// The engine, if the tokenizer is of this kind.
    ///
    /// # Errors
    ///
    /// The condition that does not hold.
    pub fn of(
        tokenizer: &Tokenizer,
        model: &BPE,
        tables: impl FnOnce() -> Result<Tables, Unmet>,
    ) -> Result<Self, Unmet> {
        let written = serde_json::to_string(&tokenizer.get_pre_tokenizer()).map_err(|_| "C12")?;
        if !written.contains("ByteLevel") {
            // It is one without word splitting, whose text comes to the model in another way.
            return Err("C6");
        }
        let normal = Normal::of(tokenizer.get_normalizer()).ok_or("C8")?;
        let splits = Splits::of(&written).ok_or("C12")?;
        let tables = tables()?;
        let whole = whole_words(&tables, model.ignore_merges);
        let bpe = Bpe::new(model, tables).ok_or("C1")?;
        Ok(Self::new(normal, written, splits, bpe, whole))
    }

    /// Why it divides no text, if it divides none.
    pub fn undivided(&self) -> Unmet {
        if self.normal.parts_at_ascii() {
            "C12"
        } else {
            "C8"
        }
    }

    fn new(normal: Normal, pre_tokenizer: String, splits: Splits, bpe: Bpe, whole: Whole) -> Self {
        let characters = byte_characters();
        let symbols: Option<Vec<u32>> = characters.iter().map(|one| bpe.character(*one)).collect();
        Self {
            normal,
            pre_tokenizer,
            splits,
            bpe,
            characters,
            symbols: symbols
                .and_then(|symbols| symbols.try_into().ok())
                .map(Box::new),
            whole,
        }
    }

    /// Whether a text may be cut between two ASCII characters.
    pub fn may_cut(&self, last: u8, next: u8) -> bool {
        self.normal.parts_at_ascii() && self.splits.always_between(last, next)
    }

    /// Tokens of a text without added tokens; None if it holds one when it is normalized.
    pub fn count(
        &self,
        text: &str,
        others: &Others,
        memory: &mut Memory,
    ) -> Result<Option<u32>, String> {
        let mut normal = self.normal.apply(text)?;
        if normal.len() > LONGEST || others.are_in(&normal) {
            return Ok(None);
        }
        // To a text of which the normalizer leaves nothing, the library adds no space.
        if !normal.is_empty() && self.splits.wants_space(&normal) {
            normal = format!(" {normal}").into();
        }
        let mut total = 0;
        memory.worker.words.clear();
        self.splits.each(&normal, &mut |start, end| {
            // The engine takes no text whose places do not fit.
            #[allow(clippy::cast_possible_truncation)]
            memory.worker.words.push((start as u32, end as u32));
            if memory.worker.words.len() == TOGETHER {
                total += self.count_words(&normal, memory)?;
            }
            Ok(())
        })?;
        Ok(Some(total + self.count_words(&normal, memory)?))
    }

    /// Counts the words that the worker has put together.
    fn count_words(&self, text: &str, memory: &mut Memory) -> Result<u32, String> {
        let stop = memory.stop;
        let Worker {
            known,
            work,
            words,
            mapped,
            ..
        } = &mut *memory.worker;
        let total = known.count(text.as_bytes(), words, |word| {
            go_on(stop)?;
            let Some(symbols) = &self.symbols else {
                return Ok(self.bpe.count(self.mapped(word, mapped), work));
            };
            // All short words that are taken whole are in the set.
            if self.whole.has(word)
                || (word.len() > SHORT
                    && self.bpe.ignores_merges()
                    && self.bpe.takes_whole(self.mapped(word, mapped)))
            {
                return Ok(1);
            }
            work.symbols.clear();
            work.symbols
                .extend(word.iter().map(|byte| symbols[usize::from(*byte)]));
            Ok(self.bpe.merge(work))
        });
        words.clear();
        total
    }

    /// A word in the characters of its bytes, as the model reads it.
    fn mapped<'o>(&self, word: &[u8], out: &'o mut String) -> &'o str {
        out.clear();
        out.extend(word.iter().map(|byte| self.characters[usize::from(*byte)]));
        out
    }

    pub fn save(&self, out: &mut Writer) {
        self.normal.save(out);
        out.bytes(self.pre_tokenizer.as_bytes());
        self.bpe.save(out);
        self.whole.save(out);
    }

    /// # Errors
    ///
    /// If the bytes are no such engine.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let normal = Normal::restore(saved)?;
        let written = saved.text()?;
        let splits = Splits::of(written).ok_or("the pre-tokenizer is damaged")?;
        let bpe = Bpe::restore(saved)?;
        let whole = Whole::restore(saved)?;
        Ok(Self::new(normal, written.to_owned(), splits, bpe, whole))
    }
}

/// The words that are one token: all tokens if merges are ignored for them, or else those that
/// the merges make of their own text. There are none if a byte has no symbol.
fn whole_words(tables: &Tables, ignore_merges: bool) -> Whole {
    let characters = byte_characters();
    let symbols: Option<Vec<u32>> = characters
        .iter()
        .map(|one| tables.tokens.id(one.encode_utf8(&mut [0; 4]).as_bytes()))
        .collect();
    let (Some(symbols), Some(last)) = (symbols, tables.tokens.iter().map(|(_, id)| id).max())
    else {
        return Whole::new(0);
    };
    let reached = if ignore_merges {
        vec![true; last as usize + 1]
    } else {
        reached(&tables.merges, &symbols, last as usize + 1)
    };
    let mut bytes: HashMap<char, u8> = HashMap::new();
    bytes.extend(characters.into_iter().zip(0..=u8::MAX));
    let mut whole = Whole::new(reached.iter().filter(|reached| **reached).count());
    // Each character is at most two bytes of the text.
    let short = tables.tokens.up_to(SHORT * 2);
    for (token, _) in short.filter(|(_, id)| reached[*id as usize]) {
        let mut word = [0; SHORT * 2];
        let mut length = 0;
        let known = token.chars().all(|one| {
            let byte = bytes.get(&one);
            word[length] = byte.copied().unwrap_or(0);
            length += 1;
            byte.is_some()
        });
        if known {
            whole.add(&word[..length]);
        }
    }
    whole
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
