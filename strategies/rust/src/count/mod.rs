//! Counts the turns of many conversations, each distinct span once.
//!
//! First all prompts are cut and their spans numbered, then the new spans are encoded, then the
//! counts are added up. Both big steps run on all workers, biggest pieces first. A turn's prompt
//! mostly starts with the previous turn's, so cutting resumes where the two part.

mod spans;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokenizers::Tokenizer;

use crate::prompts::{Source, Turn};
use crate::render::value::Fault;
use crate::tokenizer::load;
use crate::tokenizer::markers::{Cutter, EDGE, Marker};
use crate::tokenizer::words::{self, Known, Memory, Words};
use spans::{Span, Spans};

/// Turns cut before their spans are encoded, which bounds what is remembered of them.
const BATCH: usize = 1 << 15;

/// How often the calling thread looks up while the workers work.
const TICK: Duration = Duration::from_millis(20);

/// Stands for the count of a span that the tokenizer fails on.
const UNKNOWN: u32 = u32::MAX;

/// Rendering and encoding recurse into nested data.
const STACK: usize = 16 << 20;

/// Why a turn has no count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub turn: Turn,
    pub fault: Fault,
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The caller asked for it.
    Cancelled,
    /// The core itself is at fault.
    Internal(String),
}

/// What a call did and where its time went, summed over the workers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Report {
    pub render_seconds: f64,
    pub cut_seconds: f64,
    pub count_seconds: f64,
    pub turns: usize,
    pub characters: u64,
    pub distinct_spans: usize,
    pub distinct_bytes: u64,
    /// Markers found by the search, and those taken over from the turn before.
    pub markers_found: u64,
    pub markers_kept: u64,
}

/// Counts of all turns; a turn without one is among the failures.
#[derive(Debug, Default)]
pub struct Counts {
    pub turns: Vec<Vec<Option<u32>>>,
    pub failures: Vec<Failure>,
    pub report: Report,
}

/// How a call is run.
pub struct Options<'o> {
    pub workers: usize,
    /// Called now and then with the number of turns done; false cancels the call.
    pub watch: &'o mut dyn FnMut(usize) -> bool,
}

/// A loaded tokenizer that counts.
#[derive(Debug)]
pub struct Counter {
    tokenizer: Tokenizer,
    cutter: Cutter,
    words: Option<Words>,
}

/// Consecutive turns of one conversation.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    conversation: usize,
    first: usize,
    last: usize,
    weight: usize,
}

/// The spans of a chunk's turns: each turn keeps some of the previous one's and adds its own.
#[derive(Debug, Default)]
struct CutTurns {
    spans: Vec<u32>,
    turns: Vec<CutTurn>,
}

#[derive(Debug, Clone, Copy)]
struct CutTurn {
    kept: usize,
    added: usize,
    failed: bool,
}

/// What the workers share.
#[derive(Debug, Default)]
struct Shared {
    next: AtomicUsize,
    done: AtomicUsize,
    cancelled: AtomicBool,
    render: AtomicU64,
    cut: AtomicU64,
    count: AtomicU64,
    characters: AtomicU64,
    found: AtomicU64,
    kept: AtomicU64,
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn seconds(nanoseconds: &AtomicU64) -> f64 {
    Duration::from_nanos(nanoseconds.load(Ordering::Relaxed)).as_secs_f64()
}

impl Counter {
    /// Loads a tokenizer from its JSON.
    ///
    /// # Errors
    ///
    /// If the JSON is no tokenizer that can count.
    pub fn new(json: &str, encode_special_tokens: bool) -> Result<Self, String> {
        let mut tokenizer = load::tokenizer(json).map_err(|error| error.to_string())?;
        tokenizer
            .with_truncation(None)
            .map_err(|error| error.to_string())?;
        tokenizer.with_padding(None);
        tokenizer.set_encode_special_tokens(encode_special_tokens);
        Self::of(tokenizer)
    }

    /// Takes a tokenizer that neither truncates nor pads.
    ///
    /// # Errors
    ///
    /// If it cannot be searched for markers.
    pub fn of(tokenizer: Tokenizer) -> Result<Self, String> {
        let cutter = Cutter::new(&tokenizer)?;
        // The library keeps a cache for each model and thread until the thread ends, so the
        // caller's thread must never encode.
        let words = std::thread::scope(|scope| scope.spawn(|| Words::of(&tokenizer)).join())
            .map_err(|panic| panic_message(&*panic))?;
        Ok(Self {
            tokenizer,
            cutter,
            words,
        })
    }

    /// Number of markers at which prompts are cut.
    #[must_use]
    pub fn markers(&self) -> usize {
        self.cutter.markers()
    }

    /// Number of entries in the model's vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab_size(false)
    }

    fn encode(&self, text: &str) -> Result<usize, String> {
        self.tokenizer
            .encode_fast(text, false)
            .map(|encoding| encoding.len())
            .map_err(|error| error.to_string())
    }

    /// Tokens of `text` between two markers, without those of the markers.
    fn count_span(
        &self,
        before: Marker,
        text: &str,
        after: Marker,
        memory: &mut Memory,
    ) -> Result<u32, String> {
        if text.is_empty() {
            return Ok(0);
        }
        if let Some(words) = &self.words {
            // Its markers neither strip nor leave anything of themselves in the span.
            return words.count(&self.tokenizer, text, memory);
        }
        let around = usize::from(before != EDGE) + usize::from(after != EDGE);
        let count = if around == 0 {
            self.encode(text)?
        } else {
            let (left, right) = (self.cutter.text(before), self.cutter.text(after));
            let mut whole = String::with_capacity(left.len() + text.len() + right.len());
            whole.push_str(left);
            whole.push_str(text);
            whole.push_str(right);
            self.encode(&whole)?
        };
        count
            .checked_sub(around)
            .and_then(|count| u32::try_from(count).ok())
            .ok_or_else(|| "a marker is no token of its own".to_owned())
    }

    /// Counts every turn of `source`.
    ///
    /// # Errors
    ///
    /// If the call was cancelled or the core failed. Turns that have no prompt are no error here.
    pub fn count(&self, source: &dyn Source, options: &mut Options) -> Result<Counts, Stop> {
        let turns = source.turns();
        let mut result = Counts {
            turns: turns.iter().map(|turns| vec![None; *turns]).collect(),
            ..Counts::default()
        };
        let shared = Shared::default();
        let spans = Spans::default();
        let mut counts: Vec<u32> = Vec::new();
        let mut first = 0;
        while first < turns.len() {
            let mut last = first;
            let mut size = 0;
            while last < turns.len() && (last == first || size + turns[last] <= BATCH) {
                size += turns[last];
                last += 1;
            }
            let chunks = chunks(source, &turns, first..last, options.workers);
            let cut = self.cut_all(source, &chunks, &spans, &shared, options, &mut result)?;
            self.encode_new(&spans, &mut counts, &shared, options)?;
            add_up(&chunks, &cut, &counts, &mut result);
            first = last;
        }
        result.failures.sort_by_key(|failure| failure.turn);
        let mut bytes = 0;
        spans.each_from(0, |seen| bytes += seen.text.len() as u64);
        result.report = Report {
            render_seconds: seconds(&shared.render),
            cut_seconds: seconds(&shared.cut),
            count_seconds: seconds(&shared.count),
            turns: shared.done.load(Ordering::Relaxed),
            characters: shared.characters.load(Ordering::Relaxed),
            distinct_spans: spans.len(),
            distinct_bytes: bytes,
            markers_found: shared.found.load(Ordering::Relaxed),
            markers_kept: shared.kept.load(Ordering::Relaxed),
        };
        Ok(result)
    }

    fn cut_all(
        &self,
        source: &dyn Source,
        chunks: &[Chunk],
        spans: &Spans,
        shared: &Shared,
        options: &mut Options,
        result: &mut Counts,
    ) -> Result<Vec<(usize, CutTurns)>, Stop> {
        let cut = Mutex::new(Vec::with_capacity(chunks.len()));
        let failures = Mutex::new(Vec::new());
        parallel(chunks.len(), shared, options, |index, (): &mut ()| {
            let (turns, failed) = self.cut_chunk(source, chunks[index], spans, shared);
            if let Ok(mut failures) = failures.lock() {
                failures.extend(failed);
            }
            if let Ok(mut cut) = cut.lock() {
                cut.push((index, turns));
            }
            Ok(())
        })?;
        let poisoned = |_| Stop::Internal("a worker failed".to_owned());
        result.failures.extend(
            failures
                .into_inner()
                .map_err(|_| Stop::Internal("a worker failed".to_owned()))?,
        );
        cut.into_inner().map_err(poisoned)
    }

    fn cut_chunk(
        &self,
        source: &dyn Source,
        chunk: Chunk,
        spans: &Spans,
        shared: &Shared,
    ) -> (CutTurns, Vec<Failure>) {
        let mut out = CutTurns::default();
        let mut failures = Vec::new();
        let mut walk = Walk::default();
        for index in chunk.first..chunk.last {
            if shared.cancelled.load(Ordering::Relaxed) {
                break;
            }
            let turn = Turn {
                conversation: chunk.conversation,
                turn: index,
            };
            let started = Instant::now();
            walk.start();
            let rendered = source.pieces(turn, &mut |piece| walk.push(piece));
            shared
                .render
                .fetch_add(nanoseconds(started), Ordering::Relaxed);
            match rendered {
                Ok(()) => {
                    let started = Instant::now();
                    let (kept, added) = walk.finish(&self.cutter, spans, &mut out.spans);
                    out.turns.push(CutTurn {
                        kept,
                        added,
                        failed: false,
                    });
                    shared
                        .cut
                        .fetch_add(nanoseconds(started), Ordering::Relaxed);
                    shared
                        .characters
                        .fetch_add(walk.text.len() as u64, Ordering::Relaxed);
                    shared.kept.fetch_add(kept as u64, Ordering::Relaxed);
                    shared.found.fetch_add(added as u64 - 1, Ordering::Relaxed);
                }
                Err(fault) => {
                    walk = Walk::default();
                    failures.push(Failure { turn, fault });
                    out.turns.push(CutTurn {
                        kept: 0,
                        added: 0,
                        failed: true,
                    });
                }
            }
            shared.done.fetch_add(1, Ordering::Relaxed);
        }
        (out, failures)
    }

    fn encode_new(
        &self,
        spans: &Spans,
        counts: &mut Vec<u32>,
        shared: &Shared,
        options: &mut Options,
    ) -> Result<(), Stop> {
        let from = counts.len();
        let mut fresh: Vec<(u32, Marker, Arc<str>, Marker)> = Vec::new();
        spans.each_from(from, |seen| {
            fresh.push((seen.id, seen.before, Arc::clone(&seen.text), seen.after));
        });
        fresh.sort_unstable_by_key(|span| std::cmp::Reverse(span.2.len()));
        counts.resize(spans.len(), 0);
        let encoded: Vec<AtomicUsize> = fresh.iter().map(|_| AtomicUsize::new(0)).collect();
        let words = words::Shared::default();
        parallel(fresh.len(), shared, options, |index, known: &mut Known| {
            let started = Instant::now();
            let (_, before, text, after) = &fresh[index];
            let mut memory = Memory {
                own: known,
                shared: &words,
            };
            // A text that the model cannot encode, or that the library panics on, fails the turns
            // that hold it, not the call.
            let counted = catch_unwind(AssertUnwindSafe(|| {
                self.count_span(*before, text, *after, &mut memory)
            }));
            let count = counted.ok().and_then(Result::ok).unwrap_or(UNKNOWN);
            encoded[index].store(count as usize, Ordering::Relaxed);
            shared
                .count
                .fetch_add(nanoseconds(started), Ordering::Relaxed);
            Ok(())
        })?;
        for (span, count) in fresh.iter().zip(encoded) {
            counts[span.0 as usize] = u32::try_from(count.into_inner()).unwrap_or(UNKNOWN);
        }
        Ok(())
    }
}

/// The prompt being cut, and what is known of the one before it.
#[derive(Debug, Default)]
struct Walk {
    text: String,
    /// End of each marker of `text`, and which it is.
    cuts: Vec<(usize, Marker)>,
    /// Bytes of the new prompt taken so far, and how many of them equal the old one's.
    taken: usize,
    common: usize,
}

impl Walk {
    fn start(&mut self) {
        self.taken = 0;
        self.common = 0;
    }

    /// Takes the next piece of the new prompt, writing only what differs from the old one.
    fn push(&mut self, piece: &str) {
        let mut rest = piece;
        if self.common == self.taken && self.taken < self.text.len() {
            let old = &self.text.as_bytes()[self.taken..];
            let mut same = common_prefix(old, rest.as_bytes());
            while !rest.is_char_boundary(same) {
                same -= 1;
            }
            self.common += same;
            self.taken += same;
            rest = &rest[same..];
            if rest.is_empty() {
                return;
            }
        }
        if self.common == self.taken {
            // All old bytes up to here are the new ones', so this is a boundary of characters.
            self.text.truncate(self.taken);
        }
        self.text.push_str(rest);
        self.taken += rest.len();
    }

    /// Cuts the prompt; returns how many spans are those of the prompt before, and how many new.
    fn finish(&mut self, cutter: &Cutter, spans: &Spans, numbers: &mut Vec<u32>) -> (usize, usize) {
        self.text.truncate(self.taken);
        // The search decided on a marker by no more text than the longest token from its start,
        // so where that lies in the common part it decides alike.
        let safe = self.common.saturating_sub(cutter.longest());
        let kept = self.cuts.partition_point(|cut| cut.0 <= safe);
        self.cuts.truncate(kept);
        let (mut from, mut before) = self.cuts.last().copied().unwrap_or((0, EDGE));
        let already = numbers.len();
        let text = self.text.as_str();
        loop {
            let cut = cutter.next(text, from);
            let (end, after) = cut.map_or((text.len(), EDGE), |cut| (cut.start, cut.marker));
            numbers.push(spans.number(Span {
                before,
                text: &text[from..end],
                after,
            }));
            let Some(cut) = cut else { break };
            self.cuts.push((cut.end, cut.marker));
            from = cut.end;
            before = cut.marker;
        }
        (kept, numbers.len() - already)
    }
}

/// Number of equal bytes at the start of both.
fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    const BLOCK: usize = 4096;
    let len = left.len().min(right.len());
    let mut at = 0;
    while at + BLOCK <= len && left[at..at + BLOCK] == right[at..at + BLOCK] {
        at += BLOCK;
    }
    at + left[at..len]
        .iter()
        .zip(&right[at..len])
        .take_while(|(one, two)| one == two)
        .count()
}

/// Splits the turns of some conversations so that no chunk is much of a worker's share.
fn chunks(
    source: &dyn Source,
    turns: &[usize],
    range: std::ops::Range<usize>,
    workers: usize,
) -> Vec<Chunk> {
    let weigh = |conversation: usize, turn: usize| source.weight(Turn { conversation, turn }) + 256;
    let total: usize = range
        .clone()
        .map(|conversation| {
            (0..turns[conversation])
                .map(|turn| weigh(conversation, turn))
                .sum::<usize>()
        })
        .sum();
    // With one worker a conversation in one piece resumes at every turn.
    let most = if workers <= 1 {
        usize::MAX
    } else {
        total / (workers * 4) + 1
    };
    let mut chunks = Vec::new();
    for conversation in range {
        let mut chunk = Chunk {
            conversation,
            first: 0,
            last: 0,
            weight: 0,
        };
        for turn in 0..turns[conversation] {
            chunk.weight += weigh(conversation, turn);
            chunk.last = turn + 1;
            if chunk.weight >= most {
                chunks.push(chunk);
                chunk = Chunk {
                    conversation,
                    first: turn + 1,
                    last: turn + 1,
                    weight: 0,
                };
            }
        }
        if chunk.last > chunk.first {
            chunks.push(chunk);
        }
    }
    chunks.sort_by_key(|chunk| std::cmp::Reverse(chunk.weight));
    chunks
}

/// Runs `work` for every index on the workers, each with a state of its own, while this thread watches over the call.
fn parallel<S: Default>(
    count: usize,
    shared: &Shared,
    options: &mut Options,
    work: impl Fn(usize, &mut S) -> Result<(), String> + Sync,
) -> Result<(), Stop> {
    if count == 0 {
        return Ok(());
    }
    shared.next.store(0, Ordering::Relaxed);
    let fault = Mutex::new(None);
    let running = AtomicUsize::new(0);
    let threads = options.workers.clamp(1, count);
    let watcher = std::thread::current();
    let body = || {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut own = S::default();
            loop {
                let index = shared.next.fetch_add(1, Ordering::Relaxed);
                if index >= count || shared.cancelled.load(Ordering::Relaxed) {
                    return Ok(());
                }
                work(index, &mut own)?;
            }
        }));
        let message = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(message)) => Some(message),
            Err(panic) => Some(panic_message(&*panic)),
        };
        if let Some(message) = message {
            shared.cancelled.store(true, Ordering::Relaxed);
            if let Ok(mut fault) = fault.lock() {
                fault.get_or_insert(message);
            }
        }
        running.fetch_sub(1, Ordering::AcqRel);
        watcher.unpark();
    };
    let mut stopped = false;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            running.fetch_add(1, Ordering::AcqRel);
            let started = std::thread::Builder::new()
                .name("isl-bench".to_owned())
                .stack_size(STACK)
                .spawn_scoped(scope, body);
            if let Err(error) = started {
                running.fetch_sub(1, Ordering::AcqRel);
                if let Ok(mut fault) = fault.lock() {
                    fault.get_or_insert(format!("cannot start a worker: {error}"));
                }
                shared.cancelled.store(true, Ordering::Relaxed);
                break;
            }
        }
        let mut looked_up = Instant::now();
        while running.load(Ordering::Acquire) > 0 {
            std::thread::park_timeout(TICK);
            if !stopped && looked_up.elapsed() >= TICK {
                looked_up = Instant::now();
                if !(options.watch)(shared.done.load(Ordering::Relaxed)) {
                    stopped = true;
                    shared.cancelled.store(true, Ordering::Relaxed);
                }
            }
        }
    });
    if stopped {
        return Err(Stop::Cancelled);
    }
    match fault.into_inner() {
        Ok(None) => Ok(()),
        Ok(Some(message)) => Err(Stop::Internal(message)),
        Err(_) => Err(Stop::Internal("a worker failed".to_owned())),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_default())
}

fn add_up(chunks: &[Chunk], cut: &[(usize, CutTurns)], counts: &[u32], result: &mut Counts) {
    for (index, turns) in cut {
        let chunk = chunks[*index];
        // Tokens and failed spans before each span of the turn at hand, markers included.
        let mut sums: Vec<(u64, u32)> = vec![(0, 0)];
        let mut at = 0;
        for (offset, turn) in turns.turns.iter().enumerate() {
            sums.truncate(turn.kept + 1);
            for number in &turns.spans[at..at + turn.added] {
                let (tokens, failed) = sums.last().copied().unwrap_or_default();
                sums.push(match counts[*number as usize] {
                    UNKNOWN => (tokens, failed + 1),
                    count => (tokens + u64::from(count) + 1, failed),
                });
            }
            at += turn.added;
            if turn.failed {
                continue;
            }
            // Behind the last span there is no marker.
            let (tokens, failed) = sums.last().copied().unwrap_or((1, 0));
            if failed == 0 {
                result.turns[chunk.conversation][chunk.first + offset] =
                    u32::try_from(tokens.saturating_sub(1)).ok();
            } else {
                result.failures.push(Failure {
                    turn: Turn {
                        conversation: chunk.conversation,
                        turn: chunk.first + offset,
                    },
                    fault: Fault::Unsupported("the tokenizer fails on its text".to_owned()),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Counter, Options, Stop, common_prefix};
    use crate::prompts::Given;
    use crate::tokenizer::testing::tokenizer;

    fn prompts(texts: &[&[&str]]) -> Given<String> {
        Given(
            texts
                .iter()
                .map(|turns| turns.iter().map(|turn| Some((*turn).to_owned())).collect())
                .collect(),
        )
    }

    fn counts(counter: &Counter, source: &Given<String>, workers: usize) -> Vec<Vec<usize>> {
        let mut options = Options {
            workers,
            watch: &mut |_| true,
        };
        let result = counter.count(source, &mut options).unwrap();
        assert!(result.failures.is_empty());
        result
            .turns
            .into_iter()
            .map(|turns| {
                turns
                    .into_iter()
                    .map(|count| count.unwrap() as usize)
                    .collect()
            })
            .collect()
    }

    /// What the tokenizer says of each prompt as a whole.
    fn expected(counter: &Counter, source: &Given<String>) -> Vec<Vec<usize>> {
        source
            .0
            .iter()
            .map(|turns| {
                turns
                    .iter()
                    .map(|turn| counter.encode(turn.as_ref().unwrap()).unwrap())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn counts_equal_those_of_whole_prompts() {
        let counter = Counter::of(tokenizer(&[
            "<a>",
            "<a><b>",
            "left:<l>",
            "right:<r>",
            "word:w",
        ]))
        .unwrap();
        let source = prompts(&[
            &["", "x", "x<a>", "x<a>y<r>  z", "x<a>y<r>  zz <l><a><b>"],
            &[
                "<a><a>",
                "<a><a",
                "w <a>w<a> w<l>",
                "<r>\n\n<l>",
                "<a><b><a>",
            ],
            &[],
            &["é<a>日本", "é<a>日<a>", "è<a>日"],
        ]);
        for workers in [1, 2, 5] {
            assert_eq!(
                counts(&counter, &source, workers),
                expected(&counter, &source)
            );
        }
    }

    #[test]
    fn resuming_never_trusts_a_marker_at_the_edge_of_what_is_common() {
        let counter = Counter::of(tokenizer(&["<a>", "<a><b><c>", "<b>"])).unwrap();
        // The first prompt ends in what the second continues to a longer marker.
        let source = prompts(&[&["xx<a><b>", "xx<a><b><c>", "xx<a><b><d>", "xx<a>"]]);
        assert_eq!(counts(&counter, &source, 1), expected(&counter, &source));
    }

    #[test]
    fn a_turn_without_a_prompt_leaves_the_turns_after_it_alone() {
        let counter = Counter::of(tokenizer(&["<a>", "<b>"])).unwrap();
        let texts = [
            Some("x<a>y<b>z"),
            None,
            Some("x<a>y<b>zz"),
            None,
            Some("x<a>"),
        ];
        let source = Given(vec![
            texts.iter().map(|text| text.map(str::to_owned)).collect(),
        ]);
        for workers in [1, 3] {
            let mut options = Options {
                workers,
                watch: &mut |_| true,
            };
            let result = counter.count(&source, &mut options).unwrap();
            for (text, count) in texts.iter().zip(&result.turns[0]) {
                let expected = text.map(|text| counter.encode(text).unwrap());
                assert_eq!(count.map(|count| count as usize), expected);
            }
            let failed: Vec<usize> = result.failures.iter().map(|each| each.turn.turn).collect();
            assert_eq!(failed, [1, 3]);
        }
    }

    #[test]
    fn many_chunks_of_one_conversation() {
        let counter = Counter::of(tokenizer(&["<a>", "<b>"])).unwrap();
        let mut turns = Vec::new();
        let mut prompt = String::new();
        for turn in 0..200 {
            prompt.push_str(if turn % 3 == 0 { "<a>" } else { "<b>" });
            prompt.push_str(&turn.to_string());
            turns.push(Some(prompt.clone()));
        }
        let source = Given(vec![turns]);
        assert_eq!(counts(&counter, &source, 3), expected(&counter, &source));
    }

    #[test]
    fn a_call_can_be_cancelled() {
        let counter = Counter::of(tokenizer(&["<a>"])).unwrap();
        let long: String = "x".repeat(1_000_000);
        let source = Given(vec![vec![Some(long); 8]]);
        let mut options = Options {
            workers: 2,
            watch: &mut |_| false,
        };
        assert_eq!(
            counter.count(&source, &mut options).err(),
            Some(Stop::Cancelled)
        );
    }

    #[test]
    fn common_prefixes() {
        assert_eq!(common_prefix(b"", b"a"), 0);
        assert_eq!(common_prefix(b"ab", b"ac"), 1);
        let long = vec![7; 10_000];
        let mut other = long.clone();
        assert_eq!(common_prefix(&long, &other), 10_000);
        other[9_000] = 1;
        assert_eq!(common_prefix(&long, &other), 9_000);
    }
}
