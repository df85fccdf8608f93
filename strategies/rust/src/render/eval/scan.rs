//! A loop inside of a passage that has looked through the messages to the end.

use std::ptr;

use crate::render::growing::Tail;
use crate::render::program::{For, Slot};
use crate::render::state::Cell;
use crate::render::value::Value;

/// A loop that has ended because there were no more messages.
#[derive(Debug)]
pub struct Scan<'a> {
    pub inner: &'a For,
    pub tail: Tail<'a>,
    /// The variables from around it that its body may read, without the template's own.
    pub variables: Vec<(Slot, Value<'a>)>,
    /// The namespaces among them.
    pub namespaces: Vec<(usize, Vec<Cell<'a>>)>,
    /// Number of slots of the macro that it is in, or 0.
    pub frame: usize,
}

impl Scan<'_> {
    /// Whether both go on in the same way.
    pub fn same(&self, other: &Self) -> bool {
        ptr::eq(self.inner, other.inner)
            && self.tail.goes_on_as(&other.tail)
            && self.variables.len() == other.variables.len()
            && self
                .variables
                .iter()
                .zip(&other.variables)
                .all(|(one, two)| one.0 == two.0 && one.1.same(&two.1))
            && self.namespaces.len() == other.namespaces.len()
            && self
                .namespaces
                .iter()
                .zip(&other.namespaces)
                .all(|(one, two)| one.0 == two.0 && same_cells(&one.1, &two.1))
    }
}

pub fn same_cells<'a>(one: &[Cell<'a>], two: &[Cell<'a>]) -> bool {
    one.len() == two.len()
        && one
            .iter()
            .zip(two)
            .all(|(one, two)| one.name == two.name && one.value.same(&two.value))
}
