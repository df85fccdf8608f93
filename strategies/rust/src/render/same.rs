//! Whether two values are the same to a template, so that one may stand for the other.

use std::ptr;
use std::sync::Arc;

use super::text::Text;
use super::value::{Map, Seq, Undef, Value};

impl Value<'_> {
    /// Whether no template could tell the two apart. A value that is expensive to compare may be
    /// called different from its equal.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Missing, Self::Missing) | (Self::None, Self::None) => true,
            (Self::Undefined(one), Self::Undefined(two)) => same_undefined(one, two),
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Int(one), Self::Int(two)) => one == two,
            (Self::Big(one), Self::Big(two)) | (Self::Opaque(one), Self::Opaque(two)) => one == two,
            (Self::Float(one), Self::Float(two)) => one.to_bits() == two.to_bits(),
            (Self::Str(one), Self::Str(two)) | (Self::Safe(one), Self::Safe(two)) => {
                same_text(one, two)
            }
            (Self::List(one), Self::List(two)) => same_seq(one, two),
            (Self::Tuple(one), Self::Tuple(two)) => same_values(one, two),
            (Self::Dict(one), Self::Dict(two)) => same_map(one, two),
            (Self::View(kind, one), Self::View(other, two)) => kind == other && same_map(one, two),
            (Self::Range(start, stop, step), Self::Range(from, to, by)) => {
                (start, stop, step) == (from, to, by)
            }
            (Self::Namespace(one), Self::Namespace(two))
            | (Self::Loop(one), Self::Loop(two))
            | (Self::Macro(one), Self::Macro(two))
            | (Self::Func(one), Self::Func(two)) => one == two,
            (Self::Method(one), Self::Method(two)) => one.0.same(&two.0) && one.1 == two.1,
            (Self::Table(one), Self::Table(two)) => {
                one.len() == two.len()
                    && one
                        .iter()
                        .zip(two.iter())
                        .all(|(one, two)| one.0 == two.0 && one.1.same(&two.1))
            }
            (Self::Line(one), Self::Line(two)) => one == two,
            // A generator is read once, so that none can stand for another.
            _ => false,
        }
    }

    /// Whether `found` holds for the value or for one in it; asks no further then.
    pub fn any(&self, found: &mut impl FnMut(&Self) -> bool) -> bool {
        if found(self) {
            return true;
        }
        match self {
            Self::List(Seq::Own(items)) | Self::Tuple(items) => {
                items.iter().any(|item| item.any(found))
            }
            Self::Dict(Map::Own(pairs)) | Self::View(_, Map::Own(pairs)) => {
                pairs.iter().any(|(_, item)| item.any(found))
            }
            Self::Table(pairs) => pairs.iter().any(|(_, item)| item.any(found)),
            Self::Method(bound) => bound.0.any(found),
            _ => false,
        }
    }
}

fn same_text(one: &Text, two: &Text) -> bool {
    let (one, two) = (one.as_str(), two.as_str());
    ptr::eq(one, two) || one == two
}

fn same_undefined(one: &Undef, two: &Undef) -> bool {
    match (one, two) {
        (Undef::Name(one), Undef::Name(two)) => one == two,
        (Undef::Attribute(one, name), Undef::Attribute(two, other)) => one == two && name == other,
        (Undef::Element(one), Undef::Element(two)) | (Undef::Message(one), Undef::Message(two)) => {
            one == two
        }
        (Undef::Unsafe(one, name), Undef::Unsafe(two, other)) => one == two && name == other,
        _ => false,
    }
}

fn same_seq<'a>(one: &Seq<'a>, two: &Seq<'a>) -> bool {
    match (one, two) {
        (Seq::Data(one), Seq::Data(two)) => ptr::eq(*one, *two),
        (Seq::Tail(one), Seq::Tail(two)) => one.same(two),
        (Seq::Picked(one), Seq::Picked(two)) => one.same(two),
        (Seq::Own(one), Seq::Own(two)) => same_values(one, two),
        _ => false,
    }
}

fn same_values<'a>(one: &Arc<[Value<'a>]>, two: &Arc<[Value<'a>]>) -> bool {
    Arc::ptr_eq(one, two)
        || one.len() == two.len() && one.iter().zip(two.iter()).all(|(one, two)| one.same(two))
}

fn same_map<'a>(one: &Map<'a>, two: &Map<'a>) -> bool {
    match (one, two) {
        (Map::Data(one), Map::Data(two)) => ptr::eq(*one, *two),
        (Map::Own(one), Map::Own(two)) => {
            Arc::ptr_eq(one, two)
                || one.len() == two.len()
                    && one
                        .iter()
                        .zip(two.iter())
                        .all(|(one, two)| one.0 == two.0 && one.1.same(&two.1))
        }
        _ => false,
    }
}
