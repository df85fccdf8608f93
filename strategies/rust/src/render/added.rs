//! Lists to which items are added while somebody looks at them.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::data::Data;

/// Blocks hold 1, 2, 4, … items, so that there are never more of them.
const BLOCKS: usize = usize::BITS as usize;

type Block<T> = Box<[OnceLock<T>]>;

/// Items in order. Each stays where it is for as long as the list lives, so that it can be
/// borrowed while others are added.
pub struct Added<T> {
    blocks: [OnceLock<Block<T>>; BLOCKS],
    len: AtomicUsize,
}

/// The messages of a conversation that goes on. Copies share them.
pub type Messages = Added<Arc<Data>>;

impl<T> Default for Added<T> {
    fn default() -> Self {
        Self {
            blocks: [const { OnceLock::new() }; BLOCKS],
            len: AtomicUsize::new(0),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Added<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

/// The block in which an item is, and where in it.
fn place(at: usize) -> (usize, usize) {
    let block = (at + 1).ilog2();
    (block as usize, at + 1 - (1 << block))
}

impl<T> Added<T> {
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Adds an item at the end.
    pub fn push(&self, item: T) {
        let mut item = item;
        loop {
            // Another thread may take this place first.
            let at = self.len();
            let (block, within) = place(at);
            let free = || (0..1 << block).map(|_| OnceLock::new()).collect();
            let taken = self.blocks[block].get_or_init(free)[within].set(item);
            let _ = self
                .len
                .compare_exchange(at, at + 1, Ordering::AcqRel, Ordering::Relaxed);
            match taken {
                Ok(()) => return,
                Err(back) => item = back,
            }
        }
    }

    pub fn get(&self, at: usize) -> Option<&T> {
        let (block, within) = place(at);
        self.blocks[block].get()?.get(within)?.get()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// The number of items at the start for which something holds that holds for none after them.
    pub fn partition_point(&self, holds: impl Fn(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(&holds) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Copies then go on each for itself.
impl<T: Clone> Clone for Added<T> {
    fn clone(&self) -> Self {
        let copy = Self::default();
        for item in self.iter() {
            copy.push(item.clone());
        }
        copy
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;
    use std::sync::Arc;

    use super::{Added, Messages};
    use crate::data::Data;

    fn number(at: usize) -> Arc<Data> {
        Arc::new(Data::Int(i64::try_from(at).unwrap()))
    }

    #[test]
    fn items_stay_where_they_are() {
        let messages = Messages::default();
        messages.push(number(0));
        let first = messages.get(0).unwrap();
        for at in 1..1000 {
            assert_eq!(messages.get(at), None);
            messages.push(number(at));
        }
        assert!(ptr::eq(first, messages.get(0).unwrap()));
        assert!((0..1000).all(|at| messages.get(at) == Some(&number(at))));
        assert_eq!((messages.len(), messages.get(1000)), (1000, None));
    }

    #[test]
    fn copies_share_what_was_there_and_nothing_else() {
        let messages = Messages::default();
        messages.push(number(0));
        let copy = messages.clone();
        copy.push(number(1));
        messages.push(number(2));
        assert!(Arc::ptr_eq(copy.get(0).unwrap(), messages.get(0).unwrap()));
        let shown = format!("{copy:?} {messages:?}");
        assert_eq!(shown, "[Int(0), Int(1)] [Int(0), Int(2)]");
    }

    #[test]
    fn no_item_of_another_thread_is_lost() {
        let numbers = Added::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|number| numbers.push(number)));
            }
        });
        let mut all: Vec<usize> = numbers.iter().copied().collect();
        assert_eq!((all.len(), numbers.len()), (4000, 4000));
        all.sort_unstable();
        assert!(all.iter().enumerate().all(|(at, number)| *number == at / 4));
    }

    #[test]
    fn items_are_searched_as_those_of_a_slice() {
        let numbers = Added::default();
        for len in 0..20 {
            for limit in 0..=len {
                assert_eq!(numbers.partition_point(|number| *number < limit), limit);
            }
            numbers.push(len);
        }
    }
}
