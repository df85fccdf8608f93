//! Counts of spans, remembered from one call to the next in a bounded memory.
//!
//! A span is compared byte by byte, never by a hash alone. What is dropped is counted again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use super::spans::{Span, hash};
use crate::engine::memory::Worker;

/// Shards of the table, so that threads rarely meet in one.
const SHARDS: usize = 16;

/// Bytes of all spans at most, with what each takes beside its text.
pub const MOST_BYTES: usize = 24 << 20;

/// What a span takes beside its text.
const BESIDE: usize = 64;

/// Workers that wait for the next call; more are there only while more threads count.
const WAITING: usize = 8;

#[derive(Debug)]
struct Known {
    hash: u64,
    before: u32,
    after: u32,
    text: Arc<str>,
    count: u32,
}

impl Known {
    fn is(&self, hash: u64, span: Span) -> bool {
        self.hash == hash
            && self.before == span.before
            && self.after == span.after
            && *self.text == *span.text
    }

    fn bytes(&self) -> usize {
        self.text.len() + BESIDE
    }
}

/// The spans that were used last, and those that were used before them.
#[derive(Debug, Default)]
struct Shard {
    young: HashTable<Known>,
    old: HashTable<Known>,
    young_bytes: usize,
    old_bytes: usize,
}

impl Shard {
    fn get(&mut self, hash: u64, span: Span) -> Option<u32> {
        if let Some(known) = self.young.find(hash, |known| known.is(hash, span)) {
            return Some(known.count);
        }
        let found = self.old.find_entry(hash, |known| known.is(hash, span));
        let (known, _) = found.ok()?.remove();
        let count = known.count;
        self.old_bytes -= known.bytes();
        self.put(known);
        Some(count)
    }

    fn put(&mut self, known: Known) {
        let bytes = known.bytes();
        if self.young_bytes + bytes > MOST_BYTES / SHARDS / 2 {
            // What has not been used since the last time is dropped.
            self.old = std::mem::take(&mut self.young);
            self.old_bytes = std::mem::take(&mut self.young_bytes);
        }
        self.young_bytes += bytes;
        self.young
            .insert_unique(known.hash, known, |known| known.hash);
    }
}

/// What calls share: counts of spans, and workers with the words that they know.
#[derive(Debug, Default)]
pub struct Remembered {
    shards: [Mutex<Shard>; SHARDS],
    workers: Mutex<Vec<Worker>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Remembered {
    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        // The table uses the hash's low and high bits.
        lock(&self.shards[usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or(0)])
    }

    /// The count of a span; `count` counts it if it is not remembered.
    ///
    /// # Errors
    ///
    /// Those of `count`.
    pub fn count<E>(&self, span: Span, count: impl FnOnce() -> Result<u32, E>) -> Result<u32, E> {
        self.count_hashed(hash(span), span, || span.text.into(), count)
    }

    /// The same for a span whose hash is known; `text` gives its text to keep.
    ///
    /// # Errors
    ///
    /// Those of `count`.
    pub fn count_hashed<E>(
        &self,
        hash: u64,
        span: Span,
        text: impl FnOnce() -> Arc<str>,
        count: impl FnOnce() -> Result<u32, E>,
    ) -> Result<u32, E> {
        if let Some(count) = self.shard(hash).get(hash, span) {
            return Ok(count);
        }
        // Meanwhile other threads may use the shard, and one of them may count the same span.
        let count = count()?;
        if span.text.len() + BESIDE <= MOST_BYTES / SHARDS / 8 {
            let mut shard = self.shard(hash);
            if shard.get(hash, span).is_none() {
                shard.put(Known {
                    hash,
                    before: span.before,
                    after: span.after,
                    text: text(),
                    count,
                });
            }
        }
        Ok(count)
    }

    /// Bytes of all spans that are remembered.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let bytes = |shard: &Mutex<Shard>| {
            let shard = lock(shard);
            shard.young_bytes + shard.old_bytes
        };
        self.shards.iter().map(bytes).sum()
    }

    /// Does something with a worker that nobody else uses meanwhile.
    pub fn with_worker<T>(&self, work: impl FnOnce(&mut Worker) -> T) -> T {
        let waiting = lock(&self.workers).pop();
        let mut worker = waiting.unwrap_or_default();
        let result = work(&mut worker);
        let mut waiting = lock(&self.workers);
        if waiting.len() < WAITING {
            waiting.push(worker);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_BYTES, Remembered, Span};

    fn count(memory: &Remembered, text: &str, count: u32) -> u32 {
        let span = Span {
            before: 0,
            text,
            after: 1,
        };
        memory.count(span, || Ok::<_, ()>(count)).unwrap()
    }

    #[test]
    fn a_span_is_counted_once_with_its_neighbours() {
        let memory = Remembered::default();
        assert_eq!(count(&memory, "a", 1), 1);
        assert_eq!(count(&memory, "a", 2), 1);
        let other = Span {
            before: 0,
            text: "a",
            after: 2,
        };
        assert_eq!(memory.count(other, || Ok::<_, ()>(3)), Ok(3));
        assert_eq!(memory.count(other, || Err(())), Ok(3));
    }

    #[test]
    fn a_failure_is_not_remembered() {
        let memory = Remembered::default();
        let span = Span {
            before: 0,
            text: "a",
            after: 1,
        };
        assert_eq!(memory.count(span, || Err("no")), Err("no"));
        assert_eq!(memory.bytes(), 0);
        assert_eq!(count(&memory, "a", 1), 1);
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_what_is_used() {
        let memory = Remembered::default();
        let mut most = 0;
        for number in 0..60_000 {
            let text = format!("{number}{}", "x".repeat(1000));
            count(&memory, &text, number);
            assert_eq!(count(&memory, "used", 7), 7);
            most = most.max(memory.bytes());
        }
        assert!(most > MOST_BYTES / 3 && most <= MOST_BYTES, "{most}");
        assert_eq!(count(&memory, "used", 8), 7);
        // The first one was dropped, and is counted again.
        assert_eq!(count(&memory, &format!("0{}", "x".repeat(1000)), 9), 9);
    }

    #[test]
    fn a_span_that_fills_the_memory_is_not_remembered() {
        let memory = Remembered::default();
        let text = "x".repeat(MOST_BYTES);
        assert_eq!(count(&memory, &text, 1), 1);
        assert_eq!((memory.bytes(), count(&memory, &text, 2)), (0, 2));
    }
}
