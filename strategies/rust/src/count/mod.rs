//! Counts the turns of many conversations, each distinct span once.
//!
//! First all prompts are cut and their spans numbered, then the new spans are encoded, then the
//! counts are added up. Both big steps run on all workers, biggest pieces first.

mod chunks;
pub mod columns;
mod prompt;
pub mod remembered;
pub mod running;
pub mod source;
mod spans;
pub mod workers;

use std::cmp::Reverse;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::engine::memory::{Memory, Worker};
use crate::fault::{Fault, panic_message};
use crate::tokenizer::SpanLengths;
use crate::tokenizer::markers::is_token;
use chunks::{Chunk, chunks, next_batch};
use columns::{Aside, Wanted, in_common};
use prompt::{Common, CutTurn, Cuts};
use remembered::Remembered;
use source::{Prompt, Reader, Source, Turn};
use spans::{Recent, Seen, Span, Spans};
use workers::{Options, Progress, Stop, parallel};

/// Stands for the count of a span that the tokenizer fails on.
const UNKNOWN: u32 = u32::MAX;

/// Bytes of the spans that a worker takes at once, unless a single one is longer.
const GROUP: usize = 1 << 13;

/// Why a turn has no count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub turn: Turn,
    pub fault: Fault,
}

/// What a call did and where its time went, summed over the workers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Report {
    pub render_seconds: f64,
    pub cut_seconds: f64,
    pub encode_seconds: f64,
    pub turns: usize,
    /// Bytes of all prompts.
    pub characters: u64,
    /// Cuts that the search found, without those taken over from the turn before.
    pub markers_found: u64,
    /// Statements of the template that were run.
    pub statements: u64,
    /// A construct of the template that was rendered again in every turn, if there was one.
    pub restarts: Option<&'static str>,
}

/// Counts of all turns; a turn without one is among the failures.
#[derive(Debug, Default)]
pub struct Counts {
    pub turns: Vec<Vec<Option<u32>>>,
    /// How many ids each prompt shares with the one before it; empty if not wanted.
    pub shared: Vec<Vec<Option<u32>>>,
    /// Tokens of the answer to each prompt; empty if not wanted.
    pub osl: Vec<Vec<Option<u32>>>,
    /// Conversations that have columns which are not known here.
    pub left: Vec<usize>,
    pub failures: Vec<Failure>,
    pub report: Report,
}

/// Turns that a worker counts before it tells that they are done.
const TOLD_TOGETHER: usize = 64;

/// Figures that the workers add to.
#[derive(Debug, Default)]
struct Tally {
    render: AtomicU64,
    cut: AtomicU64,
    encode: AtomicU64,
    characters: AtomicU64,
    found: AtomicU64,
    statements: AtomicU64,
}

impl Tally {
    fn report(&self, turns: usize) -> Report {
        let seconds = |nanoseconds: &AtomicU64| {
            Duration::from_nanos(nanoseconds.load(Ordering::Relaxed)).as_secs_f64()
        };
        Report {
            render_seconds: seconds(&self.render),
            cut_seconds: seconds(&self.cut),
            encode_seconds: seconds(&self.encode),
            turns,
            characters: self.characters.load(Ordering::Relaxed),
            markers_found: self.found.load(Ordering::Relaxed),
            statements: self.statements.load(Ordering::Relaxed),
            restarts: None,
        }
    }
}

fn add(figure: &AtomicU64, amount: usize) {
    figure.fetch_add(amount as u64, Ordering::Relaxed);
}

fn add_time(figure: &AtomicU64, time: Duration) {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    figure.fetch_add(nanoseconds, Ordering::Relaxed);
}

/// Figures of one chunk. Its worker adds them to those of all when it is done.
#[derive(Debug, Default)]
struct Own {
    render: Duration,
    cut: Duration,
    characters: usize,
    found: usize,
    /// Turns that are not told yet.
    turns: usize,
}

/// Counts every turn of `source`, and finds the columns that are wanted.
///
/// Spans and words that `memory` has are not counted again; without it, nothing is known from
/// another call.
///
/// # Errors
///
/// If the call was cancelled or the core failed. Turns that have no prompt are no error here.
pub fn count<T: SpanLengths + ?Sized + 'static>(
    tokenizer: &Arc<T>,
    source: Arc<dyn Source>,
    wanted: Wanted,
    memory: Option<&Arc<Remembered>>,
    options: &mut Options,
) -> Result<Counts, Stop> {
    let turns = source.turns();
    let column = |wanted: bool| {
        let turns = turns.iter().filter(|_| wanted);
        turns.map(|turns| vec![None; *turns]).collect()
    };
    let mut result = Counts {
        turns: column(true),
        shared: column(wanted.shared),
        osl: column(wanted.osl),
        ..Counts::default()
    };
    let call = Arc::new(Call {
        tokenizer: Arc::clone(tokenizer),
        source,
        wanted,
        spans: Spans::default(),
        memory: memory.map_or_else(Arc::default, Arc::clone),
        remembers: memory.is_some(),
        progress: Arc::default(),
        tally: Tally::default(),
    });
    let mut counts: Vec<u32> = Vec::new();
    let mut first = 0;
    let mut restarts = None;
    while first < turns.len() {
        let batch = next_batch(&turns, first);
        first = batch.end;
        let chunks: Arc<[Chunk]> = chunks(&*call.source, &turns, batch, options.workers).into();
        let cut = call.cut_all(&chunks, options)?;
        call.encode_new(&mut counts, options)?;
        for (index, cut) in cut {
            restarts = restarts.or(cut.restarts);
            add_up(chunks[index], cut, &counts, &mut result);
        }
    }
    result.failures.sort_by_key(|failure| failure.turn);
    result.left.sort_unstable();
    result.left.dedup();
    result.report = call.tally.report(call.progress.turns());
    result.report.restarts = restarts;
    Ok(result)
}

/// What the workers of a call share.
struct Call<T: ?Sized> {
    tokenizer: Arc<T>,
    source: Arc<dyn Source>,
    wanted: Wanted,
    spans: Spans,
    memory: Arc<Remembered>,
    /// Whether spans stay in the memory: this call itself numbers each of them once.
    remembers: bool,
    progress: Arc<Progress>,
    tally: Tally,
}

/// The spans of a chunk's turns: each turn keeps some of the previous one's and adds its own.
#[derive(Debug, Default)]
struct CutChunk {
    /// The added spans of all turns, by number.
    spans: Vec<u32>,
    /// The last turn before the chunk that has a prompt, if it was needed: its spans come first.
    before: Option<CutTurn>,
    /// Whether a column of a turn is not known.
    left: bool,
    /// None for a turn that has no prompt: it changes nothing for the turns after it.
    turns: Vec<Option<CutTurn>>,
    failures: Vec<Failure>,
    restarts: Option<&'static str>,
}

impl<T: SpanLengths + ?Sized + 'static> Call<T> {
    /// Cuts all chunks; each result comes with the index of its chunk, in no order.
    fn cut_all(
        self: &Arc<Self>,
        chunks: &Arc<[Chunk]>,
        options: &mut Options,
    ) -> Result<Vec<(usize, CutChunk)>, Stop> {
        let cut = Arc::new(Mutex::new(Vec::with_capacity(chunks.len())));
        let (call, pieces, done) = (Arc::clone(self), Arc::clone(chunks), Arc::clone(&cut));
        parallel(
            chunks.len(),
            &self.progress,
            options,
            move |index, aside: &mut Aside| {
                let turns = call.cut_chunk(pieces[index], aside);
                if let Ok(mut done) = done.lock() {
                    done.push((index, turns));
                }
            },
        )?;
        let mut cut = cut
            .lock()
            .map_err(|_| Stop::Internal("a worker failed".to_owned()))?;
        Ok(std::mem::take(&mut *cut))
    }

    fn cut_chunk(&self, chunk: Chunk, aside: &mut Aside) -> CutChunk {
        let mut out = CutChunk::default();
        let mut reader = self.source.reader(chunk.conversation, self.progress.stop());
        let mut cuts = Cuts::default();
        // The last prompt, if something is asked about it.
        let mut last = None;
        if self.wanted.shared
            && !self.read_before(&mut *reader, chunk, &mut cuts, &mut out, &mut last, aside)
        {
            return out;
        }
        let mut own = Own::default();
        let mut started = Instant::now();
        for index in chunk.first..chunk.end {
            if self.progress.is_cancelled() {
                break;
            }
            let prompt = reader.read(index);
            let rendered = Instant::now();
            own.render += rendered - started;
            started = rendered;
            match prompt {
                Ok(prompt) => {
                    let cutter = self.tokenizer.cutter();
                    let mut cut = cuts.cut(
                        prompt,
                        cutter,
                        numbered(&self.spans, &mut aside.recent, &mut out.spans),
                    );
                    started = Instant::now();
                    own.cut += started - rendered;
                    own.characters += prompt.text.len();
                    // After the last span there is no cut.
                    own.found += cut.added - 1;
                    if self.wanted.any() {
                        if self.wanted.shared {
                            let common =
                                self.common(&cuts, cut.kept, last.as_deref(), prompt, aside);
                            out.left |= common.is_err();
                            cut.common = common.ok();
                        }
                        keep(&mut last, prompt);
                    }
                    if self.wanted.osl
                        && let Some(prompt) = &last
                    {
                        match reader.answered(index) {
                            Ok(Some(text)) if text.starts_with(&**prompt) => {
                                let text = cutter.generated(text, prompt.len());
                                cut.answered = Some(cuts.beyond(
                                    text,
                                    prompt.len(),
                                    cutter,
                                    numbered(&self.spans, &mut aside.recent, &mut out.spans),
                                ));
                            }
                            Ok(_) | Err(Fault::Raised(_)) => {}
                            Err(Fault::Cancelled) => break,
                            Err(Fault::Unsupported(_)) => out.left = true,
                        }
                    }
                    out.turns.push(Some(cut));
                }
                Err(Fault::Cancelled) => break,
                Err(fault) => {
                    let turn = Turn {
                        conversation: chunk.conversation,
                        turn: index,
                    };
                    out.failures.push(Failure { turn, fault });
                    out.turns.push(None);
                }
            }
            own.turns += 1;
            if own.turns == TOLD_TOGETHER {
                self.progress.add_turns(std::mem::take(&mut own.turns));
            }
            if self.wanted.any() {
                // What takes time for the columns is no rendering.
                started = Instant::now();
            }
        }
        self.progress.add_turns(own.turns);
        add_time(&self.tally.render, own.render);
        add_time(&self.tally.cut, own.cut);
        add(&self.tally.characters, own.characters);
        add(&self.tally.found, own.found);
        self.tally
            .statements
            .fetch_add(reader.statements(), Ordering::Relaxed);
        out.restarts = reader.restarts();
        out
    }

    /// Cuts the prompt that the first prompt of a chunk is compared with; false if the call was
    /// cancelled.
    fn read_before(
        &self,
        reader: &mut dyn Reader,
        chunk: Chunk,
        cuts: &mut Cuts,
        out: &mut CutChunk,
        last: &mut Option<String>,
        aside: &mut Aside,
    ) -> bool {
        for index in (0..chunk.first).rev() {
            match reader.read(index) {
                Ok(prompt) => {
                    let cutter = self.tokenizer.cutter();
                    out.before = Some(cuts.cut(
                        prompt,
                        cutter,
                        numbered(&self.spans, &mut aside.recent, &mut out.spans),
                    ));
                    keep(last, prompt);
                    return true;
                }
                Err(Fault::Cancelled) => return false,
                // The turn is told with the chunk that it belongs to.
                Err(_) => {}
            }
        }
        true
    }

    /// What the prompt that was cut just now has in common with the last one.
    fn common(
        &self,
        cuts: &Cuts,
        kept: usize,
        last: Option<&str>,
        prompt: Prompt,
        aside: &mut Aside,
    ) -> Result<Common, String> {
        let Some(last) = last else {
            return Ok(Common::default());
        };
        // A text that the library panics on is left to the plain way.
        let common = catch_unwind(AssertUnwindSafe(|| {
            let (texts, stop) = ((last, prompt.text), self.progress.stop());
            in_common(&*self.tokenizer, cuts, kept, texts, aside, stop)
        }));
        common.map_err(|panic| panic_message(&*panic))?
    }

    /// Counts the spans that have no count yet.
    fn encode_new(
        self: &Arc<Self>,
        counts: &mut Vec<u32>,
        options: &mut Options,
    ) -> Result<(), Stop> {
        let mut fresh: Vec<Seen> = Vec::with_capacity(self.spans.len() - counts.len());
        self.spans
            .each_from(counts.len(), |seen| fresh.push(seen.clone()));
        fresh.sort_unstable_by_key(|span| Reverse(span.text.len()));
        counts.resize(self.spans.len(), 0);
        let encoded: Arc<[AtomicU32]> = fresh.iter().map(|_| AtomicU32::new(UNKNOWN)).collect();
        let fresh: Arc<[_]> = fresh.into();
        let (call, texts, found) = (Arc::clone(self), Arc::clone(&fresh), Arc::clone(&encoded));
        let groups = groups(fresh.iter().map(|span| span.text.len()));
        parallel(
            groups.len(),
            &self.progress,
            options,
            move |index, (): &mut ()| {
                let started = Instant::now();
                call.memory.with_worker(|worker| {
                    for place in groups[index].clone() {
                        if call.progress.is_cancelled() {
                            break;
                        }
                        if let Some(count) = call.count_span(&texts[place], worker) {
                            found[place].store(count, Ordering::Relaxed);
                        }
                    }
                });
                add_time(&call.tally.encode, started.elapsed());
            },
        )?;
        for (span, count) in fresh.iter().zip(encoded.iter()) {
            counts[span.id as usize] = count.load(Ordering::Relaxed);
        }
        Ok(())
    }
}

impl<T: SpanLengths + ?Sized> Call<T> {
    /// The count of a span together with the marker after it.
    ///
    /// A text that the model cannot encode, or that the library panics on, has none: it fails the
    /// turns that hold it, not the call.
    fn count_span(&self, seen: &Seen, worker: &mut Worker) -> Option<u32> {
        let span = seen.span();
        let stop = self.progress.stop();
        let mut memory = Memory { worker, stop };
        let mut count = || {
            self.tokenizer
                .count_span(span.before, span.text, span.after, &mut memory)
        };
        let counted = catch_unwind(AssertUnwindSafe(|| {
            if self.remembers {
                let text = || Arc::clone(&seen.text);
                self.memory.count_hashed(seen.hash, span, text, count)
            } else {
                count()
            }
        }));
        let count = counted.ok()?.ok()?;
        Some(count + u32::from(is_token(span.after)))
    }
}

/// Makes a prompt the last one, of which it begins with `kept` bytes.
fn keep(last: &mut Option<String>, prompt: Prompt) {
    let last = last.get_or_insert_default();
    last.truncate(prompt.kept);
    last.push_str(&prompt.text[last.len()..]);
}

/// Numbers spans, and appends their numbers.
fn numbered<'a>(
    spans: &'a Spans,
    recent: &'a mut Recent,
    numbers: &'a mut Vec<u32>,
) -> impl FnMut(Span) -> u32 + 'a {
    |span| {
        let number = recent.number(span, spans);
        numbers.push(number);
        number
    }
}

/// Puts spans of these sizes together, so that a worker takes enough work at once.
fn groups(sizes: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut size = 0;
    for (place, added) in sizes.enumerate() {
        match groups.last_mut() {
            Some(last) if size + added <= GROUP => last.end = place + 1,
            _ => {
                groups.push(place..place + 1);
                size = 0;
            }
        }
        size += added;
    }
    groups
}

/// Tokens and failed spans of some spans in a row, markers included.
type Sum = (u64, u32);

/// Adds up some more spans.
fn plus((tokens, failed): Sum, count: u32) -> Sum {
    match count {
        UNKNOWN => (tokens, failed + 1),
        count => (tokens + u64::from(count), failed),
    }
}

/// The spans of a turn, and what stands before each of them.
struct Sums(Vec<Sum>);

impl Sums {
    /// Goes on to the next turn.
    fn turn(&mut self, kept: usize, added: &[u32], counts: &[u32]) -> Sum {
        self.0.truncate(kept + 1);
        let mut sum = self.up_to(kept);
        for number in added {
            sum = plus(sum, counts[*number as usize]);
            self.0.push(sum);
        }
        sum
    }

    /// The first spans of the turn at hand.
    fn up_to(&self, spans: usize) -> Sum {
        self.0.get(spans).copied().unwrap_or_default()
    }
}

/// Adds up the counts of a chunk's turns.
fn add_up(chunk: Chunk, cut: CutChunk, counts: &[u32], result: &mut Counts) {
    result.failures.extend(cut.failures);
    let place = chunk.conversation;
    let mut left = cut.left;
    let mut sums = Sums(vec![(0, 0)]);
    let mut added = cut.spans.as_slice();
    let mut next = |number: usize| {
        let (own, later) = added.split_at(number);
        added = later;
        own
    };
    if let Some(before) = cut.before {
        sums.turn(before.kept, next(before.added), counts);
    }
    for (turn, cut) in (chunk.first..).zip(cut.turns) {
        let Some(cut) = cut else { continue };
        let (tokens, failed) = sums.turn(cut.kept, next(cut.added), counts);
        if let Some(common) = cut.common {
            let tokens = sums.up_to(common.spans).0 + u64::from(common.tokens);
            result.shared[place][turn] = u32::try_from(tokens).ok();
        }
        if let Some(more) = cut.answered {
            let numbers = next(more.added).iter();
            let start = sums.up_to(more.kept);
            let (all, failed) =
                numbers.fold(start, |sum, number| plus(sum, counts[*number as usize]));
            left |= failed > 0;
            let osl = all.checked_sub(tokens);
            result.osl[place][turn] = osl.and_then(|osl| u32::try_from(osl).ok());
        }
        if failed == 0 {
            result.turns[place][turn] = u32::try_from(tokens).ok();
        } else {
            result.failures.push(Failure {
                turn: Turn {
                    conversation: place,
                    turn,
                },
                fault: Fault::Unsupported("the tokenizer fails on its text".to_owned()),
            });
        }
    }
    if left {
        result.left.push(place);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::columns::Wanted;
    use super::source::{Prompt, Reader, Source, Turn};
    use super::workers::{Options, Stop};
    use super::{Counts, GROUP, count, groups};
    use crate::fault::Fault;
    use crate::prefix::common_prefix;
    use crate::tokenizer::SpanCounter;
    use crate::tokenizer::testing::{byte_level, tokenizer};

    /// Prompts of each conversation's turns; a turn may have none.
    #[derive(Clone)]
    struct Texts(Vec<Vec<Option<String>>>);

    impl Source for Texts {
        fn turns(&self) -> Vec<usize> {
            self.0.iter().map(Vec::len).collect()
        }

        fn weight(&self, turn: Turn) -> usize {
            let prompt = &self.0[turn.conversation][turn.turn];
            prompt.as_ref().map_or(0, String::len)
        }

        fn reader<'s>(&'s self, conversation: usize, _: &'s AtomicBool) -> Box<dyn Reader + 's> {
            Box::new(Reading(&self.0[conversation], ""))
        }
    }

    struct Reading<'s>(&'s [Option<String>], &'s str);

    impl Reader for Reading<'_> {
        fn read(&mut self, turn: usize) -> Result<Prompt<'_>, Fault> {
            let Some(text) = &self.0[turn] else {
                return Err(Fault::Raised("no prompt".to_owned()));
            };
            let kept = common_prefix(text, self.1);
            self.1 = text;
            Ok(Prompt { text, kept })
        }

        fn answered(&mut self, _: usize) -> Result<Option<&str>, Fault> {
            Ok(None)
        }

        fn statements(&self) -> u64 {
            0
        }

        fn restarts(&self) -> Option<&'static str> {
            None
        }
    }

    fn run(tokenizer: &Arc<SpanCounter>, source: &Texts, workers: usize) -> Counts {
        let mut options = Options {
            workers,
            watch: &mut |_| true,
        };
        let source = Arc::new(source.clone());
        count(tokenizer, source, Wanted::default(), None, &mut options).unwrap()
    }

    fn prompts(texts: &[&[&str]]) -> Texts {
        Texts(
            texts
                .iter()
                .map(|turns| turns.iter().map(|turn| Some((*turn).to_owned())).collect())
                .collect(),
        )
    }

    fn counts(counter: &Arc<SpanCounter>, source: &Texts, workers: usize) -> Vec<Vec<usize>> {
        let result = run(counter, source, workers);
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
    fn expected(counter: &SpanCounter, source: &Texts) -> Vec<Vec<usize>> {
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
    fn spans_are_grouped_in_order_and_none_is_left_out() {
        assert!(groups([].into_iter()).is_empty());
        let sizes = [GROUP * 2, GROUP, 1, GROUP - 1, 1, 0];
        assert_eq!(groups(sizes.into_iter()), [0..1, 1..2, 2..4, 4..6]);
    }

    #[test]
    fn counts_equal_those_of_whole_prompts() {
        let counter = Arc::new(
            SpanCounter::of(
                tokenizer(&["<a>", "<a><b>", "left:<l>", "right:<r>", "word:w"]),
                None,
            )
            .unwrap(),
        );
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
        let counter =
            Arc::new(SpanCounter::of(tokenizer(&["<a>", "<a><b><c>", "<b>"]), None).unwrap());
        // The first prompt ends in what the second continues to a longer marker.
        let source = prompts(&[&["xx<a><b>", "xx<a><b><c>", "xx<a><b><d>", "xx<a>"]]);
        assert_eq!(counts(&counter, &source, 1), expected(&counter, &source));
    }

    #[test]
    fn resuming_never_trusts_a_place_at_the_edge_of_what_is_common() {
        let counter = Arc::new(SpanCounter::of(byte_level(&[]), None).unwrap());
        let long = "the they a\nthe ".repeat(60);
        // Whether a text is cut after a letter depends on what follows it.
        for kept in 500..600 {
            let other = format!("{}a they", &long[..kept]);
            let source = prompts(&[&[&long, &other, &long]]);
            assert_eq!(counts(&counter, &source, 1), expected(&counter, &source));
        }
        let found = run(&counter, &prompts(&[&[&long, &long]]), 1).report;
        assert_eq!(found.markers_found, 1);
    }

    #[test]
    fn a_turn_without_a_prompt_leaves_the_turns_after_it_alone() {
        let counter = Arc::new(SpanCounter::of(tokenizer(&["<a>", "<b>"]), None).unwrap());
        let texts = [
            Some("x<a>y<b>z"),
            None,
            Some("x<a>y<b>zz"),
            None,
            Some("x<a>"),
        ];
        let source = Texts(vec![
            texts.iter().map(|text| text.map(str::to_owned)).collect(),
        ]);
        for workers in [1, 3] {
            let result = run(&counter, &source, workers);
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
        let counter = Arc::new(SpanCounter::of(tokenizer(&["<a>", "<b>"]), None).unwrap());
        let mut turns = Vec::new();
        let mut prompt = String::new();
        for turn in 0..200 {
            prompt.push_str(if turn % 3 == 0 { "<a>" } else { "<b>" });
            prompt.push_str(&turn.to_string());
            turns.push(Some(prompt.clone()));
        }
        let source = Texts(vec![turns]);
        assert_eq!(counts(&counter, &source, 3), expected(&counter, &source));
    }

    #[test]
    fn a_call_can_be_cancelled() {
        let counter = Arc::new(SpanCounter::of(tokenizer(&["<a>"]), None).unwrap());
        let long: String = "x".repeat(1_000_000);
        let source = Texts(vec![vec![Some(long); 8]]);
        let mut options = Options {
            workers: 2,
            watch: &mut |_| false,
        };
        assert_eq!(
            count(
                &counter,
                Arc::new(source),
                Wanted::default(),
                None,
                &mut options
            )
            .err(),
            Some(Stop::Cancelled)
        );
    }
}
