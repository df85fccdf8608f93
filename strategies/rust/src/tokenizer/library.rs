//! The library's tokenizer, which is loaded at once or when something first needs it.

use std::fmt;
use std::sync::OnceLock;

use tokenizers::Tokenizer;

use super::load;
use crate::engine::bpe::Tables;

/// Returns the JSON of a tokenizer.
pub type Json = Box<dyn Fn() -> Result<String, String> + Send + Sync>;

/// The library's tokenizer, set up as the reference uses it.
pub struct Library {
    loaded: OnceLock<Result<Tokenizer, String>>,
    json: Json,
    split_special_tokens: bool,
}

impl fmt::Debug for Library {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Library")
            .field(&self.loaded.get())
            .finish()
    }
}

impl Library {
    /// Takes a tokenizer that is loaded.
    #[must_use]
    pub fn of(tokenizer: Tokenizer) -> Self {
        let split_special_tokens = tokenizer.get_added_vocabulary().get_encode_special_tokens();
        Self {
            loaded: OnceLock::from(Ok(tokenizer)),
            json: Box::new(|| Err("it is loaded".to_owned())),
            split_special_tokens,
        }
    }

    /// Takes a tokenizer that may never be needed.
    #[must_use]
    pub fn later(json: Json, split_special_tokens: bool) -> Self {
        Self {
            loaded: OnceLock::new(),
            json,
            split_special_tokens,
        }
    }

    /// The tokenizer; the first caller loads it, and others wait.
    ///
    /// # Errors
    ///
    /// If it cannot be loaded.
    pub fn get(&self) -> Result<&Tokenizer, String> {
        let loaded = self.loaded.get_or_init(|| {
            let (tokenizer, _) = read(&(self.json)()?, self.split_special_tokens)?;
            Ok(tokenizer)
        });
        loaded.as_ref().map_err(Clone::clone)
    }

    #[must_use]
    pub fn splits_special_tokens(&self) -> bool {
        self.split_special_tokens
    }
}

/// Reads a tokenizer that neither truncates nor pads, and the tables of its model if they are at
/// hand.
///
/// # Errors
///
/// If the JSON is no tokenizer.
pub fn read(json: &str, split_special_tokens: bool) -> Result<(Tokenizer, Option<Tables>), String> {
    let (mut tokenizer, tables) = load::tokenizer(json).map_err(|error| error.to_string())?;
    tokenizer
        .with_truncation(None)
        .map_err(|error| error.to_string())?;
    tokenizer.with_padding(None);
    tokenizer.set_encode_special_tokens(split_special_tokens);
    Ok((tokenizer, tables))
}
