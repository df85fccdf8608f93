//! Values at render time, and what Python's operators do with them.
//!
//! Input data and the template's own constants are borrowed for the length of a render, so the
//! usual work of a chat template (look up, compare, slice, print) allocates nothing.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::data::{Data, Dict};
use crate::fault::{Fault, Outcome, raised, unsupported};

/// A string: borrowed, or a range of a shared one.
#[derive(Debug, Clone)]
pub enum Text<'a> {
    Ref(&'a str),
    Own(Rc<str>, usize, usize),
}

impl Text<'_> {
    pub fn own(text: String) -> Self {
        let len = text.len();
        Self::Own(text.into(), 0, len)
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Ref(text) => text,
            Self::Own(text, start, end) => &text[*start..*end],
        }
    }

    /// The part that `slice`, which must lie inside this text, covers.
    pub fn slice(&self, start: usize, end: usize) -> Self {
        match self {
            Self::Ref(text) => Self::Ref(&text[start..end]),
            Self::Own(text, from, _) => Self::Own(Rc::clone(text), from + start, from + end),
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

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
    Own(Rc<Vec<(Text<'a>, Value<'a>)>>),
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

/// Functions that every template can call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Func {
    RaiseException,
    StrftimeNow,
    Namespace,
    Dict,
    Range,
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
    Func(Func),
    Method(Rc<(Value<'a>, Text<'a>)>),
    Opaque(&'a str),
    /// A text marked safe: printing and joining with `~` know what to do with it.
    Safe(Text<'a>),
    /// A dict with integer keys, such as a template writes for a table of numbers.
    Table(Rc<Vec<(i64, Value<'a>)>>),
}

impl<'a> Value<'a> {
    /// Fails for the values that few operations are known to treat as Jinja2 does.
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

    /// Python's `left == right`.
    pub fn equals(&self, other: &Self) -> Outcome<bool> {
        Ok(match (self, other) {
            (Self::Str(left) | Self::Safe(left), Self::Str(right) | Self::Safe(right)) => {
                left == right
            }
            (Self::Opaque(_) | Self::Safe(_) | Self::Table(_), _) => {
                return self.known().map(|()| false);
            }
            (_, Self::Opaque(_) | Self::Safe(_) | Self::Table(_)) => {
                return other.known().map(|()| false);
            }
            (Self::Undefined(_) | Self::Missing, Self::Undefined(_) | Self::Missing)
            | (Self::None, Self::None) => true,
            (Self::Big(left), Self::Big(right)) => left == right,
            (Self::Big(_), Self::Float(_)) | (Self::Float(_), Self::Big(_)) => {
                return unsupported("comparing a very large integer with a float");
            }
            (Self::List(left), Self::List(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (one, two) in left.iter().zip(right.iter()) {
                    if !one.equals(&two)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Tuple(left), Self::Tuple(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (one, two) in left.iter().zip(right.iter()) {
                    if !one.equals(two)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Dict(left), Self::Dict(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (key, value) in left.pairs() {
                    match right.get(key.as_str()) {
                        Some(twin) if value.equals(&twin)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            (left, right) => match (left.number(), right.number()) {
                (Some(left), Some(right)) => match left.compare(right) {
                    Some(order) => order == Ordering::Equal,
                    // Inside of lists Python asks first whether both are the same object.
                    None => return unsupported("comparing NaN"),
                },
                _ => match (left, right) {
                    (Self::Namespace(one), Self::Namespace(two))
                    | (Self::Macro(one), Self::Macro(two)) => one == two,
                    (Self::Func(one), Self::Func(two)) => one == two,
                    (Self::View(..), Self::View(..))
                    | (Self::Gen(_), Self::Gen(_))
                    | (Self::Range(..), Self::Range(..))
                    | (Self::Method(_), Self::Method(_))
                    | (Self::Loop(_), Self::Loop(_)) => {
                        return unsupported(format!("comparing two {}s", left.kind()));
                    }
                    _ => false,
                },
            },
        })
    }

    /// Python's ordering, which raises between most types.
    pub fn order(&self, other: &Self, sign: &str) -> Outcome<Option<Ordering>> {
        self.known()?;
        other.known()?;
        match (self, other) {
            (Self::Str(left), Self::Str(right)) => Ok(Some(left.as_str().cmp(right.as_str()))),
            (Self::Undefined(undef), _) | (_, Self::Undefined(undef)) => raised(undef.message()),
            (left, right) => match (left.number(), right.number()) {
                (Some(left), Some(right)) => Ok(left.compare(right)),
                _ => match (left, right) {
                    (Self::List(_), Self::List(_))
                    | (Self::Tuple(_), Self::Tuple(_))
                    | (Self::View(..), Self::View(..))
                    | (Self::Big(_), _)
                    | (_, Self::Big(_)) => unsupported(format!("ordering {}s", left.kind())),
                    _ => raised(format!(
                        "'{sign}' not supported between instances of '{}' and '{}'",
                        python_type(left),
                        python_type(right)
                    )),
                },
            },
        }
    }

    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Bool(value) => Some(Number::Int(i64::from(*value))),
            Self::Int(value) => Some(Number::Int(*value)),
            Self::Float(value) => Some(Number::Float(*value)),
            _ => None,
        }
    }

    /// Python's `item in self`.
    pub fn contains(&self, item: &Self) -> Outcome<bool> {
        self.known()?;
        item.known()?;
        match self {
            Self::Str(text) => match item {
                Self::Str(part) => Ok(text.as_str().contains(part.as_str())),
                other => raised(format!(
                    "'in <string>' requires string as left operand, not {}",
                    python_type(other)
                )),
            },
            Self::Dict(map) | Self::View(ViewKind::Keys, map) => match item {
                Self::Str(key) => Ok(map.get(key.as_str()).is_some()),
                Self::List(_) | Self::Dict(_) => {
                    raised(format!("unhashable type: '{}'", item.kind()))
                }
                Self::Tuple(_) => unsupported("a tuple as a key"),
                Self::View(..) => unsupported("a view as a key"),
                _ => Ok(false),
            },
            Self::View(ViewKind::Items, _) => unsupported("`in` on dict items"),
            Self::Undefined(_) | Self::Missing => Ok(false),
            Self::List(_) | Self::Tuple(_) | Self::View(ViewKind::Values, _) | Self::Range(..) => {
                for candidate in self.iterate()? {
                    if candidate?.equals(item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Gen(_) => unsupported("`in` on a generator"),
            other => raised(format!(
                "argument of type '{}' is not iterable",
                python_type(other)
            )),
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
        self.iterate()?.collect()
    }

    /// Notes that a generator was read to its end where Python would read it later.
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
    pub fn deeper_than(&self, most: usize) -> bool {
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

/// The type's name in Python's own messages, where None has a longer one than in Jinja2's.
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

pub fn range_len(start: i64, stop: i64, step: i64) -> usize {
    let span = if step > 0 {
        stop.saturating_sub(start)
    } else {
        start.saturating_sub(stop)
    };
    if span <= 0 {
        return 0;
    }
    let step = step.unsigned_abs();
    usize::try_from(span.unsigned_abs().div_ceil(step)).unwrap_or(usize::MAX)
}

#[derive(Debug, Clone, Copy)]
pub enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(&right)),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(&right),
            (Self::Int(left), Self::Float(right)) => compare_mixed(left, right),
            (Self::Float(left), Self::Int(right)) => {
                compare_mixed(right, left).map(Ordering::reverse)
            }
        }
    }

    pub fn float(self) -> f64 {
        match self {
            #[allow(clippy::cast_precision_loss)] // Python rounds the same way
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// Compares by value, where converting the integer to a float would round it.
fn compare_mixed(left: i64, right: f64) -> Option<Ordering> {
    if right.is_nan() {
        return None;
    }
    let floor = right.floor();
    if floor >= 9_223_372_036_854_775_808.0 {
        return Some(Ordering::Less);
    }
    if floor < -9_223_372_036_854_775_808.0 {
        return Some(Ordering::Greater);
    }
    #[allow(clippy::cast_possible_truncation)] // the range was just checked
    let whole = floor as i64;
    Some(left.cmp(&whole).then(if right > floor {
        Ordering::Less
    } else {
        Ordering::Equal
    }))
}

pub fn push_int(value: i64, out: &mut String) {
    use std::fmt::Write;
    // Writing to a String cannot fail.
    let _ = write!(out, "{value}");
}

/// Python's `repr` of a float: shortest digits, an exponent outside 1e-4 … 1e16.
pub fn push_float(value: f64, out: &mut String) {
    use std::fmt::Write;
    if value.is_nan() {
        out.push_str("nan");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "inf" } else { "-inf" });
    } else {
        let (digits, exponent) = shortest(value);
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", &*digits),
        };
        let whole = usize::try_from(exponent + 1);
        out.push_str(sign);
        match whole {
            _ if value != 0.0 && !(-4..16).contains(&exponent) => {
                let (first, rest) = digits.split_at(1);
                out.push_str(first);
                if !rest.is_empty() {
                    let _ = write!(out, ".{rest}");
                }
                let sign = if exponent < 0 { '-' } else { '+' };
                let _ = write!(out, "e{sign}{:02}", exponent.abs());
            }
            Ok(whole) if whole >= digits.len() => {
                let _ = write!(out, "{digits:0<whole$}.0");
            }
            Ok(whole) if whole > 0 => {
                let (before, after) = digits.split_at(whole);
                let _ = write!(out, "{before}.{after}");
            }
            _ => {
                let width = digits.len() + exponent.unsigned_abs() as usize - 1;
                let _ = write!(out, "0.{digits:0>width$}");
            }
        }
    }
}

/// The fewest digits that are read as `value` again, with their sign, and the exponent of the
/// first. Of two such texts that are equally near, Python writes the even one and Rust the other.
fn shortest(value: f64) -> (String, i32) {
    let mut text = format!("{value:e}");
    let digits = text.bytes().take_while(|byte| *byte != b'e');
    let places = digits.skip_while(|byte| *byte != b'.').skip(1).count();
    let rounded = format!("{value:.places$e}");
    if rounded.parse() == Ok(value) {
        text = rounded;
    }
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.replace('.', ""), exponent.parse().unwrap_or(0))
}

pub fn char_count(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().count()
    }
}

/// Characters that Python's `repr` is known to print as they are.
///
/// Python decides by the Unicode database of its own version; these blocks are whole and old,
/// so every version agrees on them.
fn surely_printable(c: char) -> bool {
    matches!(u32::from(c),
        0x20..=0x7e | 0xa1..=0xac | 0xae..=0x377 | 0x38e..=0x3a1 | 0x3a3..=0x52f
        | 0x5d0..=0x5ea | 0x620..=0x6dc | 0x904..=0x939 | 0x93c..=0x94d | 0x950..=0x97f
        | 0xe01..=0xe3a | 0xe3f..=0xe5b | 0x1e00..=0x1f15 | 0x2010..=0x2027 | 0x2030..=0x205e
        | 0x20a0..=0x20bf | 0x2100..=0x218b | 0x2190..=0x2426 | 0x2460..=0x2b73
        | 0x3001..=0x303f | 0x3041..=0x3096 | 0x3099..=0x30ff | 0x3105..=0x312f
        | 0x3131..=0x318e | 0x3400..=0x4dbf | 0x4e00..=0x9fef | 0xac00..=0xd7a3
        | 0xfe0f | 0xff01..=0xffbe | 0x1f300..=0x1f64f | 0x1f680..=0x1f6d4 | 0x20000..=0x2a6d6)
}

/// Python's `repr` of a string.
pub fn repr_text(text: &str, out: &mut String) -> Outcome<()> {
    use std::fmt::Write;
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if surely_printable(c) => out.push(c),
            c if u32::from(c) < 0x20 || (0x7f..=0xa0).contains(&u32::from(c)) || c == '\u{ad}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => return unsupported(format!("repr of U+{:04X}", u32::from(c))),
        }
    }
    out.push(quote);
    Ok(())
}

/// What `str.isspace` holds for, and so what `strip` and `split` take away.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Lower or upper case, where Python's and Rust's Unicode versions cannot differ.
pub fn change_case(text: &str, upper: bool) -> Outcome<String> {
    if !text.is_ascii() {
        return unsupported("changing the case of text beyond ASCII");
    }
    Ok(if upper {
        text.to_ascii_uppercase()
    } else {
        text.to_ascii_lowercase()
    })
}

/// Key for comparisons that ignore case.
pub fn folded(text: &str) -> Outcome<Cow<'_, str>> {
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Ok(Cow::Borrowed(text));
    }
    change_case(text, false).map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::{Value, push_float, range_len, repr_text};
    use std::cmp::Ordering;

    fn float(value: f64) -> String {
        let mut out = String::new();
        push_float(value, &mut out);
        out
    }

    #[test]
    fn floats_print_as_in_python() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (1e-4, "0.0001"),
            (1.25e-5, "1.25e-05"),
            (123_456.789, "123456.789"),
            (5e-324, "5e-324"),
            (681_229_966_788_178.0 + 0.25, "681229966788178.2"),
            (-681_229_966_788_178.0 - 0.75, "-681229966788178.8"),
            (2f64.powi(-25), "2.9802322387695312e-08"),
            (-0.001_5, "-0.0015"),
            (0.000_123, "0.000123"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (f64::INFINITY, "inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(float(value), expected);
        }
    }

    #[test]
    fn strings_choose_their_quotes_as_in_python() {
        for (text, expected) in [
            ("a", "'a'"),
            ("it's", "\"it's\""),
            ("\"'", "'\"\\''"),
            ("a\n\\\u{7f}\u{0}", "'a\\n\\\\\\x7f\\x00'"),
            ("日本é", "'日本é'"),
        ] {
            let mut out = String::new();
            repr_text(text, &mut out).unwrap();
            assert_eq!(out, expected);
        }
        assert!(repr_text("\u{e000}", &mut String::new()).is_err());
    }

    #[test]
    fn booleans_are_integers() {
        assert!(Value::Bool(true).equals(&Value::Int(1)).unwrap());
        assert!(Value::Int(1).equals(&Value::Float(1.0)).unwrap());
        assert!(!Value::None.equals(&Value::Bool(false)).unwrap());
    }

    #[test]
    fn large_integers_are_not_rounded_when_compared() {
        let order = Value::Int(i64::MAX)
            .order(&Value::Float(9_223_372_036_854_775_808.0), "<")
            .unwrap();
        assert_eq!(order, Some(Ordering::Less));
    }

    #[test]
    fn ordering_across_types_raises() {
        assert!(Value::Int(1).order(&Value::None, "<").is_err());
    }

    #[test]
    fn range_lengths() {
        assert_eq!(range_len(0, 5, 2), 3);
        assert_eq!(range_len(5, 0, -1), 5);
        assert_eq!(range_len(5, 0, 1), 0);
    }
}
