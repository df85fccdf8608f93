//! Values at render time. `print` says how they become text, `iterate` what their items are.
//!
//! Input data and the template's own constants are borrowed for the length of a render, so the
//! usual work of a chat template (look up, compare, slice, print) allocates nothing.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::growing::{Growing, Item, Tail, signed};
use super::number::{Number, range_len};
use super::picked::Picked;
use super::text::{Text, char_count};
use crate::data::{Data, Dict};
use crate::fault::{Fault, Outcome, raised, unsupported};

/// Lists and dicts that a template nests deeper than this leave the render to Jinja2: to print,
/// compare and drop them recurses, and a full stack would end the process.
const MAX_NESTING: usize = 100;

/// A name that resolves to nothing, and how Jinja2 words the complaint about it.
#[derive(Debug, Clone)]
pub enum Undef<'a> {
    Name(&'a str),
    Attribute(&'static str, Text<'a>),
    Element(&'static str),
    Message(&'static str),
    Unsafe(&'static str, &'a str),
}

impl Undef<'_> {
    pub fn message(&self) -> String {
        match self {
            Self::Name(name) => format!("'{name}' is undefined"),
            Self::Attribute(kind, name) => {
                format!("'{kind} object' has no attribute '{}'", name.as_str())
            }
            Self::Element(kind) => format!("{kind} object has no such element"),
            Self::Message(text) => (*text).to_owned(),
            Self::Unsafe(kind, name) => {
                format!("access to attribute '{name}' of '{kind}' object is unsafe.")
            }
        }
    }
}

/// A Python list, or a slice of the data's.
#[derive(Debug, Clone)]
pub enum Seq<'a> {
    Data(&'a [Data]),
    /// Messages up to the end of the list that grows from turn to turn.
    Tail(Tail<'a>),
    /// Some of the messages, which grow with them.
    Picked(Picked<'a>),
    /// The numbers of a range: start, stop and step.
    Range(i64, i64, i64),
    Own(Arc<[Value<'a>]>),
}

impl<'a> Seq<'a> {
    pub fn len(&self) -> usize {
        match self {
            Self::Data(items) => items.len(),
            Self::Tail(tail) => tail.len(),
            Self::Picked(picked) => picked.len(),
            Self::Range(start, stop, step) => range_len(*start, *stop, *step),
            Self::Own(items) => items.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Tail(tail) => tail.is_empty(),
            Self::Picked(picked) => picked.get(0).is_none(),
            other => other.len() == 0,
        }
    }

    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Data(items) => items.get(index).map(Value::from_data),
            Self::Tail(tail) => tail.get(index).map(Value::from_item),
            Self::Picked(picked) => picked.get(index).map(Value::from_data),
            Self::Range(start, stop, step) => {
                let within = index < range_len(*start, *stop, *step);
                within.then(|| Value::Int(start + signed(index) * step))
            }
            Self::Own(items) => items.get(index).cloned(),
        }
    }

    /// The messages at some places, as a list that does not grow.
    pub fn part(list: &Growing<'a>, places: Range<usize>) -> Self {
        if let Some(items) = list.slice(places.clone()) {
            return Self::Data(items);
        }
        let message = |at| list.any(at).map(Value::from_data);
        Self::Own(places.filter_map(message).collect())
    }

    /// The same items as a list that does not grow.
    pub fn without_growth(&self) -> Self {
        match self {
            Self::Tail(tail) if tail.is_backwards() => {
                let message = |at| tail.list().any(at).map(Value::from_data);
                Self::Own(tail.places().rev().filter_map(message).collect())
            }
            Self::Tail(tail) => Self::part(tail.list(), tail.places()),
            Self::Picked(_) => Self::Own(self.iter().collect()),
            other => other.clone(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// A Python dict with string keys.
#[derive(Debug, Clone)]
pub enum Map<'a> {
    Data(&'a Dict),
    Own(Arc<Pairs<'a>>),
}

impl<'a> Map<'a> {
    pub fn len(&self) -> usize {
        match self {
            Self::Data(dict) => dict.len(),
            Self::Own(pairs) => pairs.len(),
        }
    }

    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        match self {
            Self::Data(dict) => dict.get(key).map(Value::from_data),
            Self::Own(pairs) => pairs
                .iter()
                .find_map(|(name, value)| (name.as_str() == key).then(|| value.clone())),
        }
    }

    pub fn pair(&self, index: usize) -> Option<(Text<'a>, Value<'a>)> {
        match self {
            Self::Data(dict) => dict
                .entries()
                .get(index)
                .map(|(key, value)| (Text::Ref(key), Value::from_data(value))),
            Self::Own(pairs) => pairs.get(index).cloned(),
        }
    }

    pub fn pairs(&self) -> impl Iterator<Item = (Text<'a>, Value<'a>)> + '_ {
        (0..self.len()).filter_map(|index| self.pair(index))
    }
}

/// The pairs of a dict or namespace that a template makes, in order.
pub type Pairs<'a> = Vec<(Text<'a>, Value<'a>)>;

/// Sets `key`, keeping its place if it has one.
pub fn insert<'a>(pairs: &mut Pairs<'a>, key: Text<'a>, value: Value<'a>) {
    match pairs.iter_mut().find(|(known, _)| *known == key) {
        Some(entry) => entry.1 = value,
        None => pairs.push((key, value)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewKind {
    Keys,
    Values,
    Items,
}

/// A Python generator: read once, and raising only when its reader gets that far.
#[derive(Debug, Default)]
pub struct Gen<'a> {
    pub items: VecDeque<Value<'a>>,
    pub fault: Option<Box<Fault>>,
}

/// What a generator still has. Its values are never read while one is held.
pub fn read<'g, 'a>(generator: &'g Mutex<Gen<'a>>) -> MutexGuard<'g, Gen<'a>> {
    generator.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// A variable without a value: becomes undefined when it is read.
    Missing,
    Undefined(Undef<'a>),
    None,
    Bool(bool),
    Int(i64),
    Big(&'a str),
    Float(f64),
    Str(Text<'a>),
    List(Seq<'a>),
    Tuple(Arc<[Value<'a>]>),
    Dict(Map<'a>),
    View(ViewKind, Map<'a>),
    Gen(Arc<Mutex<Gen<'a>>>),
    Range(i64, i64, i64),
    Namespace(usize),
    Loop(usize),
    Macro(usize),
    /// A function, by its place in the environment's table.
    Func(usize),
    Method(Arc<(Value<'a>, Text<'a>)>),
    Opaque(&'a str),
    /// A text marked safe, which few operations take.
    Safe(Text<'a>),
    /// A dict with integer keys, such as a template writes for a table of numbers.
    Table(Arc<Vec<(i64, Value<'a>)>>),
    /// An integer that depends on how many messages there are. Only variables hold it; to read
    /// one gives the integer.
    Line(Line),
}

/// An integer that is a multiple of the number of messages, plus a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub slope: i64,
    pub offset: i64,
}

impl<'a> Value<'a> {
    /// Fails for values with which few operations are known to do the same as in Jinja2.
    pub fn known(&self) -> Outcome<()> {
        match self {
            Self::Opaque(reason) => unsupported(*reason),
            Self::Safe(_) => unsupported("an operation on a text marked safe"),
            Self::Table(_) => unsupported("an operation on a dict with integer keys"),
            _ => Ok(()),
        }
    }

    pub fn from_data(data: &'a Data) -> Self {
        match data {
            Data::None => Self::None,
            Data::Bool(value) => Self::Bool(*value),
            Data::Int(value) => Self::Int(*value),
            Data::Big(digits) => Self::Big(digits),
            Data::Float(value) => Self::Float(*value),
            Data::Str(text) => Self::Str(Text::Ref(text)),
            Data::List(items) => Self::List(Seq::Data(items)),
            Data::Dict(dict) => Self::Dict(Map::Data(dict)),
            Data::Opaque(reason) => Self::Opaque(reason),
        }
    }

    pub fn from_item(item: Item<'a>) -> Self {
        match item {
            Item::Message(data) => Self::from_data(data),
            Item::Number(number) => Self::Int(number),
        }
    }

    pub fn text(text: String) -> Self {
        Self::Str(Text::own(text))
    }

    pub fn list(items: Vec<Value<'a>>) -> Self {
        Self::List(Seq::Own(items.into()))
    }

    pub fn generator(items: VecDeque<Value<'a>>, fault: Option<Box<Fault>>) -> Self {
        Self::Gen(Arc::new(Mutex::new(Gen { items, fault })))
    }

    /// Python's name of the type, as error messages and undefined values show it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing | Self::Undefined(_) => "Undefined",
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) | Self::Line(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) | Self::Table(_) => "dict",
            Self::View(ViewKind::Keys, _) => "dict_keys",
            Self::View(ViewKind::Values, _) => "dict_values",
            Self::View(ViewKind::Items, _) => "dict_items",
            Self::Gen(_) => "generator",
            Self::Range(..) => "range",
            Self::Namespace(_) => "Namespace",
            Self::Loop(_) => "LoopContext",
            Self::Macro(_) => "Macro",
            Self::Func(_) | Self::Method(_) => "function",
            Self::Opaque(_) => "object",
            Self::Safe(_) => "Markup",
        }
    }

    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_) | Self::Missing)
    }

    /// Python's `bool(value)`.
    pub fn truth(&self) -> Outcome<bool> {
        Ok(match self {
            Self::Missing | Self::Undefined(_) | Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Str(text) | Self::Safe(text) => !text.as_str().is_empty(),
            Self::Table(pairs) => !pairs.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Tuple(items) => !items.is_empty(),
            Self::Dict(map) | Self::View(_, map) => map.len() > 0,
            Self::Range(start, stop, step) => range_len(*start, *stop, *step) > 0,
            Self::Opaque(reason) => return unsupported(*reason),
            Self::Big(_)
            | Self::Line(_)
            | Self::Gen(_)
            | Self::Namespace(_)
            | Self::Loop(_)
            | Self::Macro(_)
            | Self::Func(_)
            | Self::Method(_) => true,
        })
    }

    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Bool(value) => Some(Number::Int(i64::from(*value))),
            Self::Int(value) => Some(Number::Int(*value)),
            Self::Float(value) => Some(Number::Float(*value)),
            _ => None,
        }
    }

    /// Whether lists, tuples and dicts that the template made are nested deeper than `most`.
    fn deeper_than(&self, most: usize) -> bool {
        let deeper = |item: &Self| most == 0 || item.deeper_than(most - 1);
        match self {
            Self::List(Seq::Own(items)) | Self::Tuple(items) => items.iter().any(deeper),
            Self::Dict(Map::Own(pairs)) | Self::View(_, Map::Own(pairs)) => {
                pairs.iter().any(|(_, item)| deeper(item))
            }
            Self::Table(pairs) => pairs.iter().any(|(_, item)| deeper(item)),
            Self::Gen(generator) => read(generator).items.iter().any(deeper),
            _ => false,
        }
    }

    /// The value itself, unless it is nested so deeply that only Python knows what to do.
    pub fn shallow(self) -> Outcome<Self> {
        if self.deeper_than(MAX_NESTING) {
            return unsupported("deeply nested values");
        }
        Ok(self)
    }

    /// Python's `len(value)`.
    pub fn len(&self) -> Outcome<usize> {
        self.known()?;
        Ok(match self {
            Self::Undefined(_) | Self::Missing => 0,
            Self::Str(text) => char_count(text.as_str()),
            Self::List(items) => items.len(),
            Self::Tuple(items) => items.len(),
            Self::Dict(map) | Self::View(_, map) => map.len(),
            Self::Range(start, stop, step) => range_len(*start, *stop, *step),
            Self::Loop(_) => return unsupported("the length of a loop object"),
            other => {
                return raised(format!(
                    "object of type '{}' has no len()",
                    python_type(other)
                ));
            }
        })
    }
}

/// The type's name in Python's own messages, which call None by a longer name than Jinja2's.
pub fn python_type(value: &Value) -> &'static str {
    match value {
        Value::None => "NoneType",
        other => other.kind(),
    }
}
