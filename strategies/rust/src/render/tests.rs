//! Jinja2's tests, on values.
#![allow(clippy::unnecessary_wraps)] // the rows of a table share one signature

use std::cmp::Ordering;

use super::number::Number;
use super::ops::{CmpOp, compare};
use super::value::Value;
use crate::fault::{Outcome, raised, unsupported};

pub fn defined(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(!value.is_undefined())
}

pub fn undefined(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(value.is_undefined())
}

pub fn none(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(matches!(value, Value::None))
}

pub fn is_true(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(matches!(value, Value::Bool(true)))
}

pub fn is_false(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(matches!(value, Value::Bool(false)))
}

pub fn boolean(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(matches!(value, Value::Bool(_)))
}

pub fn integer(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(matches!(value, Value::Int(_) | Value::Big(_)))
}

pub fn float(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(matches!(value, Value::Float(_)))
}

pub fn number(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(matches!(
        value,
        Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Bool(_)
    ))
}

pub fn string(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(matches!(value, Value::Str(_) | Value::Safe(_)))
}

pub fn mapping(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(matches!(value, Value::Dict(_)))
}

pub fn callable(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(match value {
        Value::Macro(_) | Value::Func(_) | Value::Method(_) => true,
        // An undefined value has a __call__, which raises.
        other => other.is_undefined(),
    })
}

pub fn iterable(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(!matches!(
        value,
        Value::Namespace(_)
            | Value::Macro(_)
            | Value::Func(_)
            | Value::Method(_)
            | Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Big(_)
            | Value::Float(_)
    ))
}

pub fn sequence(value: &Value, _: &[Value]) -> Outcome<bool> {
    Ok(match value {
        Value::Str(_)
        | Value::List(_)
        | Value::Tuple(_)
        | Value::Dict(_)
        | Value::Range(..)
        | Value::Undefined(_)
        | Value::Missing => true,
        Value::Loop(_) => return unsupported("whether a loop object is a sequence"),
        _ => false,
    })
}

pub fn is_in<'a>(value: &Value<'a>, arguments: &[Value<'a>]) -> Outcome<bool> {
    compare(CmpOp::In, value, &arguments[0])
}

pub fn eq<'a>(value: &Value<'a>, arguments: &[Value<'a>]) -> Outcome<bool> {
    compare(CmpOp::Eq, value, &arguments[0])
}

pub fn ne<'a>(value: &Value<'a>, arguments: &[Value<'a>]) -> Outcome<bool> {
    compare(CmpOp::Ne, value, &arguments[0])
}

pub fn lt<'a>(value: &Value<'a>, arguments: &[Value<'a>]) -> Outcome<bool> {
    compare(CmpOp::Lt, value, &arguments[0])
}

pub fn le<'a>(value: &Value<'a>, arguments: &[Value<'a>]) -> Outcome<bool> {
    compare(CmpOp::Le, value, &arguments[0])
}

pub fn gt<'a>(value: &Value<'a>, arguments: &[Value<'a>]) -> Outcome<bool> {
    compare(CmpOp::Gt, value, &arguments[0])
}

pub fn ge<'a>(value: &Value<'a>, arguments: &[Value<'a>]) -> Outcome<bool> {
    compare(CmpOp::Ge, value, &arguments[0])
}

pub fn even(value: &Value, _: &[Value]) -> Outcome<bool> {
    leaves(value, 0.0)
}

pub fn odd(value: &Value, _: &[Value]) -> Outcome<bool> {
    leaves(value, 1.0)
}

/// Whether dividing by two leaves this rest.
fn leaves(value: &Value, wanted: f64) -> Outcome<bool> {
    let rest = match value {
        Value::Float(number) => number.rem_euclid(2.0),
        value => Number::Int(whole(value)?.rem_euclid(2)).float(),
    };
    // By value, because a negative number leaves a negative zero.
    Ok(rest.partial_cmp(&wanted) == Some(Ordering::Equal))
}

pub fn divisible_by<'a>(value: &Value<'a>, arguments: &[Value<'a>]) -> Outcome<bool> {
    let by = whole(&arguments[0])?;
    if by == 0 {
        return raised("integer modulo by zero");
    }
    Ok(whole(value)?.checked_rem(by).unwrap_or(0) == 0)
}

fn whole(value: &Value) -> Outcome<i64> {
    match value.number() {
        Some(Number::Int(number)) => Ok(number),
        _ => unsupported(format!("arithmetic in a test on a {}", value.kind())),
    }
}
