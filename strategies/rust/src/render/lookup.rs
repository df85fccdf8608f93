//! Items, attributes and slices of values.

use std::sync::Arc;

use super::attributes::{Owners, SANDBOXED_DICT, SANDBOXED_LIST};
use super::environment::Environment;
use super::growing::Slice;
use super::number::range_len;
use super::text::{Text, char_count};
use super::value::{Seq, Undef, Value, python_type};
use crate::fault::{Outcome, raised, unsupported};

fn method<'a>(object: &Value<'a>, name: &str) -> Value<'a> {
    Value::Method(Arc::new((object.clone(), Text::own(name.to_owned()))))
}

fn sandboxed<'a>(
    names: &'static [&'static str],
    kind: &'static str,
    name: &str,
) -> Option<Value<'a>> {
    names
        .iter()
        .find(|known| **known == name)
        .map(|known| Value::Undefined(Undef::Unsafe(kind, known)))
}

fn dict_attribute<'a>(
    environment: &Environment,
    object: &Value<'a>,
    name: &str,
) -> Outcome<Value<'a>> {
    if environment.dict_method(name).is_some() {
        return Ok(method(object, name));
    }
    match sandboxed(SANDBOXED_DICT, "dict", name) {
        Some(value) => Ok(value),
        None => unsupported(format!("the dict method {name}")),
    }
}

fn str_attribute<'a>(
    environment: &Environment,
    object: &Value<'a>,
    name: &str,
) -> Outcome<Value<'a>> {
    if environment.str_method(name).is_some() {
        return Ok(method(object, name));
    }
    unsupported(format!("the str method {name}"))
}

fn list_attribute<'a>(name: &str) -> Outcome<Value<'a>> {
    match sandboxed(SANDBOXED_LIST, "list", name) {
        Some(value) => Ok(value),
        None => unsupported(format!("the list method {name}")),
    }
}

/// The position that a Python index means, if there is one.
fn position(index: i64, len: usize) -> Option<usize> {
    let len = i64::try_from(len).ok()?;
    let index = if index < 0 { index + len } else { index };
    (0..len)
        .contains(&index)
        .then(|| usize::try_from(index).ok())
        .flatten()
}

fn nth_char<'a>(text: &Text<'a>, index: i64) -> Option<Value<'a>> {
    let source = text.as_str();
    if source.is_ascii() {
        let at = position(index, source.len())?;
        return Some(Value::Str(text.slice(at, at + 1)));
    }
    let at = position(index, char_count(source))?;
    let (start, c) = source.char_indices().nth(at)?;
    Some(Value::Str(text.slice(start, start + c.len_utf8())))
}

/// `object[key]`: the item, or else the attribute of that name, or else undefined.
pub fn get_item<'a>(
    environment: &Environment,
    object: &Value<'a>,
    key: &Value<'a>,
) -> Outcome<Value<'a>> {
    if let (Value::Table(pairs), Value::Int(wanted)) = (object, key) {
        return Ok(pairs
            .iter()
            .find_map(|(known, value)| (known == wanted).then(|| value.clone()))
            .unwrap_or(Value::Undefined(Undef::Element("dict"))));
    }
    object.known()?;
    key.known()?;
    if let Value::Undefined(undef) = object {
        return raised(undef.message());
    }
    if let Some(value) = own_item(object, key) {
        return Ok(value);
    }
    let Value::Str(name) = key else {
        return Ok(Value::Undefined(Undef::Element(object.kind())));
    };
    attribute_by_item(environment, object, name.as_str())
}

/// The item itself, if there is one.
fn own_item<'a>(object: &Value<'a>, key: &Value<'a>) -> Option<Value<'a>> {
    let index = match key {
        Value::Int(index) => Some(*index),
        Value::Bool(flag) => Some(i64::from(*flag)),
        _ => None,
    };
    match (object, key, index) {
        (Value::Dict(map), Value::Str(name), _) => map.get(name.as_str()),
        // From the front, it does not matter how many there are.
        (Value::List(items), _, Some(index)) => match usize::try_from(index) {
            Ok(at) => items.get(at),
            Err(_) => position(index, items.len()).and_then(|at| items.get(at)),
        },
        (Value::Tuple(items), _, Some(index)) => {
            position(index, items.len()).and_then(|at| items.get(at).cloned())
        }
        (Value::Str(text), _, Some(index)) => nth_char(text, index),
        (Value::Range(start, stop, step), _, Some(index)) => {
            position(index, range_len(*start, *stop, *step))
                .and_then(|at| i64::try_from(at).ok())
                .map(|at| Value::Int(start + at * step))
        }
        _ => None,
    }
}

/// The attribute that `object['name']` gives if there is no such item.
fn attribute_by_item<'a>(
    environment: &Environment,
    object: &Value<'a>,
    name: &str,
) -> Outcome<Value<'a>> {
    if name.starts_with('_') {
        return unsupported(format!("the item {name}, which may be an attribute"));
    }
    let owners = Owners::of(name);
    match object {
        Value::Dict(_) if owners.dict => dict_attribute(environment, object, name),
        Value::Str(_) if owners.str => str_attribute(environment, object, name),
        Value::List(_) if owners.list => list_attribute(name),
        Value::Namespace(_) => unsupported("a namespace in a filter"),
        Value::Loop(_) => unsupported("an item of a loop object"),
        Value::Dict(_) | Value::Str(_) | Value::List(_) | Value::None => Ok(Value::Undefined(
            Undef::Attribute(object.kind(), Text::own(name.to_owned())),
        )),
        other if owners.other || owners.list || owners.dict => {
            unsupported(format!("the attribute {name} of a {}", other.kind()))
        }
        other => Ok(Value::Undefined(Undef::Attribute(
            other.kind(),
            Text::own(name.to_owned()),
        ))),
    }
}

/// `object.name`, for every object but namespaces and `loop`.
pub fn get_attribute<'a>(
    environment: &Environment,
    object: &Value<'a>,
    name: &'a str,
    owners: Owners,
) -> Outcome<Value<'a>> {
    match object {
        Value::Dict(_) if owners.dict => dict_attribute(environment, object, name),
        Value::Dict(map) => Ok(map
            .get(name)
            .unwrap_or(Value::Undefined(Undef::Attribute("dict", Text::Ref(name))))),
        Value::Undefined(undef) => raised(undef.message()),
        Value::Str(_) if owners.str => str_attribute(environment, object, name),
        Value::List(_) if owners.list => list_attribute(name),
        Value::Opaque(_) | Value::Safe(_) | Value::Table(_) => {
            object.known().map(|()| Value::Missing)
        }
        Value::Str(_) | Value::List(_) | Value::None => Ok(Value::Undefined(Undef::Attribute(
            object.kind(),
            Text::Ref(name),
        ))),
        other if owners.other || owners.list || owners.dict => {
            unsupported(format!("the attribute {name} of a {}", other.kind()))
        }
        other => Ok(Value::Undefined(Undef::Attribute(
            other.kind(),
            Text::Ref(name),
        ))),
    }
}

/// A bound of a slice; None is one that is left out.
pub fn slice_bound(value: &Value) -> Outcome<Option<i64>> {
    match value {
        Value::None => Ok(None),
        Value::Int(number) => Ok(Some(*number)),
        Value::Bool(flag) => Ok(Some(i64::from(*flag))),
        Value::Big(_) => unsupported("this slice bound"),
        Value::Opaque(_) | Value::Safe(_) | Value::Table(_) => value.known().map(|()| None),
        _ => raised("slice indices must be integers or None or have an __index__ method"),
    }
}

/// The indices that a Python slice takes from a sequence of `len` items.
fn slice_indices(len: usize, bounds: [Option<i64>; 3]) -> Outcome<(i64, i64, i64)> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let step = bounds[2].unwrap_or(1);
    if step == 0 {
        return raised("slice step cannot be zero");
    }
    let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |bound: Option<i64>, default: i64| match bound {
        None => default,
        Some(bound) if bound < 0 => bound.saturating_add(len).max(lowest),
        Some(bound) => bound.min(highest),
    };
    let (first, last) = if step > 0 { (0, len) } else { (len - 1, -1) };
    Ok((clamp(bounds[0], first), clamp(bounds[1], last), step))
}

/// The places from `start` to `stop`, as [`slice_indices`] gives them.
fn places(start: i64, stop: i64, step: i64) -> impl Iterator<Item = usize> {
    (0..range_len(start, stop, step))
        .filter_map(move |nth| usize::try_from(start + i64::try_from(nth).ok()? * step).ok())
}

/// The first place and the one after the last, for a step of 1.
fn ends(start: i64, stop: i64) -> (usize, usize) {
    let start = usize::try_from(start).unwrap_or(0);
    (start, usize::try_from(stop).unwrap_or(0).max(start))
}

fn slice_text<'a>(text: &Text<'a>, bounds: [Option<i64>; 3]) -> Outcome<Value<'a>> {
    let source = text.as_str();
    let (start, stop, step) = slice_indices(char_count(source), bounds)?;
    if step != 1 {
        let chars: Vec<char> = source.chars().collect();
        return Ok(Value::text(
            places(start, stop, step).map(|at| chars[at]).collect(),
        ));
    }
    let (start, stop) = ends(start, stop);
    if source.is_ascii() {
        return Ok(Value::Str(text.slice(start, stop)));
    }
    let byte = |nth: usize| {
        source
            .char_indices()
            .nth(nth)
            .map_or(source.len(), |found| found.0)
    };
    Ok(Value::Str(text.slice(byte(start), byte(stop))))
}

/// `object[start:stop:step]`.
pub fn slice<'a>(object: &Value<'a>, bounds: [Option<i64>; 3]) -> Outcome<Value<'a>> {
    match object {
        Value::List(items) => {
            if let (Seq::Tail(tail), [start, stop, step]) = (items, bounds) {
                match tail.slice(start, stop, step.unwrap_or(1)) {
                    Some(Slice::Tail(tail)) => return Ok(Value::List(Seq::Tail(tail))),
                    Some(Slice::Part(places)) => {
                        return Ok(Value::List(Seq::part(tail.list(), places)));
                    }
                    None => {}
                }
            }
            let items = &items.without_growth();
            let (start, stop, step) = slice_indices(items.len(), bounds)?;
            if let (Seq::Data(data), 1) = (items, step) {
                let (start, stop) = ends(start, stop);
                return Ok(Value::List(Seq::Data(&data[start..stop])));
            }
            Ok(Value::list(
                places(start, stop, step)
                    .filter_map(|at| items.get(at))
                    .collect(),
            ))
        }
        Value::Tuple(items) => {
            let (start, stop, step) = slice_indices(items.len(), bounds)?;
            let taken: Vec<_> = places(start, stop, step)
                .filter_map(|at| items.get(at).cloned())
                .collect();
            Ok(Value::Tuple(taken.into()))
        }
        Value::Str(text) => slice_text(text, bounds),
        Value::Undefined(undef) => raised(undef.message()),
        Value::Opaque(_) | Value::Safe(_) | Value::Table(_) => {
            object.known().map(|()| Value::Missing)
        }
        Value::Range(..) | Value::Loop(_) => unsupported(format!("slicing a {}", object.kind())),
        other => raised(format!(
            "'{}' object is not subscriptable",
            python_type(other)
        )),
    }
}
