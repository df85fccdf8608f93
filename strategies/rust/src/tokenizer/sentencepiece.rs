//! Counts spans with a model of the sentencepiece library, as transformers uses it.
//!
//! transformers splits a prompt at its added tokens in Python and hands what stands between to the
//! library. The markers are those of `strategies/splicing.py`, which says when a cut at them is exact.
//! What a span becomes before the library sees it is done here, by the rules of
//! `SentencePieceBackend` and of `strategies/chat/model_file.py`.

use std::sync::atomic::AtomicBool;

use super::markers::{Added, Cutter, EDGE, Marker, is_space};
use super::{Part, SpanLengths};
use crate::engine::memory::{Memory, Worker};
use crate::engine::sentencepiece::Model;

/// How a span becomes what the library is given.
#[derive(Debug, Clone, Default)]
pub struct Preparation {
    /// Whether a space is put in front of a prompt that begins with no marker.
    pub adds_space: bool,
    /// A text that is put in front of a span that begins with a space, and whose tokens are then
    /// taken off again: it keeps the library from dropping that space.
    pub shield: Option<String>,
}

#[derive(Debug)]
pub struct SentencePiece {
    model: Model,
    cutter: Cutter,
    preparation: Preparation,
    /// Tokens of the shield.
    shield_tokens: u32,
}

impl SentencePiece {
    /// Takes the content of a `.model` file and the tokens at which transformers cuts.
    ///
    /// # Errors
    ///
    /// Why the model is not one that is counted here.
    pub fn new(
        model: &[u8],
        tokens: impl Iterator<Item = Added>,
        preparation: Preparation,
    ) -> Result<Self, String> {
        let model = Model::read(model)?;
        let shield_tokens = match &preparation.shield {
            Some(shield) => {
                let mut memory = Memory {
                    worker: &mut Worker::default(),
                    stop: &AtomicBool::new(false),
                };
                model.count(shield, &mut memory)?
            }
            None => 0,
        };
        Ok(Self {
            model,
            cutter: Cutter::of(tokens)?,
            preparation,
            shield_tokens,
        })
    }
}

impl SpanLengths for SentencePiece {
    fn cutter(&self) -> &Cutter {
        &self.cutter
    }

    fn engine(&self) -> Option<&'static str> {
        Some("sentencepiece")
    }

    fn vocabulary(&self) -> usize {
        self.model.vocabulary()
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
        let with_space;
        let mut text = text;
        if before == EDGE && self.preparation.adds_space {
            with_space = format!(" {text}");
            text = &with_space;
        }
        let text = self.cutter.stripped_of(is_space, before, text, after);
        match &self.preparation.shield {
            Some(shield) if text.starts_with(['▁', ' ']) => {
                let count = self.model.count(&format!("{shield}{text}"), memory)?;
                // As transformers has it.
                Ok(count.checked_sub(self.shield_tokens).unwrap_or(count))
            }
            _ => self.model.count(text, memory),
        }
    }

    fn ids(&self, _: Part) -> Result<Vec<u32>, String> {
        Err("the core makes no ids of the sentencepiece library".to_owned())
    }
}
