//! What iterating a value gives.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use super::limits::check_items;
use super::number::range_len;
use super::text::Text;
use super::value::{Gen, Map, Seq, Value, ViewKind, python_type, read};
use crate::fault::{Fault, Outcome, raised, unsupported};

thread_local! {
    static GENERATORS: Cell<u64> = const { Cell::new(0) };
}

/// How often a generator was read on this thread. Reading one changes it.
pub fn generators_read() -> u64 {
    GENERATORS.get()
}

impl<'a> Value<'a> {
    /// Python's `iter(value)`.
    pub fn iterate(&self) -> Outcome<Items<'a>> {
        self.known()?;
        Ok(match self {
            Self::Undefined(_) | Self::Missing => Items::Done,
            Self::List(items) => Items::Seq(items.clone(), 0),
            Self::Tuple(items) => Items::Seq(Seq::Own(Arc::clone(items)), 0),
            Self::Str(text) => Items::Chars(text.clone(), 0),
            Self::Dict(map) => Items::View(ViewKind::Keys, map.clone(), 0),
            Self::View(kind, map) => Items::View(*kind, map.clone(), 0),
            Self::Gen(generator) => {
                GENERATORS.set(GENERATORS.get() + 1);
                Items::Gen(Arc::clone(generator))
            }
            Self::Range(start, stop, step) => Items::Range(*start, *stop, *step),
            Self::Loop(_) => return unsupported("iterating a loop object"),
            other => return raised(format!("'{}' object is not iterable", python_type(other))),
        })
    }

    pub fn collect(&self) -> Outcome<Vec<Value<'a>>> {
        let mut all = Vec::new();
        for item in self.iterate()? {
            all.push(item?);
            check_items(all.len())?;
        }
        Ok(all)
    }

    /// The items up to the first that raises, and what it raises.
    pub fn sequence(&self) -> Outcome<(Seq<'a>, Option<Box<Fault>>)> {
        match self {
            Self::List(items) => Ok((items.clone(), None)),
            Self::Tuple(items) => Ok((Seq::Own(Arc::clone(items)), None)),
            Self::Range(start, stop, step) => Ok((Seq::Range(*start, *stop, *step), None)),
            other => {
                let mut items = Vec::new();
                for item in other.iterate()? {
                    check_items(items.len())?;
                    match item {
                        Ok(item) => items.push(item),
                        Err(fault) => return Ok((Seq::Own(items.into()), Some(fault))),
                    }
                }
                Ok((Seq::Own(items.into()), None))
            }
        }
    }

    /// Notes that a generator was read to its end earlier than Python would read it.
    ///
    /// In Python, others that hold it would still find items. So it may not be read again.
    pub fn read_ahead(&self) {
        if let Self::Gen(generator) = self {
            read(generator).fault = Some(Box::new(Fault::Unsupported(
                "a generator with two readers".to_owned(),
            )));
        }
    }

    /// Takes the note of [`Self::read_ahead`] back, when Python has read it to its end as well.
    pub fn forget_reader(&self) {
        if let Self::Gen(generator) = self {
            read(generator).fault = None;
        }
    }

    /// Whether this is a generator that somebody else could read, too.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Gen(generator) if Arc::strong_count(generator) > 1)
    }
}

/// An iterator over a value, one kind for each iterable.
pub enum Items<'a> {
    Done,
    Seq(Seq<'a>, usize),
    Chars(Text<'a>, usize),
    View(ViewKind, Map<'a>, usize),
    Gen(Arc<Mutex<Gen<'a>>>),
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
                let mut generator = read(generator);
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
