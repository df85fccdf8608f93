//! The distinct spans of a dataset, each with a number and, once encoded, its count.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::tokenizer::markers::Marker;

/// Shards of the table: enough that threads rarely meet in one.
const SHARDS: usize = 256;

/// Text between two markers, together with them: what its tokens depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'t> {
    pub before: Marker,
    pub text: &'t str,
    pub after: Marker,
}

/// A span that has been seen. Its text is kept because equal hashes do not make equal spans.
#[derive(Debug)]
pub struct Seen {
    hash: u64,
    pub id: u32,
    pub before: Marker,
    pub after: Marker,
    pub text: Arc<str>,
}

#[derive(Debug)]
pub struct Spans {
    shards: Vec<Mutex<HashTable<Seen>>>,
    next: AtomicU32,
}

impl Default for Spans {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            next: AtomicU32::new(0),
        }
    }
}

/// A number that is the same for equal spans.
#[must_use]
pub fn hash(span: Span) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    hasher.write_u32(span.before);
    hasher.write_u32(span.after);
    hasher.write(span.text.as_bytes());
    hasher.finish()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Spans {
    /// The number of a span, a new one if it is seen for the first time.
    pub fn number(&self, span: Span) -> u32 {
        let hash = hash(span);
        // The table uses the hash's low and high bits, so the shard is chosen by middle ones.
        let shard = usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or(0);
        let mut table = lock(&self.shards[shard]);
        let same = |seen: &Seen| {
            seen.hash == hash
                && seen.before == span.before
                && seen.after == span.after
                && &*seen.text == span.text
        };
        if let Some(seen) = table.find(hash, same) {
            return seen.id;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let seen = Seen {
            hash,
            id,
            before: span.before,
            after: span.after,
            text: span.text.into(),
        };
        table.insert_unique(hash, seen, |seen| seen.hash);
        id
    }

    /// Number of distinct spans.
    #[must_use]
    pub fn len(&self) -> usize {
        self.next.load(Ordering::Relaxed) as usize
    }

    /// Calls `visit` with every span whose number is `from` or more, in no order.
    pub fn each_from(&self, from: usize, mut visit: impl FnMut(&Seen)) {
        for shard in &self.shards {
            for seen in lock(shard).iter() {
                if seen.id as usize >= from {
                    visit(seen);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Span, Spans};
    use crate::tokenizer::markers::EDGE;

    fn span(before: u32, text: &str, after: u32) -> Span<'_> {
        Span {
            before,
            text,
            after,
        }
    }

    #[test]
    fn the_neighbours_are_part_of_a_span() {
        let spans = Spans::default();
        assert_eq!(spans.number(span(EDGE, "a", 1)), 0);
        assert_eq!(spans.number(span(2, "a", 1)), 1);
        assert_eq!(spans.number(span(EDGE, "a", 1)), 0);
        assert_eq!(spans.number(span(EDGE, "a", EDGE)), 2);
        assert_eq!(spans.len(), 3);
    }

    #[test]
    fn threads_agree_on_numbers() {
        let spans = Spans::default();
        let texts: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let number_all = || -> Vec<u32> {
            texts
                .iter()
                .map(|text| spans.number(span(0, text, 0)))
                .collect()
        };
        let (one, two) = std::thread::scope(|scope| {
            let other = scope.spawn(number_all);
            (number_all(), other.join().unwrap())
        });
        assert_eq!(one, two);
        assert_eq!(spans.len(), texts.len());
        let mut seen = 0;
        spans.each_from(500, |_| seen += 1);
        assert_eq!(seen, 500);
    }
}
