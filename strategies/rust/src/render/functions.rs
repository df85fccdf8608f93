//! Global functions of a chat template.
#![allow(clippy::unnecessary_wraps)] // the rows of a table share one signature

use std::sync::Arc;

use super::number::range_len;
use super::state::State;
use super::text::Text;
use super::value::{Map, Pairs, Value, insert, python_type};
use crate::fault::{Outcome, raised, unsupported};

/// The sandbox's limit for `range`.
pub const MAX_RANGE: usize = 100_000;

pub fn raise_exception<'a>(
    _: &mut State<'a>,
    positional: &[Value<'a>],
    named: &[(Text<'a>, Value<'a>)],
) -> Outcome<Value<'a>> {
    match positional {
        [message] if named.is_empty() => match message.to_text() {
            Ok(text) => raised(text.as_str()),
            Err(_) => raised("an exception whose message cannot be shown"),
        },
        _ => raised("raise_exception() takes one argument"),
    }
}

/// The date in a format; the compiler makes sure that Python has seen the format.
pub fn strftime_now<'a>(
    state: &mut State<'a>,
    positional: &[Value<'a>],
    _: &[(Text<'a>, Value<'a>)],
) -> Outcome<Value<'a>> {
    let [Value::Str(format)] = positional else {
        return unsupported("strftime_now with these arguments");
    };
    match state.date(format.as_str()) {
        Some(date) => Ok(Value::Str(Text::Ref(date))),
        None => unsupported("strftime_now with a format that is not a literal"),
    }
}

/// The pairs that `dict` or `namespace` is given.
fn given_pairs<'a>(
    positional: &[Value<'a>],
    named: &[(Text<'a>, Value<'a>)],
) -> Outcome<Pairs<'a>> {
    let mut pairs = match positional {
        [] => Vec::new(),
        [Value::Dict(map)] => map.pairs().collect(),
        _ => return unsupported("dict() or namespace() of something else than a dict"),
    };
    for (key, value) in named {
        insert(&mut pairs, key.clone(), value.clone());
    }
    Ok(pairs)
}

pub fn dict<'a>(
    _: &mut State<'a>,
    positional: &[Value<'a>],
    named: &[(Text<'a>, Value<'a>)],
) -> Outcome<Value<'a>> {
    Value::Dict(Map::Own(Arc::new(given_pairs(positional, named)?))).shallow()
}

pub fn namespace<'a>(
    state: &mut State<'a>,
    positional: &[Value<'a>],
    named: &[(Text<'a>, Value<'a>)],
) -> Outcome<Value<'a>> {
    state.new_namespace(given_pairs(positional, named)?)
}

fn bound(value: &Value) -> Outcome<i64> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Bool(flag) => Ok(i64::from(*flag)),
        Value::Undefined(_) | Value::None | Value::Str(_) | Value::Float(_) => raised(format!(
            "'{}' object cannot be interpreted as an integer",
            python_type(value)
        )),
        other => unsupported(format!("range of a {}", other.kind())),
    }
}

pub fn range<'a>(
    _: &mut State<'a>,
    positional: &[Value<'a>],
    named: &[(Text<'a>, Value<'a>)],
) -> Outcome<Value<'a>> {
    if !named.is_empty() {
        return raised("range() takes no keyword arguments");
    }
    let bounds: Vec<i64> = positional.iter().map(bound).collect::<Outcome<_>>()?;
    let (start, stop, step) = match bounds.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] => (*start, *stop, *step),
        _ => return raised("range expected 1 to 3 arguments"),
    };
    if step == 0 {
        return raised("range() arg 3 must not be zero");
    }
    if range_len(start, stop, step) > MAX_RANGE {
        return raised("Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
    }
    Ok(Value::Range(start, stop, step))
}
