//! Loops inside of a passage that look through the messages to the end.
//!
//! `{% for later in messages[loop.index:] %}` makes each message depend on all that follow. But
//! mostly the messages of a later turn make no difference to it. That is found by running the
//! body for the new messages only, in the state that the loop has ended in.

use super::scan::{Scan, same_cells};
use super::{Evaluator, Flow};
use crate::render::growing::{Interval, Tail, signed};
use crate::render::program::For;
use crate::render::state::Cell;
use crate::render::value::Value;

impl<'a> Evaluator<'a> {
    /// Notes that a loop has ended with the messages, if that can be done without noting how many
    /// there are.
    pub(super) fn note_scan(&mut self, inner: &'a For, tail: &Tail<'a>) -> bool {
        let plain = inner.filter.is_none() && inner.or_else.is_none() && !tail.is_backwards();
        let (true, true, Some(free)) = (self.scanning, plain, &inner.free) else {
            return false;
        };
        let mut variables = Vec::with_capacity(free.len());
        let mut namespaces = Vec::new();
        for slot in free {
            let at = self.at(*slot);
            let value = &self.stack[at];
            let mut fixed = true;
            if let Value::Namespace(place) = value {
                // Others may be changed by then.
                let namespace = &self.state.namespaces[*place];
                fixed = namespace.made == self.state.passage;
                let changing = |cell: &Cell| cell.value.any(&mut is_changing);
                fixed &= !namespace.cells.iter().any(changing);
                namespaces.push((*place, namespace.cells.clone()));
            } else {
                fixed &= !value.any(&mut is_changing);
            }
            if !fixed {
                return false;
            }
            if !(slot.root && at < self.own.len()) {
                variables.push((*slot, value.clone()));
            }
        }
        self.list.note(Interval::at_least(signed(self.list.end())));
        self.scans.push(Scan {
            inner,
            tail: tail.clone(),
            variables,
            namespaces,
            frame: if self.depth > 0 {
                self.stack.len() - self.base
            } else {
                0
            },
        });
        true
    }

    /// The steps that a scan takes for the messages from one place to another, if they make no
    /// difference to what it does.
    pub(super) fn goes_on(&mut self, scan: &Scan<'a>, from: usize, to: usize) -> Option<u64> {
        self.begin(Vec::new());
        let outside = std::mem::take(&mut self.out);
        let (base, top) = (self.base, self.stack.len());
        let spaces = self.state.namespaces.len();
        let left = self.steps_left;
        if scan.frame > 0 {
            self.base = top;
            self.stack.resize(top + scan.frame, Value::Missing);
        }
        for (slot, value) in &scan.variables {
            let at = self.at(*slot);
            self.stack[at] = value.clone();
        }
        for (place, cells) in &scan.namespaces {
            let namespaces = &mut self.state.namespaces;
            if *place >= namespaces.len() {
                namespaces.resize_with(place + 1, Default::default);
            }
            namespaces[*place].cells.clone_from(cells);
            namespaces[*place].made = self.state.passage;
        }
        let quiet = (from..to).all(|at| self.is_quiet(scan, at));
        let steps = left - self.steps_left;
        self.steps_left = left;
        self.base = base;
        self.stack.truncate(top);
        self.state.namespaces.truncate(spaces);
        self.loops.clear();
        self.depth = 0;
        self.out = outside;
        quiet.then_some(steps)
    }

    /// Whether the pass for a message changes nothing, whatever messages follow.
    fn is_quiet(&mut self, scan: &Scan<'a>, at: usize) -> bool {
        let Some(item) = scan.tail.at(at).map(Value::from_item) else {
            return false;
        };
        let run = self
            .count_steps(1)
            .and_then(|()| self.pass(scan.inner, item));
        let same = |(place, cells): &(usize, Vec<Cell<'a>>)| {
            same_cells(cells, &self.state.namespaces[*place].cells)
        };
        matches!(run, Ok(Flow::Next | Flow::Continue))
            && self.out.is_empty()
            && self.trace.attributes.is_empty()
            && self.trace.attributes_written.is_empty()
            && !self.trace.reads_generator()
            && self.list.seen().high == i64::MAX
            && scan.namespaces.iter().all(same)
    }
}

/// Whether a value is not the same thing for ever.
fn is_changing(value: &Value) -> bool {
    matches!(
        value,
        Value::Namespace(_) | Value::Gen(_) | Value::Loop(_) | Value::Macro(_) | Value::Line(_)
    )
}
