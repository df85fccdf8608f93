//! A loaded tokenizer: finds the markers of a prompt and counts the spans between them.

pub mod load;
pub mod markers;
pub mod sentencepiece;
#[cfg(test)]
pub mod testing;

use std::thread::Builder;

use tokenizers::Tokenizer;

use crate::engine::Engine;
use crate::engine::bpe::Tables;
use crate::engine::memory::Memory;
use crate::engine::span::Span;
use crate::fault::panic_message;
use markers::{Cutter, EDGE, INSIDE, Marker, is_token};

/// What counts the spans of prompts.
pub trait SpanLengths: Send + Sync {
    /// Finds the markers.
    fn cutter(&self) -> &Cutter;

    /// Kind of the engine that counts spans; None if the library counts them.
    fn engine(&self) -> Option<&'static str>;

    /// Number of entries in the model's vocabulary.
    fn vocabulary(&self) -> usize;

    /// Tokens of `text` between two cuts, without those of the markers.
    ///
    /// # Errors
    ///
    /// If the model cannot encode it.
    fn count_span(
        &self,
        before: Marker,
        text: &str,
        after: Marker,
        memory: &mut Memory,
    ) -> Result<u32, String>;
}

/// A tokenizer of the tokenizers library.
#[derive(Debug)]
pub struct SpanCounter {
    tokenizer: Tokenizer,
    cutter: Cutter,
    engine: Option<Engine>,
}

impl SpanCounter {
    /// Loads a tokenizer from its JSON.
    ///
    /// # Errors
    ///
    /// If the JSON is no tokenizer that can count.
    pub fn new(json: &str, encode_special_tokens: bool) -> Result<Self, String> {
        let (mut tokenizer, tables) = load::tokenizer(json).map_err(|error| error.to_string())?;
        tokenizer
            .with_truncation(None)
            .map_err(|error| error.to_string())?;
        tokenizer.with_padding(None);
        tokenizer.set_encode_special_tokens(encode_special_tokens);
        Self::of(tokenizer, tables)
    }

    /// Takes a tokenizer that neither truncates nor pads, and the tables of its model if they
    /// are at hand.
    ///
    /// # Errors
    ///
    /// If it cannot be searched for markers.
    pub fn of(tokenizer: Tokenizer, tables: Option<Tables>) -> Result<Self, String> {
        let mut cutter = Cutter::new(&tokenizer)?;
        // The library keeps a cache for each model and thread until the thread ends, so the
        // caller's thread must never encode.
        let engine = std::thread::scope(|scope| {
            let started = Builder::new().spawn_scoped(scope, || Engine::of(&tokenizer, tables));
            let thread = started.map_err(|error| format!("no thread can be started: {error}"))?;
            thread.join().map_err(|panic| panic_message(&*panic))
        })?;
        cutter.cut_inside(engine.as_ref().and_then(Engine::places));
        Ok(Self {
            tokenizer,
            cutter,
            engine,
        })
    }

    /// Tokens of a whole text, markers included.
    ///
    /// # Errors
    ///
    /// If the model cannot encode it.
    pub fn encode(&self, text: &str) -> Result<usize, String> {
        self.tokenizer
            .encode_fast(text, false)
            .map(|encoding| encoding.len())
            .map_err(|error| error.to_string())
    }
}

impl SpanLengths for SpanCounter {
    fn cutter(&self) -> &Cutter {
        &self.cutter
    }

    fn engine(&self) -> Option<&'static str> {
        self.engine.as_ref().map(Engine::name)
    }

    fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab_size(false)
    }

    fn count_span(
        &self,
        before: Marker,
        text: &str,
        after: Marker,
        memory: &mut Memory,
    ) -> Result<u32, String> {
        if text.is_empty() {
            return Ok(0);
        }
        if let Some(engine) = &self.engine {
            let kept = self.cutter.stripped(before, text, after);
            if kept.is_empty() {
                return Ok(0);
            }
            let span = Span {
                text: kept,
                first: before == EDGE,
                goes_on: before == INSIDE,
            };
            if let Some(count) = engine.count(span, memory)? {
                return Ok(count);
            }
        }
        if before == INSIDE || after == INSIDE {
            return Err("only the engine counts a part of a text".to_owned());
        }
        let around = usize::from(is_token(before)) + usize::from(is_token(after));
        let count = if around == 0 {
            self.encode(text)?
        } else {
            let (left, right) = (self.cutter.text(before), self.cutter.text(after));
            let mut whole = String::with_capacity(left.len() + text.len() + right.len());
            whole.push_str(left);
            whole.push_str(text);
            whole.push_str(right);
            self.encode(&whole)?
        };
        count
            .checked_sub(around)
            .and_then(|count| u32::try_from(count).ok())
            .ok_or_else(|| "a marker is no token of its own".to_owned())
    }
}
