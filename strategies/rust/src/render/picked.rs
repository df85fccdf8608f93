//! Some of the messages, which grow with them, and comparisons with the last of them.
//!
//! The messages of all turns are known from the start. So it is known as well how long the last
//! message of a list stays the last one, and at which ends another one will be equal to it.

use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::added::Added;
use super::growing::{Growing, Interval, Tail, signed};
use crate::data::{Data, Dict};

/// The messages for which something holds that depends on the message alone.
#[derive(Debug, Clone)]
pub struct Picked<'a> {
    list: Arc<Growing<'a>>,
    /// Where they are, in order, also those after the end. Copies share it, and those that follow
    /// are added to it.
    places: Arc<Added<usize>>,
}

impl<'a> Picked<'a> {
    pub fn new(list: Arc<Growing<'a>>, places: Arc<Added<usize>>) -> Self {
        Self { list, places }
    }

    pub fn len(&self) -> usize {
        let end = self.list.end();
        let count = self.places.partition_point(|at| *at < end);
        let before = count.checked_sub(1).and_then(|last| self.places.get(last));
        self.list.note(Interval {
            low: before.map_or(i64::MIN, |at| signed(at + 1)),
            high: self
                .places
                .get(count)
                .map_or(self.list.horizon(), |at| signed(*at)),
        });
        count
    }

    pub fn get(&self, index: usize) -> Option<&'a Data> {
        let Some(at) = self.places.get(index) else {
            self.list.note(Interval::at_most(self.list.horizon()));
            return None;
        };
        self.list.get(*at)
    }

    /// Whether both show the same messages in every turn.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.list, &other.list) && Arc::ptr_eq(&self.places, &other.places)
    }
}

/// The last message of a list that grows.
#[derive(Debug, Clone)]
pub enum Last<'a> {
    Tail(Tail<'a>),
    Picked(Picked<'a>),
}

impl<'a> Last<'a> {
    pub fn list(&self) -> &Growing<'a> {
        match self {
            Self::Tail(tail) => tail.list(),
            Self::Picked(picked) => &picked.list,
        }
    }

    /// Whether there is a message, not noted as read.
    pub fn is_there(&self) -> bool {
        self.before(self.list().end()).is_some()
    }

    /// The message, if there is one, noted as read.
    pub fn read(&self) -> Option<&'a Data> {
        match self {
            Self::Tail(tail) => {
                let at = tail.list().read_end().checked_sub(1)?;
                tail.list().any(at).filter(|_| at >= tail.start())
            }
            Self::Picked(picked) => picked.get(picked.len().checked_sub(1)?),
        }
    }

    /// The place of the last message that comes before another place.
    fn before(&self, end: usize) -> Option<usize> {
        match self {
            Self::Tail(tail) => end.checked_sub(1).filter(|at| *at >= tail.start()),
            Self::Picked(picked) => {
                let count = picked.places.partition_point(|at| *at < end);
                picked.places.get(count.checked_sub(1)?).copied()
            }
        }
    }

    /// Where the end may lie so that the message at a place is the last one.
    fn ends(&self, at: usize) -> Interval {
        let next = match self {
            Self::Tail(_) => Some(at + 1),
            Self::Picked(picked) => {
                let next = picked.places.partition_point(|place| *place <= at);
                picked.places.get(next).copied()
            }
        };
        Interval {
            low: signed(at + 1),
            high: next.map_or(self.list().horizon(), signed),
        }
    }

    fn has(&self, at: usize) -> bool {
        self.before(at + 1) == Some(at)
    }

    /// How the message compares with another one. What is noted is only where the end may lie
    /// without any difference to that.
    pub fn likeness(&self, other: &Dict, alike: &mut Alike) -> Likeness<'a> {
        let list = self.list();
        let end = list.end();
        let (Some(digest), Some(at)) = (digest_of_dict(other), self.before(end)) else {
            return Likeness::Unknown;
        };
        alike.asked.insert(digest);
        let twins = alike.twins.get(&digest).map_or(&[][..], Vec::as_slice);
        if alike.odd.binary_search(&at).is_ok() {
            return Likeness::Unknown;
        }
        if twins.binary_search(&at).is_ok() {
            list.note(self.ends(at));
            return list.any(at).map_or(Likeness::Unknown, Likeness::Alike);
        }
        for places in [twins, &alike.odd] {
            let (gone, coming) = places.split_at(places.partition_point(|at| *at < end));
            if let Some(at) = gone.iter().rev().find(|at| self.has(**at)) {
                let over = self.ends(*at).high;
                list.note(Interval::at_least(over.saturating_add(1)));
            }
            if let Some(at) = coming.iter().find(|at| self.has(**at)) {
                list.note(Interval::at_most(signed(*at)));
            }
        }
        Likeness::Different
    }
}

/// What is known of two messages before they are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Likeness<'a> {
    /// Nothing, or it may be an error to compare them.
    Unknown,
    /// They are different.
    Different,
    /// They may be equal, and comparing them with this one is no error.
    Alike(&'a Data),
}

/// Which messages may be equal to which.
#[derive(Debug, Default)]
pub struct Alike {
    /// Places by the digest of the message.
    twins: FxHashMap<u64, Vec<usize>>,
    /// Places of messages without a digest.
    odd: Vec<usize>,
    /// How many messages are among them.
    known: usize,
    /// Digests of the messages that were compared with the last one.
    asked: FxHashSet<u64>,
}

impl Alike {
    /// Takes in the messages that are not among them. Says whether one of these may be equal to
    /// a message that was compared with the last one before.
    pub fn take_in(&mut self, list: &Growing) -> bool {
        let mut again = false;
        for at in self.known..list.known() {
            let digest = match list.any(at) {
                Some(Data::Dict(dict)) => digest_of_dict(dict),
                _ => None,
            };
            if let Some(digest) = digest {
                self.twins.entry(digest).or_default().push(at);
                again |= self.asked.contains(&digest);
            } else {
                self.odd.push(at);
                again |= !self.asked.is_empty();
            }
            self.known = at + 1;
        }
        again
    }

    /// Whether any messages are among them.
    pub fn is_used(&self) -> bool {
        self.known > 0
    }
}

/// A number that is the same for all that Python calls equal. None for what it may be an error
/// to compare.
fn digest(data: &Data) -> Option<u64> {
    let mut hasher = FxHasher::default();
    match data {
        Data::None => hasher.write_u8(0),
        Data::Bool(value) => hasher.write_i64(i64::from(*value)),
        Data::Int(value) => hasher.write_i64(*value),
        Data::Str(text) => hasher.write(text.as_bytes()),
        Data::List(items) => {
            for item in items {
                hasher.write_u64(digest(item)?);
            }
        }
        Data::Dict(dict) => return digest_of_dict(dict),
        Data::Big(_) | Data::Float(_) | Data::Opaque(_) => return None,
    }
    Some(hasher.finish())
}

fn digest_of_dict(dict: &Dict) -> Option<u64> {
    // Dicts are equal in any order of their keys.
    let mut sum = 0_u64;
    for (key, value) in dict.entries() {
        let mut hasher = FxHasher::default();
        hasher.write(key.as_bytes());
        hasher.write_u64(digest(value)?);
        sum = sum.wrapping_add(hasher.finish());
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Alike, Last, Likeness, Picked};
    use crate::data::{Data, Dict, Text};
    use crate::render::added::{Added, Messages};
    use crate::render::growing::{Growing, Items, Tail, signed};

    fn places(numbers: &[usize]) -> Arc<Added<usize>> {
        let places = Added::default();
        for number in numbers {
            places.push(*number);
        }
        Arc::new(places)
    }

    fn said(text: &str) -> Data {
        let mut message = Dict::new();
        message.push("content".into(), Data::Str(Text::new(text)));
        Data::Dict(message)
    }

    #[test]
    fn what_is_read_of_picked_messages_is_noted_exactly() {
        let items: Vec<_> = (0..9).map(Data::Int).collect();
        let list = Arc::new(Growing::new(Items::Known(&items)));
        let picked = Picked::new(Arc::clone(&list), places(&[1, 2, 6]));
        for end in 0..=9 {
            list.show(end);
            let len = picked.len();
            let noted = list.seen();
            list.watch();
            let last = Last::Picked(picked.clone()).read();
            let read = list.seen();
            for other in 0..=9 {
                list.show(other);
                assert_eq!(noted.holds(signed(other)), picked.len() == len);
                let same = Last::Picked(picked.clone()).read() == last;
                assert_eq!(read.holds(signed(other)), same, "{end} {other}");
            }
        }
    }

    #[test]
    fn a_comparison_is_the_same_inside_of_what_is_noted() {
        let items: Vec<_> = ["a", "b", "a", "c", "b", "c", "d"].map(said).into();
        let list = Arc::new(Growing::new(Items::Known(&items)));
        let mut alike = Alike::default();
        alike.take_in(&list);
        let all = Last::Tail(Tail::new(Arc::clone(&list)));
        let some = Last::Picked(Picked::new(Arc::clone(&list), places(&[1, 2, 4, 5])));
        for last in [all, some] {
            for text in ["a", "b", "c", "d", "e"] {
                let Data::Dict(message) = said(text) else {
                    panic!("no message");
                };
                let mut ask = |end| {
                    list.show(end);
                    last.likeness(&message, &mut alike)
                };
                for end in 0..=items.len() {
                    let likeness = ask(end);
                    let noted = list.seen();
                    if likeness == Likeness::Unknown {
                        continue;
                    }
                    for other in 0..=items.len() {
                        let different = |likeness| !matches!(likeness, Likeness::Alike(_));
                        let same = different(ask(other)) == different(likeness);
                        if noted.holds(signed(other)) {
                            assert!(same, "{text} {end} {other}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_is_taken_for_settled_that_a_later_message_may_change() {
        let messages = Messages::default();
        messages.push(Arc::new(said("a")));
        messages.push(Arc::new(said("b")));
        let list = Arc::new(Growing::new(Items::Open(&messages)));
        list.show(2);
        let picked = Picked::new(Arc::clone(&list), places(&[0]));
        assert_eq!((picked.len(), list.seen().high), (1, 2));
        list.watch();
        assert_eq!((picked.get(1), list.seen().high), (None, 2));
        list.watch();
        let mut alike = Alike::default();
        alike.take_in(&list);
        let last = Last::Picked(picked);
        let Data::Dict(message) = said("a") else {
            panic!("no message");
        };
        assert!(matches!(
            last.likeness(&message, &mut alike),
            Likeness::Alike(_)
        ));
        assert_eq!(list.seen().high, 2);
        // Only a new one that is equal to what was compared makes a difference.
        messages.push(Arc::new(said("b")));
        assert!(!alike.take_in(&list));
        messages.push(Arc::new(said("a")));
        assert!(alike.take_in(&list));
        assert!(!alike.take_in(&list));
        // Nothing is known of what a message without a digest is equal to.
        messages.push(Arc::new(Data::Float(1.0)));
        assert!(alike.take_in(&list));
    }
}
