//! Values at render time: what they are, how they print and what iterating them gives.
//!
//! Input data and the template's own constants are borrowed for the length of a render, so the
//! usual work of a chat template (look up, compare, slice, print) allocates nothing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::limits::{check_bytes, check_items};
use super::number::{Number, push_float, push_int, range_len};
use super::text::{Text, char_count, repr_text};
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
    Own(Rc<[Value<'a>]>),
}

impl<'a> Seq<'a> {
    pub fn len(&self) -> usize {
        match self {
            Self::Data(items) => items.len(),
            Self::Own(items) => items.len(),
        }
    }

    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Data(items) => items.get(index).map(Value::from_data),
            Self::Own(items) => items.get(index).cloned(),
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
    Own(Rc<Pairs<'a>>),
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
    Tuple(Rc<[Value<'a>]>),
    Dict(Map<'a>),
    View(ViewKind, Map<'a>),
    Gen(Rc<RefCell<Gen<'a>>>),
    Range(i64, i64, i64),
    Namespace(usize),
    Loop(usize),
    Macro(usize),
    /// A function, by its place in the environment's table.
    Func(usize),
    Method(Rc<(Value<'a>, Text<'a>)>),
    Opaque(&'a str),
    /// A text marked safe, which few operations take.
    Safe(Text<'a>),
    /// A dict with integer keys, such as a template writes for a table of numbers.
    Table(Rc<Vec<(i64, Value<'a>)>>),
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

    pub fn text(text: String) -> Self {
        Self::Str(Text::own(text))
    }

    pub fn list(items: Vec<Value<'a>>) -> Self {
        Self::List(Seq::Own(items.into()))
    }

    pub fn generator(items: VecDeque<Value<'a>>, fault: Option<Box<Fault>>) -> Self {
        Self::Gen(Rc::new(RefCell::new(Gen { items, fault })))
    }

    /// Python's name of the type, as error messages and undefined values show it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing | Self::Undefined(_) => "Undefined",
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
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
            Self::List(items) => items.len() > 0,
            Self::Tuple(items) => !items.is_empty(),
            Self::Dict(map) | Self::View(_, map) => map.len() > 0,
            Self::Range(start, stop, step) => range_len(*start, *stop, *step) > 0,
            Self::Opaque(reason) => return unsupported(*reason),
            Self::Big(_)
            | Self::Gen(_)
            | Self::Namespace(_)
            | Self::Loop(_)
            | Self::Macro(_)
            | Self::Func(_)
            | Self::Method(_) => true,
        })
    }

    /// Python's `str(value)`, which is also what printing does.
    pub fn print(&self, out: &mut String) -> Outcome<()> {
        match self {
            Self::Missing | Self::Undefined(_) => Ok(()),
            Self::Str(text) | Self::Safe(text) => {
                out.push_str(text.as_str());
                Ok(())
            }
            other => other.repr(out),
        }
    }

    pub fn to_text(&self) -> Outcome<Text<'a>> {
        if let Self::Str(text) = self {
            return Ok(text.clone());
        }
        let mut out = String::new();
        self.print(&mut out)?;
        Ok(Text::own(out))
    }

    /// Python's `repr(value)`.
    pub fn repr(&self, out: &mut String) -> Outcome<()> {
        match self {
            Self::Missing | Self::Undefined(_) => out.push_str("Undefined"),
            Self::None => out.push_str("None"),
            Self::Bool(true) => out.push_str("True"),
            Self::Bool(false) => out.push_str("False"),
            Self::Int(value) => push_int(*value, out),
            Self::Big(digits) => out.push_str(digits),
            Self::Float(value) => push_float(*value, out),
            Self::Str(text) => repr_text(text.as_str(), out)?,
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    item.repr(out)?;
                    check_bytes(out.len())?;
                }
                out.push(']');
            }
            Self::Tuple(items) => {
                out.push('(');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    item.repr(out)?;
                    check_bytes(out.len())?;
                }
                if items.len() == 1 {
                    out.push(',');
                }
                out.push(')');
            }
            Self::Dict(map) => {
                out.push('{');
                for (index, (key, value)) in map.pairs().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    repr_text(key.as_str(), out)?;
                    out.push_str(": ");
                    value.repr(out)?;
                    check_bytes(out.len())?;
                }
                out.push('}');
            }
            other => {
                other.known()?;
                return unsupported(format!("printing a {}", other.kind()));
            }
        }
        Ok(())
    }

    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Bool(value) => Some(Number::Int(i64::from(*value))),
            Self::Int(value) => Some(Number::Int(*value)),
            Self::Float(value) => Some(Number::Float(*value)),
            _ => None,
        }
    }

    /// Python's `iter(value)`.
    pub fn iterate(&self) -> Outcome<Items<'a>> {
        self.known()?;
        Ok(match self {
            Self::Undefined(_) | Self::Missing => Items::Done,
            Self::List(items) => Items::Seq(items.clone(), 0),
            Self::Tuple(items) => Items::Seq(Seq::Own(Rc::clone(items)), 0),
            Self::Str(text) => Items::Chars(text.clone(), 0),
            Self::Dict(map) => Items::View(ViewKind::Keys, map.clone(), 0),
            Self::View(kind, map) => Items::View(*kind, map.clone(), 0),
            Self::Gen(generator) => Items::Gen(Rc::clone(generator)),
            Self::Range(start, stop, step) => Items::Range(*start, *stop, *step),
            Self::Loop(_) => return unsupported("iterating a loop object"),
            other => return raised(format!("'{}' object is not iterable", python_type(other))),
        })
    }

    pub fn collect(&self) -> Outcome<Vec<Value<'a>>> {
        let mut all = Vec::new();
        for item in self.iterate()? {
            all.push(item?);
            check_items(all.len())?;
        }
        Ok(all)
    }

    /// The items up to the first that raises, and what it raises.
    pub fn sequence(&self) -> Outcome<(Seq<'a>, Option<Box<Fault>>)> {
        match self {
            Self::List(items) => Ok((items.clone(), None)),
            Self::Tuple(items) => Ok((Seq::Own(Rc::clone(items)), None)),
            other => {
                let mut items = Vec::new();
                for item in other.iterate()? {
                    check_items(items.len())?;
                    match item {
                        Ok(item) => items.push(item),
                        Err(fault) => return Ok((Seq::Own(items.into()), Some(fault))),
                    }
                }
                Ok((Seq::Own(items.into()), None))
            }
        }
    }

    /// Notes that a generator was read to its end earlier than Python would read it.
    ///
    /// Whoever else holds it would still find items in Python, so it may not be read again.
    pub fn read_ahead(&self) {
        if let Self::Gen(generator) = self {
            generator.borrow_mut().fault = Some(Box::new(Fault::Unsupported(
                "a generator with two readers".to_owned(),
            )));
        }
    }

    /// Takes the note of [`Self::read_ahead`] back, when Python has read it to its end as well.
    pub fn forget_reader(&self) {
        if let Self::Gen(generator) = self {
            generator.borrow_mut().fault = None;
        }
    }

    /// Whether this is a generator that somebody else could read, too.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Gen(generator) if Rc::strong_count(generator) > 1)
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
            Self::Gen(generator) => generator.borrow().items.iter().any(deeper),
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

/// An iterator over a value, one kind for each iterable.
pub enum Items<'a> {
    Done,
    Seq(Seq<'a>, usize),
    Chars(Text<'a>, usize),
    View(ViewKind, Map<'a>, usize),
    Gen(Rc<RefCell<Gen<'a>>>),
    Range(i64, i64, i64),
}

impl<'a> Iterator for Items<'a> {
    type Item = Outcome<Value<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Done => None,
            Self::Seq(items, index) => {
                let item = items.get(*index)?;
                *index += 1;
                Some(Ok(item))
            }
            Self::Chars(text, at) => {
                let len = text.as_str()[*at..].chars().next()?.len_utf8();
                let item = text.slice(*at, *at + len);
                *at += len;
                Some(Ok(Value::Str(item)))
            }
            Self::View(kind, map, index) => {
                let (key, value) = map.pair(*index)?;
                *index += 1;
                Some(Ok(match kind {
                    ViewKind::Keys => Value::Str(key),
                    ViewKind::Values => value,
                    ViewKind::Items => Value::Tuple([Value::Str(key), value].into()),
                }))
            }
            Self::Gen(generator) => {
                let mut generator = generator.borrow_mut();
                match generator.items.pop_front() {
                    Some(item) => Some(Ok(item)),
                    None => generator.fault.take().map(Err),
                }
            }
            Self::Range(start, stop, step) => {
                if range_len(*start, *stop, *step) == 0 {
                    return None;
                }
                let item = *start;
                // Past the last integer there is nothing below the stop either.
                *start = start.saturating_add(*step);
                Some(Ok(Value::Int(item)))
            }
        }
    }
}
