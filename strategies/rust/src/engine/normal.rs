//! The normalizer of a tokenizer, passed over where it changes nothing.

use std::borrow::Cow;

use serde_json::Value;
use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};

use super::saved::{Reader, Writer};

/// Normalizes as the library does.
#[derive(Debug)]
pub struct Normal {
    /// None if it changes no text.
    library: Option<NormalizerWrapper>,
    /// Whether it changes nothing in ASCII text.
    keeps_ascii: bool,
}

impl Normal {
    #[must_use]
    pub fn of(normalizer: Option<&NormalizerWrapper>) -> Option<Self> {
        let Some(normalizer) = normalizer else {
            return Some(Self {
                library: None,
                keeps_ascii: true,
            });
        };
        let written = serde_json::to_value(normalizer).ok()?;
        let steps = steps(&written)?;
        let unicode = |step: &&str| matches!(*step, "NFC" | "NFD" | "NFKC" | "NFKD");
        Some(Self {
            library: (!steps.is_empty()).then(|| normalizer.clone()),
            keeps_ascii: steps.iter().all(unicode),
        })
    }

    /// # Errors
    ///
    /// If the library cannot normalize it.
    pub fn apply<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, String> {
        let Some(normalizer) = &self.library else {
            return Ok(text.into());
        };
        if self.keeps_ascii && text.is_ascii() {
            return Ok(text.into());
        }
        let mut normalized = NormalizedString::from(text);
        normalizer
            .normalize(&mut normalized)
            .map_err(|error| error.to_string())?;
        Ok(normalized.get().to_owned().into())
    }

    pub fn save(&self, out: &mut Writer) {
        let written = self.library.as_ref().map(serde_json::to_string);
        // It was written before, when the engine was made.
        let written = written.and_then(Result::ok).unwrap_or_default();
        out.bytes(written.as_bytes());
    }

    /// # Errors
    ///
    /// If the bytes are no normalizer.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let library = match saved.text()? {
            "" => None,
            written => Some(serde_json::from_str(written).map_err(|error| error.to_string())?),
        };
        Self::of(library.as_ref()).ok_or_else(|| "the normalizer is damaged".to_owned())
    }
}

/// The types of all steps of a normalizer, those of sequences inside one another.
fn steps(normalizer: &Value) -> Option<Vec<&str>> {
    match normalizer["type"].as_str()? {
        "Sequence" => {
            let inner = normalizer["normalizers"].as_array()?;
            let inner: Option<Vec<_>> = inner.iter().map(steps).collect();
            Some(inner?.concat())
        }
        other => Some(vec![other]),
    }
}
