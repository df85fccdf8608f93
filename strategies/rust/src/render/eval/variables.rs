//! Reads and writes of variables and of attributes of namespaces, which the trace keeps.

use super::Evaluator;
use super::trace::{Attribute, Bound};
use crate::fault::Outcome;
use crate::render::growing::{Interval, signed};
use crate::render::limits;
use crate::render::program::Slot;
use crate::render::state::no_attribute;
use crate::render::text::Text;
use crate::render::value::Value;

impl<'a> Evaluator<'a> {
    /// Begins a passage. Its namespaces take the `places` first.
    pub(super) fn begin(&mut self, places: Vec<usize>) {
        self.state.passage += 1;
        self.state.places = places;
        self.state.made.clear();
        self.trace.clear();
        self.scans.clear();
        self.open_steps = 0;
        self.list.watch();
        limits::watch();
        self.checked = 0;
    }

    /// The value of a variable as it is stored.
    pub(super) fn stored(&mut self, slot: Slot) -> &Value<'a> {
        let at = self.at(slot);
        self.passing_reads += u64::from(slot.passing);
        if slot.root && at < self.own.len() && self.own[at].read != self.state.passage {
            self.own[at].read = self.state.passage;
            if self.own[at].written != self.state.passage {
                self.trace.slots.push((at, self.stack[at].clone()));
            }
        }
        &self.stack[at]
    }

    pub(super) fn store(&mut self, slot: Slot, value: Value<'a>) {
        let at = self.at(slot);
        if slot.root && at < self.own.len() && self.own[at].written != self.state.passage {
            self.own[at].written = self.state.passage;
            self.trace.slots_written.push(at);
        }
        self.stack[at] = value;
    }

    /// Whether the passage at hand has set an attribute, or made its namespace.
    pub(super) fn is_from_here(&self, namespace: usize, name: &str) -> bool {
        let passage = self.state.passage;
        self.state.namespaces[namespace].made == passage
            || self
                .state
                .find(namespace, name)
                .is_some_and(|cell| cell.written == passage)
    }

    /// The value of an attribute.
    pub(super) fn attribute(&mut self, namespace: usize, name: &str) -> Value<'a> {
        self.reads += 1;
        let passage = self.state.passage;
        let made_here = self.state.namespaces[namespace].made == passage;
        let Some(cell) = self.state.find_mut(namespace, name) else {
            if !made_here {
                let name = Text::own(name.to_owned());
                self.trace
                    .note(Attribute { namespace, name }, Bound::Absent);
            }
            return no_attribute(name);
        };
        let value = cell.value.clone();
        if !made_here && cell.written != passage && cell.read != passage {
            cell.read = passage;
            let name = cell.name.clone();
            let bound = Bound::Value(value.clone());
            self.trace.note(Attribute { namespace, name }, bound);
        }
        value
    }

    /// Notes that an integer attribute was compared.
    pub(super) fn note_within(&mut self, namespace: usize, name: &'a str, interval: Interval) {
        let name = Text::Ref(name);
        self.trace
            .note(Attribute { namespace, name }, Bound::Within(interval));
    }

    pub(super) fn set_attribute(
        &mut self,
        namespace: usize,
        name: &Text<'a>,
        value: Value<'a>,
    ) -> Outcome<()> {
        self.writes += 1;
        let first = self.state.set(namespace, name, value)?;
        if first && self.state.namespaces[namespace].made != self.state.passage {
            let name = name.clone();
            self.trace
                .attributes_written
                .push(Attribute { namespace, name });
        }
        Ok(())
    }

    /// Whether a passage that has read this would do the same now.
    pub(super) fn would_repeat(
        &self,
        slots: &[(usize, Value<'a>)],
        attributes: &[(Attribute<'a>, Bound<'a>)],
        seen: Interval,
    ) -> bool {
        seen.holds(signed(self.list.end()))
            && slots.iter().all(|(at, value)| value.same(&self.stack[*at]))
            && attributes
                .iter()
                .all(|(attribute, bound)| self.has(attribute, bound))
    }

    pub(super) fn has(&self, attribute: &Attribute<'a>, bound: &Bound<'a>) -> bool {
        let cell = self
            .state
            .find(attribute.namespace, attribute.name.as_str());
        bound.holds(cell.map(|cell| &cell.value))
    }
}
