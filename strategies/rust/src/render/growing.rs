//! The list of messages, of which each turn of a conversation shows more.
//!
//! Whoever reads its end is noted here: what was read stays true as long as the end lies inside
//! an interval. So a later turn can tell what it may keep of an earlier one.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};

use super::added::Messages;
use crate::data::Data;

/// Integers from `low` to `high`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub low: i64,
    pub high: i64,
}

impl Interval {
    pub const ALL: Self = Self {
        low: i64::MIN,
        high: i64::MAX,
    };

    pub fn only(number: i64) -> Self {
        Self {
            low: number,
            high: number,
        }
    }

    pub fn at_least(low: i64) -> Self {
        Self { low, ..Self::ALL }
    }

    pub fn at_most(high: i64) -> Self {
        Self { high, ..Self::ALL }
    }

    pub fn holds(self, number: i64) -> bool {
        (self.low..=self.high).contains(&number)
    }

    /// What is in both.
    pub fn and(self, other: Self) -> Self {
        Self {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
        }
    }
}

/// A length or place as a number. No list is that long that it does not fit.
pub fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// All messages that there are.
#[derive(Debug, Clone, Copy)]
pub enum Items<'a> {
    /// Those of all turns.
    Known(&'a [Data]),
    /// Those so far. Nothing is known of the messages that will follow.
    Open(&'a Messages),
}

impl<'a> Items<'a> {
    fn len(self) -> usize {
        match self {
            Self::Known(items) => items.len(),
            Self::Open(items) => items.len(),
        }
    }

    fn get(self, at: usize) -> Option<&'a Data> {
        match self {
            Self::Known(items) => items.get(at),
            Self::Open(items) => items.get(at).map(|item| &**item),
        }
    }
}

/// The messages of a conversation, and how many of them the turn at hand has.
///
/// One thread at a time looks at it; the next one may be another.
#[derive(Debug)]
pub struct Growing<'a> {
    items: Items<'a>,
    end: AtomicUsize,
    /// Where the end may lie without any difference to what was read since [`Self::watch`].
    low: AtomicI64,
    high: AtomicI64,
}

impl<'a> Growing<'a> {
    pub fn new(items: Items<'a>) -> Self {
        Self {
            items,
            end: AtomicUsize::new(items.len()),
            low: AtomicI64::new(i64::MIN),
            high: AtomicI64::new(i64::MAX),
        }
    }

    /// Shows the first `end` messages. There must be as many.
    pub fn show(&self, end: usize) {
        self.end.store(end.min(self.items.len()), Relaxed);
        self.watch();
    }

    /// Forgets what was read so far.
    pub fn watch(&self) {
        self.low.store(i64::MIN, Relaxed);
        self.high.store(i64::MAX, Relaxed);
    }

    /// Where the end may lie without any difference to what was read.
    pub fn seen(&self) -> Interval {
        Interval {
            low: self.low.load(Relaxed),
            high: self.high.load(Relaxed),
        }
    }

    pub fn note(&self, interval: Interval) {
        let seen = self.seen().and(interval);
        self.low.store(seen.low, Relaxed);
        self.high.store(seen.high, Relaxed);
    }

    /// The number of messages of all turns that are known, not noted as read.
    pub fn known(&self) -> usize {
        self.items.len()
    }

    /// The last end up to which it is known which messages there are.
    pub fn horizon(&self) -> i64 {
        match self.items {
            Items::Known(_) => i64::MAX,
            // Those that came after the turn at hand began are none of it.
            Items::Open(_) => signed(self.end()),
        }
    }

    /// Any message, also one that the turn at hand does not have yet; not noted as read.
    pub fn any(&self, at: usize) -> Option<&'a Data> {
        self.items.get(at)
    }

    /// Messages next to each other, if they lie so; not noted as read.
    pub fn slice(&self, places: Range<usize>) -> Option<&'a [Data]> {
        match self.items {
            Items::Known(items) => items.get(places),
            Items::Open(_) => None,
        }
    }

    /// The end, not noted as read.
    pub fn end(&self) -> usize {
        self.end.load(Relaxed)
    }

    /// The end, noted as read.
    pub fn read_end(&self) -> usize {
        self.note(Interval::only(signed(self.end())));
        self.end()
    }

    /// The message at a place, which only says whether the end lies behind it.
    pub fn get(&self, at: usize) -> Option<&'a Data> {
        if at < self.end() {
            self.note(Interval::at_least(signed(at + 1)));
            self.items.get(at)
        } else {
            self.note(Interval::at_most(signed(at)));
            None
        }
    }
}

/// The messages from a place to the growing end, forwards or backwards; or numbers in their place.
#[derive(Debug, Clone)]
pub struct Tail<'a> {
    list: Arc<Growing<'a>>,
    start: usize,
    backwards: bool,
    /// If it is a range, what its numbers have more than the places.
    numbers: Option<i64>,
}

/// An item of a [`Tail`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    Message(&'a Data),
    Number(i64),
}

impl<'a> Tail<'a> {
    /// All messages.
    pub fn new(list: Arc<Growing<'a>>) -> Self {
        Self {
            list,
            start: 0,
            backwards: false,
            numbers: None,
        }
    }

    /// A range that ends, or starts if it runs backwards, where the list does: the number for
    /// each place from `start` on, which is `more` than the place.
    pub fn range(list: Arc<Growing<'a>>, start: usize, backwards: bool, more: i64) -> Self {
        Self {
            list,
            start,
            backwards,
            numbers: Some(more),
        }
    }

    pub fn start(&self) -> usize {
        self.start
    }

    pub fn is_backwards(&self) -> bool {
        self.backwards
    }

    pub fn list(&self) -> &Arc<Growing<'a>> {
        &self.list
    }

    /// Whether it shows messages in their own order.
    pub fn is_plain(&self) -> bool {
        !self.backwards && self.numbers.is_none()
    }

    pub fn len(&self) -> usize {
        self.list.read_end().saturating_sub(self.start)
    }

    /// Whether it has no items, which says less about the end than its length.
    pub fn is_empty(&self) -> bool {
        self.list.get(self.start).is_none()
    }

    pub fn get(&self, index: usize) -> Option<Item<'a>> {
        let at = if self.backwards {
            let at = self.len().checked_sub(index + 1)?;
            self.start + at
        } else {
            self.start.checked_add(index)?
        };
        self.at(at)
    }

    /// The item of a place in the list.
    pub fn at(&self, at: usize) -> Option<Item<'a>> {
        let message = self.list.get(at)?;
        Some(match self.numbers {
            Some(more) => Item::Number(signed(at).saturating_add(more)),
            None => Item::Message(message),
        })
    }

    /// The places of its messages, as those of a list that does not grow.
    pub fn places(&self) -> Range<usize> {
        let end = self.list.read_end();
        self.start.min(end)..end
    }

    /// `tail[start:stop:step]`, if it is seen without making a list.
    ///
    /// The bounds are Python's, and a step of 0 is none of them.
    pub fn slice(&self, start: Option<i64>, stop: Option<i64>, step: i64) -> Option<Slice<'a>> {
        if self.backwards {
            return None;
        }
        match (start, stop, step) {
            (None, None, -1) => Some(Slice::Tail(Self {
                backwards: true,
                ..self.clone()
            })),
            (_, None, 1) => {
                let start = usize::try_from(start.unwrap_or(0)).ok()?;
                Some(Slice::Tail(Self {
                    start: self.start.checked_add(start)?,
                    ..self.clone()
                }))
            }
            (_, Some(stop), 1) => {
                let start = usize::try_from(start.unwrap_or(0)).ok()?;
                let stop = usize::try_from(stop).ok()?;
                if start >= stop {
                    return Some(Slice::Part(0..0));
                }
                let last = self.start.checked_add(stop)?.checked_sub(1)?;
                self.list.get(last)?;
                Some(Slice::Part(self.start + start..last + 1))
            }
            _ => None,
        }
    }

    /// The same messages the other way round, as `|reverse` gives them.
    pub fn reversed(&self) -> Self {
        Self {
            backwards: !self.backwards,
            ..self.clone()
        }
    }

    /// Whether both show the same messages in every turn.
    pub fn same(&self, other: &Self) -> bool {
        self.start == other.start && self.goes_on_as(other)
    }

    /// Whether both are the same but for where they start.
    pub fn goes_on_as(&self, other: &Self) -> bool {
        self.backwards == other.backwards
            && self.numbers == other.numbers
            && Arc::ptr_eq(&self.list, &other.list)
    }
}

/// A slice of a [`Tail`].
pub enum Slice<'a> {
    Tail(Tail<'a>),
    /// The messages at some places.
    Part(Range<usize>),
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Growing, Interval, Item, Items, Slice, Tail};
    use crate::data::Data;

    fn numbers(count: i64) -> Vec<Data> {
        (0..count).map(Data::Int).collect()
    }

    fn number(item: Option<Item>) -> Option<i64> {
        match item {
            Some(Item::Message(Data::Int(number))) => Some(*number),
            Some(Item::Number(number)) => Some(number),
            _ => None,
        }
    }

    #[test]
    fn reading_an_item_says_only_on_which_side_the_end_is() {
        let items = numbers(9);
        let tail = Tail::new(Arc::new(Growing::new(Items::Known(&items))));
        tail.list().show(4);
        assert_eq!(number(tail.get(1)), Some(1));
        assert_eq!(tail.list().seen(), Interval::at_least(2));
        assert_eq!(number(tail.get(6)), None);
        assert_eq!(tail.list().seen(), Interval { low: 2, high: 6 });
        assert_eq!(tail.len(), 4);
        assert_eq!(tail.list().seen(), Interval::only(4));
    }

    #[test]
    fn slices_to_the_end_read_nothing() {
        let items = numbers(9);
        let tail = Tail::new(Arc::new(Growing::new(Items::Known(&items))));
        tail.list().show(4);
        let Some(Slice::Tail(rest)) = tail.slice(Some(3), None, 1) else {
            panic!("no tail");
        };
        let Some(Slice::Tail(back)) = rest.slice(None, None, -1) else {
            panic!("no tail");
        };
        assert_eq!(tail.list().seen(), Interval::ALL);
        tail.list().show(6);
        assert_eq!(
            [
                number(back.get(0)),
                number(back.get(2)),
                number(back.get(3))
            ],
            [Some(5), Some(3), None]
        );
        assert_eq!(number(rest.get(0)), Some(3));
        tail.list().show(2);
        assert!(rest.is_empty() && back.is_empty());
    }

    #[test]
    fn a_range_to_the_end_reads_no_more_than_its_items() {
        let items = numbers(9);
        let list = Arc::new(Growing::new(Items::Known(&items)));
        list.show(4);
        let forth = Tail::range(Arc::clone(&list), 1, false, -1);
        assert_eq!([forth.get(0), forth.get(2)].map(number), [Some(0), Some(2)]);
        assert_eq!(list.seen(), Interval::at_least(4));
        assert_eq!(forth.get(3), None);
        assert_eq!(list.seen(), Interval::only(4));
        let back = Tail::range(Arc::clone(&list), 1, true, 0);
        assert_eq!([back.get(0), back.get(2)].map(number), [Some(3), Some(1)]);
        assert_eq!(back.get(3), None);
    }

    #[test]
    fn a_slice_with_an_end_reads_as_far_as_that() {
        let items = numbers(9);
        let tail = Tail::new(Arc::new(Growing::new(Items::Known(&items))));
        tail.list().show(4);
        let Some(Slice::Part(places)) = tail.slice(Some(1), Some(3), 1) else {
            panic!("no items");
        };
        assert_eq!(tail.list().slice(places), items.get(1..3));
        assert_eq!(tail.list().seen(), Interval::at_least(3));
        // Where it ends with the list, it depends on that.
        assert!(tail.slice(Some(1), Some(5), 1).is_none());
        assert!(tail.slice(Some(-2), None, 1).is_none());
    }
}
