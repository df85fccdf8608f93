//! The merges of a BPE model, for counting: how many symbols remain of a word.
//!
//! The library keeps all possible merges of a word in a heap and always takes the one with the
//! lowest rank, of equal ones the leftmost. An entry of its heap may be out of date; the library
//! then compares what the entry makes with what the pair at that place makes now. Here an entry
//! is out of date if its rank is not that of the pair. Both are the same if no two tokens share
//! an id: a symbol only grows, so a later pair at the same place makes a longer token.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::saved::{Reader, Writer};

/// Stands for the rank of a pair that is not merged.
const NEVER: u32 = u32::MAX;

/// Bits of a slot for the rank, and for each of the two ids.
const RANK_BITS: u32 = 22;
const ID_BITS: u32 = 21;
const RANK: u64 = (1 << RANK_BITS) - 1;
/// No pair fills a slot with this: ranks stay below [`RANK`].
const EMPTY: u64 = u64::MAX;

/// Ids and ranks from here on do not fit a slot.
pub const MOST_IDS: u32 = 1 << ID_BITS;
const MOST_MERGES: usize = (1 << RANK_BITS) - 1;

/// Words of more symbols are merged with a heap.
const SHORT: usize = 24;

/// The pairs that are merged, with their ranks and what they make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merges {
    /// Open addressing: the left id, the right id and the rank in each slot.
    slots: Box<[u64]>,
    shift: u32,
    /// Id that a merge makes, by rank.
    made: Box<[u32]>,
}

/// Space for the merges of a word, kept from word to word.
#[derive(Debug, Default)]
pub struct Work {
    /// Ids of the symbols of a word: written by the caller, used up by [`Merges::count`].
    pub symbols: Vec<u32>,
    /// Rank of each symbol with the next one.
    ranks: Vec<u32>,
    /// Neighbours of each symbol; its own place stands for none.
    before: Vec<u32>,
    after: Vec<u32>,
    heap: BinaryHeap<Reverse<u64>>,
}

impl Merges {
    /// Merges in the order of their ranks: left id, right id and the id that they make.
    ///
    /// A pair that comes again has its last rank, as in the library.
    ///
    /// Returns None if there are too many for a slot.
    #[must_use]
    pub fn new(merges: &[(u32, u32, u32)]) -> Option<Self> {
        let fits = |(left, right, made): &(u32, u32, u32)| {
            *left < MOST_IDS && *right < MOST_IDS && *made < MOST_IDS
        };
        if merges.len() > MOST_MERGES || !merges.iter().all(fits) {
            return None;
        }
        // Most pairs that are looked up are not there: the more empty slots, the sooner that shows.
        let bits = (merges.len() * 3)
            .next_power_of_two()
            .max(2)
            .trailing_zeros();
        let mut table = Self {
            slots: vec![EMPTY; 1 << bits].into(),
            shift: u64::BITS - bits,
            made: merges.iter().map(|(_, _, made)| *made).collect(),
        };
        for (rank, (left, right, _)) in (0_u64..).zip(merges) {
            let place = table.place(*left, *right);
            table.slots[place] = pair(*left, *right) | rank;
        }
        Some(table)
    }

    /// The ids that are merged: of all pairs the left and the right one.
    pub fn parts(&self) -> impl Iterator<Item = u32> + '_ {
        let id = |bits: u64| u32::try_from(bits & u64::from(MOST_IDS - 1)).unwrap_or(u32::MAX);
        let pairs = self.slots.iter().filter(|slot| **slot != EMPTY);
        pairs.flat_map(move |slot| [id(slot >> (RANK_BITS + ID_BITS)), id(slot >> RANK_BITS)])
    }

    /// The slot of a pair, or the empty one where it would be.
    #[inline]
    fn place(&self, left: u32, right: u32) -> usize {
        let wanted = pair(left, right);
        let mixed = u64::from(left).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ u64::from(right).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        let last = self.slots.len() - 1;
        // The shift leaves fewer bits than a slot's number has.
        #[allow(clippy::cast_possible_truncation)]
        let mut place = (mixed >> self.shift) as usize & last;
        loop {
            let slot = self.slots[place];
            if slot & !RANK == wanted || slot == EMPTY {
                return place;
            }
            place = (place + 1) & last;
        }
    }

    #[inline]
    fn rank(&self, left: u32, right: u32) -> u32 {
        match self.slots[self.place(left, right)] {
            EMPTY => NEVER,
            // The mask leaves 22 bits.
            #[allow(clippy::cast_possible_truncation)]
            slot => (slot & RANK) as u32,
        }
    }

    /// Merges the symbols of `work` and returns how many remain.
    pub fn count(&self, work: &mut Work) -> u32 {
        let count = match work.symbols.len() {
            0 | 1 => work.symbols.len(),
            2..=SHORT => self.count_short(work),
            _ => self.count_long(work),
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Looks through all pairs for each merge: quickest for a few symbols.
    fn count_short(&self, work: &mut Work) -> usize {
        let mut symbols = [0_u32; SHORT];
        // The last symbol never has a next one, so the rank at its place is always `NEVER`.
        let mut ranks = [NEVER; SHORT];
        let mut count = work.symbols.len().min(SHORT);
        symbols[..count].copy_from_slice(&work.symbols[..count]);
        for place in 1..count {
            ranks[place - 1] = self.rank(symbols[place - 1], symbols[place]);
        }
        loop {
            let (mut at, mut lowest) = (0, NEVER);
            for (place, rank) in ranks[..count].iter().enumerate() {
                if *rank < lowest {
                    (at, lowest) = (place, *rank);
                }
            }
            if lowest == NEVER {
                return count;
            }
            symbols[at] = self.made[lowest as usize];
            symbols.copy_within(at + 2..count, at + 1);
            ranks.copy_within(at + 1..count, at);
            count -= 1;
            ranks[count] = NEVER;
            if at + 1 < count {
                ranks[at] = self.rank(symbols[at], symbols[at + 1]);
            }
            if at > 0 {
                ranks[at - 1] = self.rank(symbols[at - 1], symbols[at]);
            }
        }
    }

    /// Keeps the possible merges in a heap: the time grows little faster than the word.
    fn count_long(&self, work: &mut Work) -> usize {
        let Work {
            symbols,
            ranks,
            before,
            after,
            heap,
        } = work;
        let Ok(end) = u32::try_from(symbols.len()) else {
            // The engine leaves so long a text to the library.
            return symbols.len();
        };
        let entry = |rank: u32, place: u32| Reverse(u64::from(rank) << 32 | u64::from(place));
        before.clear();
        before.extend((0..end).map(|place| place.saturating_sub(1)));
        after.clear();
        after.extend((0..end).map(|place| (place + 1).min(end - 1)));
        ranks.clear();
        ranks.extend(
            symbols
                .windows(2)
                .map(|pair| self.rank(pair[0], pair[1]))
                .chain([NEVER]),
        );
        heap.clear();
        heap.extend(
            (0..end)
                .zip(ranks.iter())
                .filter(|(_, rank)| **rank != NEVER)
                .map(|(place, rank)| entry(*rank, place)),
        );
        let mut count = symbols.len();
        while let Some(Reverse(top)) = heap.pop() {
            // The two halves that `entry` put together.
            #[allow(clippy::cast_possible_truncation)]
            let (rank, place) = ((top >> 32) as u32, top as u32);
            let at = place as usize;
            if ranks[at] != rank {
                continue;
            }
            let right = after[at] as usize;
            symbols[at] = self.made[rank as usize];
            // What is merged away is never merged again.
            ranks[right] = NEVER;
            count -= 1;
            if after[right] as usize == right {
                after[at] = place;
                ranks[at] = NEVER;
            } else {
                let next = after[right];
                after[at] = next;
                before[next as usize] = place;
                ranks[at] = self.rank(symbols[at], symbols[next as usize]);
                if ranks[at] != NEVER {
                    heap.push(entry(ranks[at], place));
                }
            }
            let left = before[at];
            if left as usize != at {
                let rank = self.rank(symbols[left as usize], symbols[at]);
                ranks[left as usize] = rank;
                if rank != NEVER {
                    heap.push(entry(rank, left));
                }
            }
        }
        count
    }

    pub fn save(&self, out: &mut Writer) {
        out.words(&self.slots);
        out.halves(&self.made);
    }

    /// # Errors
    ///
    /// If the bytes are no table that can be searched.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let (slots, made) = (saved.words()?, saved.halves()?);
        let sound = slots.len() >= 2
            && slots.len().is_power_of_two()
            && slots.contains(&EMPTY)
            && made.iter().all(|id| *id < MOST_IDS)
            && slots
                .iter()
                .all(|slot| *slot == EMPTY || (slot & RANK) < made.len() as u64);
        if !sound {
            return Err("the merges are damaged".to_owned());
        }
        Ok(Self {
            shift: u64::BITS - slots.len().trailing_zeros(),
            slots,
            made,
        })
    }
}

/// The bits of a slot that name a pair.
#[inline]
fn pair(left: u32, right: u32) -> u64 {
    (u64::from(left) << (RANK_BITS + ID_BITS)) | (u64::from(right) << RANK_BITS)
}
