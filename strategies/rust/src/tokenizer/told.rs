//! What the core would do with a tokenizer, for those who check it: the conditions of
//! docs/cutting.md that do not hold, and the places inside of a text at which it is cut.

use std::thread::Builder;

use tokenizers::Tokenizer;

use super::library;
use crate::engine::Engine;
use crate::engine::bpe::Tables;
use crate::engine::rule::{Unmet, unmet};
use crate::fault::panic_message;

/// The added tokens of a tokenizer in the order of their ids, each with the condition that it does
/// not meet; None for those at which a prompt is cut.
///
/// # Errors
///
/// If the JSON is no tokenizer.
pub fn cuts(json: &str, splits_special: bool) -> Result<Vec<(String, Option<Unmet>)>, String> {
    let (tokenizer, _) = library::read(json, splits_special)?;
    let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
    let mut tokens: Vec<_> = added.iter().collect();
    tokens.sort_unstable_by_key(|(id, _)| **id);
    Ok(tokens
        .into_iter()
        .map(|(_, token)| (token.content.clone(), unmet(token, splits_special)))
        .collect())
}

/// The pairs of ASCII characters between which a text is cut, or the condition that does not hold
/// if there are none.
///
/// # Errors
///
/// If the JSON is no tokenizer.
pub fn places(json: &str) -> Result<Result<Vec<String>, Unmet>, String> {
    let (tokenizer, tables) = library::read(json, false)?;
    // The library keeps a cache for each thread that encodes.
    std::thread::scope(|scope| {
        let started = Builder::new().spawn_scoped(scope, || pairs(&tokenizer, tables));
        let thread = started.map_err(|error| format!("no thread can be started: {error}"))?;
        thread.join().map_err(|panic| panic_message(&*panic))
    })
}

fn pairs(tokenizer: &Tokenizer, tables: Option<Tables>) -> Result<Vec<String>, Unmet> {
    let engine = Engine::of(tokenizer, tables)?;
    if let Some(unmet) = engine.undivided() {
        return Err(unmet);
    }
    let places = engine.places();
    let ascii = || (0..128_u8).map(char::from);
    Ok(ascii()
        .flat_map(|last| ascii().map(move |next| format!("{last}{next}")))
        .filter(|pair| {
            let places = places.as_ref();
            places.is_some_and(|places| places.is_place(pair.as_bytes(), 1))
        })
        .collect())
}
