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
pub const NEVER: u32 = u32::MAX;

/// Bits of a slot for the rank; the others are some of the pair's hash.
const RANK_BITS: u32 = 22;
const RANK: u32 = (1 << RANK_BITS) - 1;
/// No pair fills a slot with this: ranks stay below [`RANK`].
const EMPTY: u32 = u32::MAX;

/// Bits for each of the three ids of a merge.
const ID_BITS: u32 = 21;
/// Ids from here on do not fit.
pub const MOST_IDS: u32 = 1 << ID_BITS;
const MOST_MERGES: usize = RANK as usize;

/// Words of more symbols are merged with a heap.
const SHORT: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 7;

/// The pairs that are merged, with their ranks and what they make.
///
/// Most of the time of a merge is waiting for memory. So a slot is small, and says by some bits
/// of the hash that a pair is not there, without a look at the pair itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merges {
    /// Open addressing: bits of the hash and the rank in each slot.
    slots: Box<[u32]>,
    shift: u32,
    /// By rank: the left id, the right id, and the id that they make.
    ids: Box<[u64]>,
}

/// The ids of a merge in one number.
#[inline]
fn packed(left: u32, right: u32, made: u32) -> u64 {
    (u64::from(left) << ID_BITS | u64::from(right)) << ID_BITS | u64::from(made)
}

/// Where the search for a pair begins.
#[derive(Debug, Clone, Copy)]
struct Search {
    /// The pair as [`packed`], with nothing made.
    pair: u64,
    /// What its slot holds beside the rank.
    tag: u32,
    place: usize,
    slot: u32,
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
        let places = (merges.len() * 3 / 2).next_power_of_two().max(2);
        let mut table = Self {
            slots: vec![EMPTY; places].into(),
            shift: u64::BITS - places.trailing_zeros(),
            ids: merges
                .iter()
                .map(|(left, right, made)| packed(*left, *right, *made))
                .collect(),
        };
        for (rank, (left, right, _)) in (0_u32..).zip(merges) {
            let search = table.search(*left, *right);
            let (place, _) = table.find(search);
            table.slots[place] = search.tag | rank;
        }
        Some(table)
    }

    /// The merges in the order of their ranks: left id, right id and the id that they make.
    pub fn each(&self) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        let id = |bits: u64| u32::try_from(bits & u64::from(MOST_IDS - 1)).unwrap_or(u32::MAX);
        let all = self.ids.iter();
        all.map(move |ids| (id(ids >> (2 * ID_BITS)), id(ids >> ID_BITS), id(*ids)))
    }

    /// The ids that are merged: of all pairs the left and the right one.
    pub fn parts(&self) -> impl Iterator<Item = u32> + '_ {
        self.each().flat_map(|(left, right, _)| [left, right])
    }

    /// Begins the search for a pair. Two that are begun together wait for memory together.
    #[inline]
    fn search(&self, left: u32, right: u32) -> Search {
        let mixed = u64::from(left).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ u64::from(right).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        // The highest bits choose the place, the middle ones are the tag.
        #[allow(clippy::cast_possible_truncation)]
        let (place, tag) = ((mixed >> self.shift) as usize, (mixed >> 12) as u32 & !RANK);
        let place = place & (self.slots.len() - 1);
        Search {
            pair: packed(left, right, 0),
            tag,
            place,
            slot: self.slots[place],
        }
    }

    /// The place of a pair and its rank, or the empty place where it would be.
    #[inline]
    fn find(&self, search: Search) -> (usize, u32) {
        let Search {
            pair,
            tag,
            mut place,
            mut slot,
        } = search;
        loop {
            if slot == EMPTY {
                return (place, NEVER);
            }
            let rank = slot & RANK;
            if slot & !RANK == tag && self.ids[rank as usize] >> ID_BITS == pair >> ID_BITS {
                return (place, rank);
            }
            place = (place + 1) & (self.slots.len() - 1);
            slot = self.slots[place];
        }
    }

    /// The rank of a pair, [`NEVER`] if it is not merged.
    #[inline]
    #[must_use]
    pub fn rank(&self, left: u32, right: u32) -> u32 {
        self.find(self.search(left, right)).1
    }

    /// What the merge of a rank makes.
    #[inline]
    fn made(&self, rank: u32) -> u32 {
        // The mask leaves 21 bits.
        #[allow(clippy::cast_possible_truncation)]
        let made = (self.ids[rank as usize] & u64::from(MOST_IDS - 1)) as u32;
        made
    }

    /// Merges the symbols of `work` and returns how many remain.
    pub fn count(&self, work: &mut Work) -> u32 {
        let count = match work.symbols.len() {
            0 | 1 => work.symbols.len(),
            2..=16 => self.count_short::<16>(&mut work.symbols),
            17..=48 => self.count_short::<48>(&mut work.symbols),
            49..=SHORT => self.count_short::<SHORT>(&mut work.symbols),
            _ => self.count_long(work),
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Looks at all pairs before each merge: quickest for a few symbols, at most `MOST`, which is
    /// a multiple of eight.
    // Places are below 128.
    #[allow(clippy::cast_possible_truncation)]
    fn count_short<const MOST: usize>(&self, symbols: &mut [u32]) -> usize {
        let end = symbols.len().min(MOST);
        // The rank of each symbol with its next one, and below it the place of the symbol.
        let mut ways = [NEVER; MOST];
        let way = |search: Search, place: usize| match self.find(search).1 {
            NEVER => NEVER,
            rank => rank << PLACE_BITS | place as u32,
        };
        // Neighbours of each symbol; the end stands for none.
        let mut before: [u8; MOST] = std::array::from_fn(|place| place.wrapping_sub(1) as u8);
        let mut after: [u8; MOST] = std::array::from_fn(|place| place as u8 + 1);
        for place in 1..end {
            ways[place - 1] = way(self.search(symbols[place - 1], symbols[place]), place - 1);
        }
        let mut count = end;
        loop {
            let looked_at = &ways[..end.next_multiple_of(8)];
            let first = looked_at.iter().copied().fold(NEVER, u32::min);
            if first == NEVER {
                return count;
            }
            let at = (first & (SHORT as u32 - 1)) as usize;
            let right = usize::from(after[at]);
            let next = usize::from(after[right]);
            symbols[at] = self.made(first >> PLACE_BITS);
            ways[right] = NEVER;
            after[at] = next as u8;
            count -= 1;
            let on_right = (next < end).then(|| {
                before[next] = at as u8;
                self.search(symbols[at], symbols[next])
            });
            if at > 0 {
                let left = usize::from(before[at]);
                ways[left] = way(self.search(symbols[left], symbols[at]), left);
            }
            ways[at] = on_right.map_or(NEVER, |search| way(search, at));
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
            symbols[at] = self.made(rank);
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
        out.halves(&self.slots);
        out.words(&self.ids);
    }

    /// # Errors
    ///
    /// If the bytes are no table that can be searched.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let (slots, ids) = (saved.halves()?, saved.words()?);
        let sound = slots.len() >= 2
            && slots.len().is_power_of_two()
            && slots.contains(&EMPTY)
            && slots
                .iter()
                .all(|slot| *slot == EMPTY || ((slot & RANK) as usize) < ids.len());
        if !sound {
            return Err("the merges are damaged".to_owned());
        }
        Ok(Self {
            shift: u64::BITS - slots.len().trailing_zeros(),
            slots,
            ids,
        })
    }
}
