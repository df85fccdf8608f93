//! Columns beside the count of a turn.
//!
//! What the ids of a prompt have in common with those of the prompt before it is counted mostly by
//! spans: equal spans between equal markers have equal ids. Only from the first span on that
//! differs are ids made, by the library, and only until two of them differ. If safe places inside
//! a text are known, no more than the text between the two places around the first difference
//! is encoded.

use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use rustc_hash::FxHashMap;

use super::prompt::{Common, Cuts, Placed};
use super::spans::Recent;
use crate::engine::memory::{Memory, Worker};
use crate::prefix::common_prefix;
use crate::tokenizer::markers::{INSIDE, Marker};
use crate::tokenizer::{Part, SpanLengths};

/// The columns that are found beside the counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// How many ids a prompt has in common, from its start, with the prompt before it.
    pub shared: bool,
    /// How many tokens longer the text is that the template writes with the answer.
    pub osl: bool,
}

impl Wanted {
    #[must_use]
    pub fn any(self) -> bool {
        self.shared || self.osl
    }
}

/// Bytes of the longest part whose ids are remembered, and how many parts.
const LONGEST: usize = 64;
const MOST: usize = 1 << 12;

/// Bytes of a text that are encoded at a time, if it can be cut, after the first difference.
const STEP: usize = 512;

/// Ids of parts that are encoded again and again, by the texts that they are made of.
type Known = FxHashMap<(Marker, Box<str>, Marker), Rc<[u32]>>;

/// What a worker keeps from turn to turn.
#[derive(Debug, Default)]
pub struct Aside {
    pub recent: Recent,
    worker: Worker,
    known: Known,
}

/// Says what a prompt that was cut just now has in common with the one before it.
///
/// `kept` is the number of cuts that the prompt has taken over from it.
///
/// # Errors
///
/// If the library fails on a part of them, or makes no ids here.
pub fn in_common<T: SpanLengths + ?Sized>(
    tokenizer: &T,
    cuts: &Cuts,
    kept: usize,
    (old, new): (&str, &str),
    aside: &mut Aside,
    stop: &AtomicBool,
) -> Result<Common, String> {
    let known = &mut aside.known;
    let (olds, news) = (cuts.old_spans(kept, old), cuts.spans_from(kept, new));
    let pairs = olds.iter().zip(&news);
    let equal = pairs.take_while(|(one, two)| one.number == two.number);
    let equal = equal.count();
    let spans = kept + equal;
    let (olds, news) = (&olds[equal..], &news[equal..]);
    let (Some(first), Some(other)) = (news.first(), olds.first()) else {
        return Ok(Common { spans, tokens: 0 });
    };
    // They begin at the same byte, with the same marker before them.
    let from = first.start;
    let until = from + common_prefix(&new[from..], &old[from..]);
    let cutter = tokenizer.cutter();
    let mut at = from;
    let mut tokens = 0;
    let both = until.min(first.end).min(other.end);
    if let Some(place) = cutter.last_place(new, from + 1..both) {
        let head = &new[from..place];
        let mut memory = Memory {
            worker: &mut aside.worker,
            stop,
        };
        tokens = tokenizer.count_span(first.before, head, INSIDE, &mut memory)?;
        at = place;
    }
    let mut old = Ids::new(tokenizer, old, olds, at, until);
    let mut new = Ids::new(tokenizer, new, news, at, until);
    while let (Some(one), Some(two)) = (old.next(known)?, new.next(known)?) {
        if one != two {
            break;
        }
        tokens += 1;
    }
    Ok(Common { spans, tokens })
}

/// The ids of a prompt from a place on, made as they are asked for.
struct Ids<'i, T: ?Sized> {
    tokenizer: &'i T,
    text: &'i str,
    /// The spans that are left.
    spans: &'i [Placed],
    /// Up to here in the first of them the ids are made.
    at: usize,
    /// The next part goes at least up to here, if its span does.
    until: usize,
    made: Rc<[u32]>,
    /// How many of these were given away.
    given: usize,
}

impl<'i, T: SpanLengths + ?Sized> Ids<'i, T> {
    fn new(tokenizer: &'i T, text: &'i str, spans: &'i [Placed], at: usize, until: usize) -> Self {
        Self {
            tokenizer,
            text,
            spans,
            at,
            until,
            made: Rc::default(),
            given: 0,
        }
    }

    fn next(&mut self, known: &mut Known) -> Result<Option<u32>, String> {
        while self.given == self.made.len() {
            let Some(ids) = self.part(known)? else {
                return Ok(None);
            };
            self.made = ids;
            self.given = 0;
        }
        self.given += 1;
        Ok(Some(self.made[self.given - 1]))
    }

    /// The ids of the next part; None at the end of the prompt.
    fn part(&mut self, known: &mut Known) -> Result<Option<Rc<[u32]>>, String> {
        let Some((span, later)) = self.spans.split_first() else {
            return Ok(None);
        };
        let at = self.at;
        let inside = at > span.start || span.before == INSIDE;
        let place = self
            .tokenizer
            .cutter()
            .place(self.text, self.until.max(at + 1)..span.end);
        let end = place.unwrap_or(span.end);
        let part = Part {
            before: if inside { INSIDE } else { span.before },
            // A place stands between two ASCII characters.
            lead: if inside { &self.text[at - 1..at] } else { "" },
            text: &self.text[at..end],
            after: if place.is_some() { INSIDE } else { span.after },
        };
        let ids = remembered(self.tokenizer, part, known)?;
        if place.is_none() {
            self.spans = later;
        }
        self.at = match (place, later.first()) {
            (None, Some(next)) => next.start,
            _ => end,
        };
        self.until = self.at + STEP;
        Ok(Some(ids))
    }
}

fn remembered<T: SpanLengths + ?Sized>(
    tokenizer: &T,
    part: Part,
    known: &mut Known,
) -> Result<Rc<[u32]>, String> {
    if part.text.len() > LONGEST {
        return tokenizer.ids(part).map(Rc::from);
    }
    let key = (
        part.before,
        [part.lead, part.text].concat().into_boxed_str(),
        part.after,
    );
    if let Some(ids) = known.get(&key) {
        return Ok(Rc::clone(ids));
    }
    let ids: Rc<[u32]> = tokenizer.ids(part)?.into();
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(key, Rc::clone(&ids));
    Ok(ids)
}
