//! What a passage of a template has read from outside of itself, and what it has changed there.
//!
//! A passage is a statement of the template's own, or one pass of its loop over the messages. As
//! long as nothing that it read would come out otherwise, it does the same again.

use crate::render::growing::Interval;
use crate::render::text::Text;
use crate::render::value::Value;

/// What a passage needs a variable to be.
#[derive(Debug, Clone)]
pub enum Bound<'a> {
    Value(Value<'a>),
    /// It has no value.
    Absent,
    /// An integer that was only compared.
    Within(Interval),
}

impl<'a> Bound<'a> {
    pub fn holds(&self, value: Option<&Value<'a>>) -> bool {
        match (self, value) {
            (Self::Value(known), Some(value)) => known.same(value),
            (Self::Within(interval), Some(Value::Int(number))) => interval.holds(*number),
            (Self::Absent, None) => true,
            _ => false,
        }
    }

    /// What fulfils both, if both hold for one value.
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Within(one), Self::Within(two)) => Self::Within(one.and(*two)),
            (Self::Within(_), other) => other.clone(),
            (known, _) => known.clone(),
        }
    }

    /// Whether it says no less than the other, so that nothing is learnt from that.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Within(one), Self::Within(two)) => one.and(*two) == *one,
            (Self::Within(_), _) => false,
            _ => true,
        }
    }
}

/// An attribute of a namespace.
#[derive(Debug, Clone)]
pub struct Attribute<'a> {
    pub namespace: usize,
    pub name: Text<'a>,
}

impl Attribute<'_> {
    pub fn is(&self, other: &Self) -> bool {
        self.namespace == other.namespace && self.name == other.name
    }
}

/// The reads and writes of the passage that is running.
#[derive(Debug, Default)]
pub struct Trace<'a> {
    /// Variables of the template's own scope, with the values that were read.
    pub slots: Vec<(usize, Value<'a>)>,
    pub attributes: Vec<(Attribute<'a>, Bound<'a>)>,
    pub slots_written: Vec<usize>,
    pub attributes_written: Vec<Attribute<'a>>,
}

impl<'a> Trace<'a> {
    pub fn clear(&mut self) {
        self.slots.clear();
        self.attributes.clear();
        self.slots_written.clear();
        self.attributes_written.clear();
    }

    /// Whether it has read a generator. None is read in the same way twice.
    pub fn reads_generator(&self) -> bool {
        self.slots.iter().any(|(_, value)| has_generator(value))
            || self
                .attributes
                .iter()
                .any(|(_, bound)| matches!(bound, Bound::Value(value) if has_generator(value)))
    }

    pub fn note(&mut self, attribute: Attribute<'a>, bound: Bound<'a>) {
        match self
            .attributes
            .iter_mut()
            .find(|(known, _)| known.is(&attribute))
        {
            Some((_, known)) => *known = known.and(&bound),
            None => self.attributes.push((attribute, bound)),
        }
    }
}

pub fn has_generator(value: &Value) -> bool {
    value.any(&mut |value| matches!(value, Value::Gen(_)))
}
