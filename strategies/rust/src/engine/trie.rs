//! The tokens of a vocabulary as a double array: finds all tokens that a text begins with.
//!
//! The child of a node for a byte stands at the node's base, exclusive-or the byte, and names its
//! parent. So a step reads one place of a flat array.

use super::saved::{Reader, Writer};

/// Children of a node lie in one block, since a byte changes the last eight bits of a place.
const BLOCK: usize = 256;

/// Stands for the parent of a place that no node has taken.
const FREE: u32 = u32::MAX;

/// Blocks with free places that are tried for the next children.
const OPEN: usize = 8;

/// Set in the base of a node where a token ends.
const ENDS: u32 = 1 << 31;

const DAMAGED: &str = "the trie is damaged";

/// A set of byte strings with a number for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trie {
    /// The base of each node, and its parent in the upper half.
    nodes: Box<[u64]>,
    /// The number of the string that ends at a node.
    values: Box<[u32]>,
}

impl Trie {
    /// Builds the trie of some distinct strings in order, none of them empty.
    ///
    /// Returns None if there are too many.
    #[must_use]
    pub fn new(strings: &[(&[u8], u32)]) -> Option<Self> {
        let mut builder = Builder::default();
        builder.add_block();
        builder.take(0, FREE);
        let mut todo = vec![(0, 0, 0..strings.len())];
        let mut labels = Vec::new();
        while let Some((node, depth, mut range)) = todo.pop() {
            // Only the first of a sorted range can end where they all agree.
            if let Some((string, value)) = strings[range.clone()].first() {
                if depth > 0 && string.len() == depth {
                    builder.values[node] = *value;
                    builder.bases[node] |= ENDS;
                    range.start += 1;
                }
            }
            labels.clear();
            let mut groups = Vec::new();
            while let Some((string, _)) = strings[range.clone()].first() {
                let label = string[depth];
                let same =
                    strings[range.clone()].partition_point(|(other, _)| other[depth] == label);
                labels.push(label);
                groups.push(range.start..range.start + same);
                range.start += same;
            }
            if labels.is_empty() {
                continue;
            }
            let base = builder.base_for(&labels);
            builder.bases[node] |= u32::try_from(base).ok().filter(|base| *base < ENDS)?;
            for (label, group) in labels.iter().zip(groups).rev() {
                let child = base ^ usize::from(*label);
                builder.take(child, u32::try_from(node).ok()?);
                todo.push((child, depth + 1, group));
            }
        }
        let nodes = builder.bases.iter().zip(&builder.parents);
        Some(Self {
            nodes: nodes
                .map(|(base, parent)| u64::from(*parent) << 32 | u64::from(*base))
                .collect(),
            values: builder.values.into(),
        })
    }

    /// Calls `found` with the length and the number of each string that `text` begins with, the
    /// shortest first.
    #[inline]
    pub fn prefixes(&self, text: &[u8], mut found: impl FnMut(usize, u32)) {
        let (mut node, mut base) = (0, low(self.nodes[0]));
        for (length, byte) in (1..).zip(text) {
            let child = ((base & !ENDS) ^ u32::from(*byte)) as usize;
            let entry = self.nodes[child];
            if high(entry) != node {
                return;
            }
            // The array is far shorter than 2^32.
            #[allow(clippy::cast_possible_truncation)]
            {
                node = child as u32;
            }
            base = low(entry);
            if base & ENDS != 0 {
                found(length, self.values[child]);
            }
        }
    }

    /// The number of a string.
    #[must_use]
    pub fn get(&self, text: &[u8]) -> Option<u32> {
        let mut last = None;
        self.prefixes(text, |length, value| {
            last = Some(value).filter(|_| length == text.len());
        });
        last
    }

    pub fn save(&self, out: &mut Writer) {
        out.words(&self.nodes);
        out.halves(&self.values);
    }

    /// # Errors
    ///
    /// If the bytes are no trie that can be searched, or a number is not below `values`.
    pub fn restore(saved: &mut Reader, values: usize) -> Result<Self, String> {
        let trie = Self {
            nodes: saved.words()?,
            values: saved.halves()?,
        };
        let length = trie.nodes.len();
        let sound = length > 0
            && length % BLOCK == 0
            && length < ENDS as usize
            && trie.values.len() == length
            && trie.nodes.iter().zip(&trie.values).all(|(entry, value)| {
                let base = low(*entry);
                ((base & !ENDS) as usize) < length
                    && (base & ENDS == 0 || (*value as usize) < values)
            });
        if sound {
            Ok(trie)
        } else {
            Err(DAMAGED.to_owned())
        }
    }
}

#[allow(clippy::cast_possible_truncation)]
fn low(entry: u64) -> u32 {
    entry as u32
}

fn high(entry: u64) -> u32 {
    (entry >> 32) as u32
}

#[derive(Default)]
struct Builder {
    bases: Vec<u32>,
    parents: Vec<u32>,
    values: Vec<u32>,
    /// A bit for each free place, in blocks.
    free: Vec<[u64; BLOCK / 64]>,
    /// Blocks that may have room.
    open: Vec<usize>,
}

impl Builder {
    fn add_block(&mut self) {
        let length = self.bases.len() + BLOCK;
        self.bases.resize(length, 0);
        self.parents.resize(length, FREE);
        self.values.resize(length, 0);
        self.open.push(self.free.len());
        self.free.push([u64::MAX; BLOCK / 64]);
        if self.open.len() > OPEN {
            self.open.remove(0);
        }
    }

    fn is_free(&self, place: usize) -> bool {
        self.free[place / BLOCK][place % BLOCK / 64] >> (place % 64) & 1 == 1
    }

    fn take(&mut self, place: usize, parent: u32) {
        self.parents[place] = parent;
        let block = &mut self.free[place / BLOCK];
        block[place % BLOCK / 64] &= !(1 << (place % 64));
        if *block == [0; BLOCK / 64] {
            self.open.retain(|open| *open != place / BLOCK);
        }
    }

    /// A base at which the places of all labels are free.
    fn base_for(&mut self, labels: &[u8]) -> usize {
        let (first, others) = labels
            .split_first()
            .map_or((0, labels), |(first, others)| (usize::from(*first), others));
        for block in &self.open {
            for (index, mut bits) in self.free[*block].into_iter().enumerate() {
                while bits != 0 {
                    let place = block * BLOCK + index * 64 + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    let base = place ^ first;
                    if others
                        .iter()
                        .all(|label| self.is_free(base ^ usize::from(*label)))
                    {
                        return base;
                    }
                }
            }
        }
        self.add_block();
        // All places of a new block are free.
        self.bases.len() - BLOCK
    }
}

#[cfg(test)]
mod tests {
    use super::Trie;
    use crate::engine::saved::{Reader, Writer};

    fn found(trie: &Trie, text: &[u8]) -> Vec<(usize, u32)> {
        let mut out = Vec::new();
        trie.prefixes(text, |length, value| out.push((length, value)));
        out
    }

    #[test]
    fn every_prefix_is_found_and_nothing_else() {
        let mut strings: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        let mut state = 1_u32;
        while strings.len() < 5000 {
            let mut string = Vec::new();
            for _ in 0..=(state >> 16) % 9 {
                state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
                string.push(b"abcdeABC\0\xff"[(state >> 16) as usize % 10]);
            }
            strings.push(string);
        }
        strings.sort_unstable();
        strings.dedup();
        let pairs: Vec<(&[u8], u32)> = strings.iter().map(Vec::as_slice).zip(0..).collect();
        let trie = Trie::new(&pairs).unwrap();
        for (string, value) in &pairs {
            assert_eq!(trie.get(string), Some(*value));
            let mut longer = string.to_vec();
            longer.extend(b"cab");
            let expected: Vec<(usize, u32)> = (1..=longer.len())
                .filter_map(|end| {
                    let place = strings.binary_search_by(|other| other[..].cmp(&longer[..end]));
                    Some((end, u32::try_from(place.ok()?).unwrap()))
                })
                .collect();
            assert_eq!(found(&trie, &longer), expected);
        }
        assert_eq!(trie.get(b""), None);
        assert!(found(&Trie::new(&[]).unwrap(), b"abc").is_empty());
    }

    #[test]
    fn a_saved_trie_is_the_same_and_a_damaged_one_is_noticed() {
        let trie = Trie::new(&[(b"a", 0), (b"ab", 1), (b"b", 2)]).unwrap();
        let mut out = Writer::default();
        trie.save(&mut out);
        let saved = out.finish();
        let read = |values| Trie::restore(&mut Reader::new(&saved).unwrap(), values);
        assert_eq!(read(3).unwrap(), trie);
        assert!(read(2).is_err());
    }
}
