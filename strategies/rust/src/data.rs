//! What a template reads: plain JSON-like data, built once and borrowed by every render.

use std::fmt::{self, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;

/// A text of the data. Copies share it.
#[derive(Debug, Clone)]
pub enum Text {
    /// One that needs no memory of its own.
    Known(&'static str),
    Own(Arc<str>),
}

impl Text {
    #[must_use]
    pub fn new(text: &str) -> Self {
        let common = match text.len() {
            0..=LONGEST_COMMON => COMMON.iter().find(|common| **common == text),
            _ => None,
        };
        match common {
            Some(common) => Self::Known(common),
            None => Self::Own(text.into()),
        }
    }

    /// Whether it is this text. Common ones mostly lie at the same place.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        ptr::eq::<str>(&raw const **self, text) || **self == *text
    }
}

/// Keys and values that very many messages have, the most frequent ones first.
const COMMON: [&str; 16] = [
    "role",
    "content",
    "type",
    "function",
    "name",
    "arguments",
    "id",
    "assistant",
    "tool",
    "user",
    "tool_calls",
    "tool_call_id",
    "reasoning_content",
    "text",
    "system",
    "description",
];

/// Bytes of the longest of them.
const LONGEST_COMMON: usize = 17;

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Known(text) => text,
            Self::Own(text) => text,
        }
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::Known(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Own(text.into())
    }
}

impl Display for Text {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Known("")
    }
}

/// A value of a message, a tool or a template variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    None,
    Bool(bool),
    Int(i64),
    /// Decimal digits of an integer that does not fit 64 bits.
    Big(Box<str>),
    Float(f64),
    Str(Text),
    List(Vec<Data>),
    Dict(Dict),
    /// Something that this core cannot represent; reading it fails the turn with this reason.
    Opaque(Box<str>),
}

/// A mapping that keeps the order in which its keys were first inserted, as Python's does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dict {
    entries: Vec<(Text, Data)>,
}

impl Dict {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A mapping with room for that number of pairs.
    #[must_use]
    pub fn with_capacity(pairs: usize) -> Self {
        Self {
            entries: Vec::with_capacity(pairs),
        }
    }

    /// Value under `key`. Messages and schemas have few keys, so a scan beats hashing.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Data> {
        self.entries
            .iter()
            .find_map(|(name, value)| name.is(key).then_some(value))
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Data> {
        self.entries
            .iter_mut()
            .find_map(|(name, value)| (&**name == key).then_some(value))
    }

    /// Appends a pair whose key the caller knows to be new.
    pub fn push(&mut self, key: Text, value: Data) {
        self.entries.push((key, value));
    }

    /// Appends all pairs of another mapping, whose keys the caller knows to be new.
    pub fn append(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// Sets `key`, keeping its place if it has one.
    pub fn set(&mut self, key: &str, value: Data) {
        match self.entries.iter_mut().find(|(name, _)| &**name == key) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((Text::new(key), value)),
        }
    }

    /// Takes out the value under `key`; those after it move up.
    pub fn take(&mut self, key: &str) -> Option<Data> {
        let place = self.entries.iter().position(|(name, _)| &**name == key)?;
        Some(self.entries.remove(place).1)
    }

    #[must_use]
    pub fn into_entries(self) -> Vec<(Text, Data)> {
        self.entries
    }

    #[must_use]
    pub fn entries(&self) -> &[(Text, Data)] {
        &self.entries
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Names under which reasoning arrives; templates read the first.
const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];

/// Brings a message into the form in which transformers shows it to a template.
///
/// Keys whose value is None are dropped, and reasoning is filled in under the names that
/// templates read. Neither depends on the other messages, so a message is prepared once for
/// all the turns that contain it.
#[must_use]
pub fn prepare_message(message: Dict) -> Dict {
    let mut kept: Vec<(Text, Data)> = message.entries;
    kept.retain(|(_, value)| *value != Data::None);
    let mut message = Dict { entries: kept };
    let Some(reasoning) = REASONING.iter().find_map(|name| message.get(name)).cloned() else {
        return message;
    };
    // transformers writes this key first; if the message has it too, its value replaces that.
    let place = message
        .entries
        .iter()
        .position(|(name, _)| &**name == "thinking");
    let thinking = match place {
        Some(place) => message.entries.remove(place),
        None => ("thinking".into(), reasoning.clone()),
    };
    message.entries.insert(0, thinking);
    message.set("reasoning_content", reasoning);
    message
}

#[cfg(test)]
mod tests {
    use super::{COMMON, Data, Dict, Text, prepare_message};

    fn dict(pairs: &[(&str, Data)]) -> Dict {
        let mut dict = Dict::new();
        for (key, value) in pairs {
            dict.push(Text::new(key), value.clone());
        }
        dict
    }

    fn text(value: &str) -> Data {
        Data::Str(Text::new(value))
    }

    #[test]
    fn a_text_is_the_same_wherever_it_comes_from() {
        for text in ["role", "roles", ""] {
            assert_eq!(Text::new(text), Text::from(text.to_owned()));
            assert_eq!(&*Text::new(text), text);
        }
        assert_ne!(Text::new("role"), Text::new("roles"));
        for text in COMMON {
            assert!(matches!(Text::new(text), Text::Known(_)), "{text}");
        }
    }

    #[test]
    fn none_values_are_dropped_at_the_top_only() {
        let inner = Data::Dict(dict(&[("a", Data::None)]));
        let message = dict(&[("content", Data::None), ("x", inner.clone())]);
        assert_eq!(prepare_message(message), dict(&[("x", inner)]));
    }

    #[test]
    fn reasoning_is_filled_in_both_directions() {
        let message = dict(&[("role", text("a")), ("reasoning", text("r"))]);
        let expected = dict(&[
            ("thinking", text("r")),
            ("role", text("a")),
            ("reasoning", text("r")),
            ("reasoning_content", text("r")),
        ]);
        assert_eq!(prepare_message(message), expected);
    }

    #[test]
    fn thinking_comes_first_and_the_others_keep_their_place() {
        let message = dict(&[
            ("reasoning_content", text("r")),
            ("role", text("a")),
            ("thinking", text("t")),
        ]);
        let expected = dict(&[
            ("thinking", text("t")),
            ("reasoning_content", text("r")),
            ("role", text("a")),
        ]);
        assert_eq!(prepare_message(message), expected);
    }

    #[test]
    fn set_keeps_the_place_of_a_key() {
        let mut pairs = dict(&[("a", Data::Int(1)), ("b", Data::Int(2))]);
        pairs.set("a", Data::Int(3));
        assert_eq!(pairs, dict(&[("a", Data::Int(3)), ("b", Data::Int(2))]));
    }
}
