//! Added tokens that are no place to cut: a text that holds one is left to the library.

use aho_corasick::AhoCorasick;
use tokenizers::{NormalizedString, Normalizer, Tokenizer};

use super::rule::unmet;
use super::saved::{Reader, Writer};

/// The added tokens that may stand in a span.
#[derive(Debug)]
pub struct Others {
    texts: Vec<String>,
    search: Option<AhoCorasick>,
}

impl Others {
    /// The tokens that are no place to cut (`rule.rs`). A `normalized` token is found in
    /// the normalized text, so what becomes of it counts, too.
    #[must_use]
    pub fn of(tokenizer: &Tokenizer) -> Option<Self> {
        let vocabulary = tokenizer.get_added_vocabulary();
        let splits_special = vocabulary.get_encode_special_tokens();
        let mut texts = Vec::new();
        for token in vocabulary.get_added_tokens_decoder().values() {
            let text = token.content.as_str();
            if text.is_empty() || unmet(token, splits_special).is_none() {
                continue;
            }
            if let (true, Some(normalizer)) = (token.normalized, tokenizer.get_normalizer()) {
                let mut normalized = NormalizedString::from(text);
                normalizer.normalize(&mut normalized).ok()?;
                texts.push(normalized.get().to_owned());
            }
            texts.push(text.to_owned());
        }
        Self::new(texts)
    }

    fn new(texts: Vec<String>) -> Option<Self> {
        // An empty text would be everywhere.
        let search = if texts.is_empty() || texts.iter().any(String::is_empty) {
            None
        } else {
            Some(AhoCorasick::new(&texts).ok()?)
        };
        (search.is_some() || texts.is_empty()).then_some(Self { texts, search })
    }

    /// Whether no such token is known.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.texts.is_empty()
    }

    /// Whether any of them stands in a text.
    #[must_use]
    pub fn are_in(&self, text: &str) -> bool {
        let search = self.search.as_ref();
        search.is_some_and(|search| search.is_match(text))
    }

    pub fn save(&self, out: &mut Writer) {
        out.words(&[self.texts.len() as u64]);
        for text in &self.texts {
            out.bytes(text.as_bytes());
        }
    }

    /// # Errors
    ///
    /// If the bytes are no such tokens.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let [count] = *saved.words()? else {
            return Err("the added tokens are damaged".to_owned());
        };
        let texts: Result<Vec<_>, _> = (0..count)
            .map(|_| saved.text().map(str::to_owned))
            .collect();
        Self::new(texts?).ok_or_else(|| "the added tokens cannot be searched".to_owned())
    }
}
