//! Cuts the growing prompts of one conversation, searching only what is new in each.
//!
//! A turn's prompt mostly starts with the previous turn's, so the search for markers resumes
//! near the first difference.

use std::mem::replace;

use super::source::Prompt;
use super::spans::Span;
use crate::tokenizer::markers::{Cutter, EDGE, Marker};

/// A cut, and the number of the span before it.
#[derive(Debug, Clone, Copy)]
struct At {
    start: usize,
    end: usize,
    marker: Marker,
    number: u32,
}

/// Where the prompt before was cut.
#[derive(Debug, Default)]
pub struct Cuts {
    found: Vec<At>,
    /// The number of the span after them.
    last: u32,
    /// What the prompt before it had in place of the cuts that were searched for.
    old: Vec<At>,
    old_last: u32,
}

/// A span where it stands in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub start: usize,
    pub end: usize,
    pub before: Marker,
    pub after: Marker,
    pub number: u32,
}

/// What two prompts have in common from their start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Common {
    /// Spans, with the markers after them.
    pub spans: usize,
    /// Tokens after those.
    pub tokens: u32,
}

/// How many spans of a prompt a longer text begins with, and how many follow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct More {
    pub kept: usize,
    pub added: usize,
}

/// How many spans a prompt shares with the prompt before it, and how many follow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutTurn {
    pub kept: usize,
    pub added: usize,
    /// What its ids have in common with those of the prompt before it, if that was asked for.
    pub common: Option<Common>,
    /// The text with its answer, if that was asked for and there is one.
    pub answered: Option<More>,
}

/// Finds the cuts of a text after `from` and gives its spans to `number`.
///
/// Calls `found` with each cut, and returns the number of the span after the last one.
fn search<'t>(
    text: &'t str,
    (mut from, mut before): (usize, Marker),
    cutter: &Cutter,
    mut number: impl FnMut(Span<'t>) -> u32,
    mut found: impl FnMut(At),
) -> u32 {
    loop {
        let cut = cutter.next(text, from);
        let (end, after) = cut.map_or((text.len(), EDGE), |cut| (cut.start, cut.marker));
        let numbered = number(Span {
            before,
            text: &text[from..end],
            after,
        });
        let Some(cut) = cut else { return numbered };
        found(At {
            start: cut.start,
            end: cut.end,
            marker: cut.marker,
            number: numbered,
        });
        from = cut.end;
        before = cut.marker;
    }
}

impl Cuts {
    /// Cuts the prompt and calls `number` with its new spans. It returns a number for each.
    pub fn cut<'t>(
        &mut self,
        prompt: Prompt<'t>,
        cutter: &Cutter,
        number: impl FnMut(Span<'t>) -> u32,
    ) -> CutTurn {
        let kept = self.kept(prompt.kept, cutter);
        self.old.clear();
        self.old.extend(self.found.drain(kept..));
        let from = self.end(kept);
        let found = &mut self.found;
        let mut added = 1;
        let last = search(prompt.text, from, cutter, number, |cut| {
            found.push(cut);
            added += 1;
        });
        self.old_last = replace(&mut self.last, last);
        CutTurn {
            kept,
            added,
            common: None,
            answered: None,
        }
    }

    /// Cuts a text that begins with `kept` bytes of the prompt, which stays the prompt.
    ///
    /// `number` is called as in [`Cuts::cut`].
    pub fn beyond<'t>(
        &self,
        text: &'t str,
        kept: usize,
        cutter: &Cutter,
        number: impl FnMut(Span<'t>) -> u32,
    ) -> More {
        let kept = self.kept(kept, cutter);
        let mut added = 1;
        search(text, self.end(kept), cutter, number, |_| added += 1);
        More { kept, added }
    }

    /// Cuts that stay in a text that has these bytes in common with the prompt.
    fn kept(&self, bytes: usize, cutter: &Cutter) -> usize {
        // To decide on a marker the search read no further than the longest token from its
        // start, so if that lies in the common part it decides in the same way again.
        let safe = bytes.saturating_sub(cutter.longest());
        self.found.partition_point(|cut| cut.end <= safe)
    }

    /// Where the span after a number of cuts begins, and the marker before it.
    fn end(&self, cuts: usize) -> (usize, Marker) {
        match cuts.checked_sub(1) {
            Some(last) => (self.found[last].end, self.found[last].marker),
            None => (0, EDGE),
        }
    }

    /// The spans of the prompt from one on.
    ///
    /// `text` is the prompt.
    pub fn spans_from(&self, first: usize, text: &str) -> Vec<Placed> {
        placed(self.end(first), &self.found[first..], self.last, text)
    }

    /// The spans of the prompt before it, from the first on that was searched for again.
    ///
    /// `text` is that prompt, and `first` the number of cuts that were kept.
    pub fn old_spans(&self, first: usize, text: &str) -> Vec<Placed> {
        placed(self.end(first), &self.old, self.old_last, text)
    }
}

fn placed(
    (mut start, mut before): (usize, Marker),
    cuts: &[At],
    last: u32,
    text: &str,
) -> Vec<Placed> {
    let mut spans = Vec::with_capacity(cuts.len() + 1);
    for cut in cuts {
        spans.push(Placed {
            start,
            end: cut.start,
            before,
            after: cut.marker,
            number: cut.number,
        });
        (start, before) = (cut.end, cut.marker);
    }
    spans.push(Placed {
        start,
        end: text.len(),
        before,
        after: EDGE,
        number: last,
    });
    spans
}
