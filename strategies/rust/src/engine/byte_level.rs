//! Counts for byte-level BPE: the text is split by expressions, and the bytes of each word are
//! merged. The number of tokens is the sum over the words, and the same word always has the same
//! number.

use serde_json::Value;
use tokenizers::Tokenizer;
use tokenizers::models::bpe::BPE;
use tokenizers::utils::SysRegex;

use super::bpe::{Bpe, Tables};
use super::memory::{Memory, Worker, go_on};
use super::normal::Normal;
use super::others::Others;
use super::saved::{Reader, Writer};

#[derive(Debug)]
pub struct ByteLevel {
    normal: Normal,
    pre_tokenizer: String,
    splits: Vec<SysRegex>,
    bpe: Bpe,
    characters: [char; 256],
    /// The symbol of each byte, if each has one.
    symbols: Option<Box<[u32; 256]>>,
}

impl ByteLevel {
    /// The engine, if the tokenizer is of this kind.
    pub fn of(
        tokenizer: &Tokenizer,
        model: &BPE,
        tables: impl FnOnce() -> Option<Tables>,
    ) -> Option<Self> {
        let written = serde_json::to_string(tokenizer.get_pre_tokenizer()?).ok()?;
        let normal = Normal::of(tokenizer.get_normalizer())?;
        let splits = splits(&written)?;
        Some(Self::new(
            normal,
            written,
            splits,
            Bpe::new(model, tables()?)?,
        ))
    }

    fn new(normal: Normal, pre_tokenizer: String, splits: Vec<SysRegex>, bpe: Bpe) -> Self {
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
        }
    }

    /// Tokens of a text without added tokens; None if it holds one when it is normalized.
    pub fn count(
        &self,
        text: &str,
        others: &Others,
        memory: &mut Memory,
    ) -> Result<Option<u32>, String> {
        let normal = self.normal.apply(text)?;
        if others.are_in(&normal) {
            return Ok(None);
        }
        self.split(&normal, 0, memory).map(Some)
    }

    /// Splits at the matches of one expression after another. A match is a piece, and so is the
    /// text between two matches.
    fn split(&self, text: &str, level: usize, memory: &mut Memory) -> Result<u32, String> {
        if text.is_empty() {
            return Ok(0);
        }
        let Some(expression) = self.splits.get(level) else {
            return self.word(text, 0, text.len(), memory);
        };
        let (mut total, mut from) = (0, 0);
        for (start, end) in expression.find_iter(text) {
            total += self.split(&text[from..start], level + 1, memory)?;
            total += self.split(&text[start..end], level + 1, memory)?;
            from = end;
        }
        Ok(total + self.split(&text[from..], level + 1, memory)?)
    }

    #[inline]
    fn word(
        &self,
        text: &str,
        start: usize,
        end: usize,
        memory: &mut Memory,
    ) -> Result<u32, String> {
        let stop = memory.stop;
        let Worker {
            known,
            work,
            mapped,
            ..
        } = &mut *memory.worker;
        known.count(text.as_bytes(), start, end, |word| {
            go_on(stop)?;
            if let (Some(symbols), false) = (&self.symbols, self.bpe.ignores_merges()) {
                work.symbols.clear();
                work.symbols
                    .extend(word.iter().map(|byte| symbols[usize::from(*byte)]));
                return Ok(self.bpe.merge(work));
            }
            mapped.clear();
            mapped.extend(word.iter().map(|byte| self.characters[usize::from(*byte)]));
            Ok(self.bpe.count(mapped, work))
        })
    }

    pub fn save(&self, out: &mut Writer) {
        self.normal.save(out);
        out.bytes(self.pre_tokenizer.as_bytes());
        self.bpe.save(out);
    }

    /// # Errors
    ///
    /// If the bytes are no such engine.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let normal = Normal::restore(saved)?;
        let written = saved.text()?;
        let splits = splits(written).ok_or("the pre-tokenizer is damaged")?;
        Ok(Self::new(
            normal,
            written.to_owned(),
            splits,
            Bpe::restore(saved)?,
        ))
    }
}

/// The expressions of a pre-tokenizer that only splits and then maps bytes to characters.
fn splits(pre_tokenizer: &str) -> Option<Vec<SysRegex>> {
    let pre_tokenizer: Value = serde_json::from_str(pre_tokenizer).ok()?;
    let steps = match pre_tokenizer["type"].as_str()? {
        "Sequence" => pre_tokenizer["pretokenizers"].as_array()?.as_slice(),
        _ => std::slice::from_ref(&pre_tokenizer),
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
