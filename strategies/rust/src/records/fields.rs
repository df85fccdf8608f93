//! Fields that are left out, and what their values may be.

use rustc_hash::FxHashSet;

use super::refusal::{Outcome, refuse};
use crate::data::{Data, Dict};

pub type Names = FxHashSet<Box<str>>;

/// The names of fields that cannot change a prompt, by what has them. Python keeps the lists.
#[derive(Debug, Default)]
pub struct Harmless {
    /// Of a record that holds a whole conversation.
    pub record: Names,
    /// Of a row that holds one message.
    pub row: Names,
    pub message: Names,
    /// Of a tool call, and of the function in it.
    pub call: Names,
}

/// Leaves out a field that is harmless by its name, or says nothing.
pub fn leave_out(name: &str, value: &Data, harmless: &Names) -> Outcome<()> {
    if harmless.contains(name) || says_nothing(value) {
        return Ok(());
    }
    refuse("a field that is neither read here nor harmless")
}

/// Whether a value is null or empty, so that every reader may leave it out.
pub fn says_nothing(value: &Data) -> bool {
    match value {
        Data::None => true,
        Data::Str(text) => text.is_empty(),
        Data::List(items) => items.is_empty(),
        Data::Dict(dict) => dict.len() == 0,
        _ => false,
    }
}

/// Refuses a value that asks for something.
pub fn must_say_nothing(value: &Data) -> Outcome<()> {
    if says_nothing(value) {
        return Ok(());
    }
    refuse("a field that Python reads")
}

/// Refuses a switch that is on, or is none.
pub fn must_be_off(value: &Data) -> Outcome<()> {
    match value {
        Data::None | Data::Bool(false) => Ok(()),
        _ => refuse("a message that is continued"),
    }
}

pub fn text_or_none(value: &Data) -> Outcome<()> {
    match value {
        Data::None | Data::Str(_) => Ok(()),
        _ => refuse("a field that must be a text"),
    }
}

/// The text of a field that is not null.
pub fn text<'a>(dict: &'a Dict, key: &str) -> Option<&'a str> {
    match dict.get(key) {
        Some(Data::Str(text)) => Some(text),
        _ => None,
    }
}
