//! The distinct spans of a dataset, each with a number and, once encoded, its count.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::engine::memory::{first_place, packed};
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
#[derive(Debug, Clone)]
pub struct Seen {
    pub hash: u64,
    pub id: u32,
    pub before: Marker,
    pub after: Marker,
    pub text: Arc<str>,
}

impl Seen {
    #[must_use]
    pub fn span(&self) -> Span<'_> {
        Span {
            before: self.before,
            text: &self.text,
            after: self.after,
        }
    }
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

/// Short spans that a worker has numbered: what a template writes between markers comes again in
/// every turn, and need not be looked up among all spans, where the other workers look, too.
#[derive(Debug)]
pub struct Recent([Option<Short>; RECENT]);

/// Places for short spans.
const RECENT: usize = 64;

/// A span of at most 15 bytes.
#[derive(Debug, Clone, Copy)]
struct Short {
    before: Marker,
    after: Marker,
    /// Its bytes and their number.
    word: u128,
    id: u32,
}

impl Default for Recent {
    fn default() -> Self {
        Self([None; RECENT])
    }
}

impl Recent {
    /// The number of a span among all of them.
    pub fn number(&mut self, span: Span, spans: &Spans) -> u32 {
        let word = packed(span.text.as_bytes(), 0, span.text.len());
        if word == 0 && !span.text.is_empty() {
            return spans.number(span);
        }
        let markers = u128::from(span.before) << 32 | u128::from(span.after);
        let place = &mut self.0[first_place(word ^ markers << 56, RECENT)];
        if let Some(short) = place
            && (short.before, short.after, short.word) == (span.before, span.after, word)
        {
            return short.id;
        }
        let id = spans.number(span);
        *place = Some(Short {
            before: span.before,
            after: span.after,
            word,
            id,
        });
        id
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
        let same = |seen: &Seen| seen.hash == hash && seen.span() == span;
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
    use super::{Recent, Span, Spans};
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
    fn a_worker_finds_the_numbers_of_short_spans_again() {
        let spans = Spans::default();
        let mut recent = Recent::default();
        let texts = [
            "",
            "\n",
            "\0",
            "\0\0",
            "a",
            "assistant\n",
            "fifteen bytes..",
            "sixteen bytes...",
        ];
        for _ in 0..2 {
            for (before, after) in [(EDGE, 1), (1, EDGE), (2, 1), (1, 2)] {
                for text in texts {
                    let span = span(before, text, after);
                    assert_eq!(recent.number(span, &spans), spans.number(span), "{span:?}");
                }
            }
        }
        assert_eq!(spans.len(), 4 * texts.len());
        // More of them than there are places.
        for number in (0..1000).chain(0..1000) {
            let text = number.to_string();
            let span = span(0, &text, 0);
            assert_eq!(recent.number(span, &spans), spans.number(span));
        }
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
