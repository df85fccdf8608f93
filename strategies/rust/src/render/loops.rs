//! Attributes of `loop`.

use super::state::LoopState;
use super::value::{Undef, Value};

fn number<'a>(value: usize) -> Value<'a> {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

pub fn index<'a>(state: &LoopState<'a>) -> Value<'a> {
    number(state.index() + 1)
}

pub fn index0<'a>(state: &LoopState<'a>) -> Value<'a> {
    number(state.index())
}

pub fn revindex<'a>(state: &LoopState<'a>) -> Value<'a> {
    number(state.left() + 1)
}

pub fn revindex0<'a>(state: &LoopState<'a>) -> Value<'a> {
    number(state.left())
}

pub fn first<'a>(state: &LoopState<'a>) -> Value<'a> {
    Value::Bool(state.is_first())
}

pub fn last<'a>(state: &LoopState<'a>) -> Value<'a> {
    Value::Bool(state.is_last())
}

pub fn length<'a>(state: &LoopState<'a>) -> Value<'a> {
    number(state.items.len())
}

/// Recursive loops are not rendered, so every loop is an outermost one to itself.
pub fn depth<'a>(_: &LoopState<'a>) -> Value<'a> {
    Value::Int(1)
}

pub fn depth0<'a>(_: &LoopState<'a>) -> Value<'a> {
    Value::Int(0)
}

pub fn previtem<'a>(state: &LoopState<'a>) -> Value<'a> {
    state.before().unwrap_or(Value::Undefined(Undef::Message(
        "there is no previous item",
    )))
}

pub fn nextitem<'a>(state: &LoopState<'a>) -> Value<'a> {
    let after = state.after();
    after.unwrap_or(Value::Undefined(Undef::Message("there is no next item")))
}
