//! Markers: the places where a prompt may be cut without changing its tokens.
//!
//! docs/cutting.md says why a cut is exact, and `engine/rule.rs` checks each token. The search here
//! is the library's (A10): from left to right, the longest of the tokens that are not `normalized`.
//! A token that is no marker still takes part in the search: it hides what it overlaps.
//!
//! A long text without markers is also cut inside, at places that the engine knows to be exact.
//! No token of the search lies across such a cut, so the search goes on after it as if it had
//! come from the start.

use std::ops::Range;

use aho_corasick::{AhoCorasick, Anchored, Input, MatchKind, StartKind};
use tokenizers::Tokenizer;

use crate::engine::places::{LEAST, Places};
use crate::engine::rule::unmet;
use crate::engine::saved::{Reader, Writer};

/// A marker by its number; the start and the end of a text are [`EDGE`].
pub type Marker = u32;

/// Stands for the marker that is not there at either end of a text.
pub const EDGE: Marker = u32::MAX;

/// Stands for the marker that is not there at a cut inside a text.
pub const INSIDE: Marker = u32::MAX - 1;

/// Whether it is a token, which is counted.
#[must_use]
pub fn is_token(marker: Marker) -> bool {
    marker != EDGE && marker != INSIDE
}

/// A marker found in a text, or a place inside a text that is as good: it has no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    pub start: usize,
    pub end: usize,
    pub marker: Marker,
}

/// Bytes that are searched for markers before they are searched for places.
const STEP: usize = 4096;

/// An added token, as the search takes it.
#[derive(Debug, Clone)]
pub struct Added {
    pub text: Box<str>,
    /// Whether it is a marker; the others only take part in the search.
    pub cuts: bool,
    /// Whether it strips white space on its left, and on its right.
    pub strips: (bool, bool),
}

#[derive(Debug)]
pub struct Cutter {
    search: Option<AhoCorasick>,
    texts: Vec<Box<str>>,
    /// Whether a token of this number is a marker; the others only take part in the search.
    cuts: Vec<bool>,
    /// Whether a token strips white space on its left, and on its right.
    strips: Vec<(bool, bool)>,
    /// Texts of the added tokens that are not searched for.
    others: Vec<Box<str>>,
    longest: usize,
    /// Where a long text without markers is cut.
    places: Option<Places>,
}

impl Cutter {
    /// Reads the markers of a tokenizer, as set up for the encoding.
    ///
    /// # Errors
    ///
    /// If the search cannot be built.
    pub fn new(tokenizer: &Tokenizer) -> Result<Self, String> {
        let vocabulary = tokenizer.get_added_vocabulary();
        let splits_special = vocabulary.get_encode_special_tokens();
        let mut tokens: Vec<_> = vocabulary
            .get_added_tokens_decoder()
            .iter()
            .filter(|(_, token)| !token.content.is_empty())
            .collect();
        tokens.sort_unstable_by_key(|(id, _)| **id);
        let (others, tokens): (Vec<_>, Vec<_>) =
            tokens.into_iter().partition(|(_, token)| token.normalized);
        let mut cutter = Self::of(tokens.into_iter().map(|(_, token)| Added {
            text: token.content.as_str().into(),
            cuts: unmet(token, splits_special).is_none(),
            strips: (token.lstrip, token.rstrip),
        }))?;
        let others = others.into_iter();
        cutter.others = others
            .map(|(_, token)| token.content.as_str().into())
            .collect();
        Ok(cutter)
    }

    /// Takes the tokens to search for. A marker's number is its place among them.
    ///
    /// # Errors
    ///
    /// If the search cannot be built.
    pub fn of(tokens: impl Iterator<Item = Added>) -> Result<Self, String> {
        let mut cutter = Self {
            search: None,
            texts: Vec::new(),
            cuts: Vec::new(),
            strips: Vec::new(),
            others: Vec::new(),
            longest: 0,
            places: None,
        };
        for token in tokens {
            cutter.longest = cutter.longest.max(token.text.len());
            cutter.texts.push(token.text);
            cutter.cuts.push(token.cuts);
            cutter.strips.push(token.strips);
        }
        if cutter.cuts.contains(&true) {
            let search = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .start_kind(StartKind::Unanchored)
                .build(cutter.texts.iter().map(|text| text.as_bytes()))
                .map_err(|error| error.to_string())?;
            cutter.search = Some(search);
        }
        Ok(cutter)
    }

    /// Writes the tokens, for [`Cutter::restore`].
    pub fn save(&self, out: &mut Writer) {
        out.words(&[self.texts.len() as u64]);
        for (index, text) in self.texts.iter().enumerate() {
            let (left, right) = self.strips[index];
            out.bytes(text.as_bytes());
            out.bytes(&[self.cuts[index].into(), left.into(), right.into()]);
        }
        out.words(&[self.others.len() as u64]);
        for text in &self.others {
            out.bytes(text.as_bytes());
        }
    }

    /// # Errors
    ///
    /// If the bytes are not those of a cutter.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        const DAMAGED: &str = "the saved markers are damaged";
        let [count] = *saved.words()? else {
            return Err(DAMAGED.to_owned());
        };
        let mut tokens = Vec::new();
        for _ in 0..count {
            let text = saved.text()?.into();
            let [cuts, left, right] = *saved.bytes()? else {
                return Err(DAMAGED.to_owned());
            };
            tokens.push(Added {
                text,
                cuts: cuts != 0,
                strips: (left != 0, right != 0),
            });
        }
        let mut cutter = Self::of(tokens.into_iter())?;
        let [count] = *saved.words()? else {
            return Err(DAMAGED.to_owned());
        };
        for _ in 0..count {
            cutter.others.push(saved.text()?.into());
        }
        Ok(cutter)
    }

    /// Cuts long texts at these places, too.
    pub fn cut_inside(&mut self, places: Option<Places>) {
        // A token that is passed over could lie across a place.
        self.places = places.filter(|_| !self.cuts.contains(&false));
    }

    /// How many bytes after its start the search looks at to decide on a cut.
    #[must_use]
    pub fn longest(&self) -> usize {
        // A place inside a text depends on the byte after it.
        self.longest.max(1)
    }

    /// Text of a marker, empty for [`EDGE`] and [`INSIDE`].
    #[must_use]
    pub fn text(&self, marker: Marker) -> &str {
        usize::try_from(marker)
            .ok()
            .and_then(|index| self.texts.get(index))
            .map_or("", |text| &**text)
    }

    /// What is left of a span when its neighbours have stripped it.
    #[must_use]
    pub fn stripped<'t>(&self, before: Marker, span: &'t str, after: Marker) -> &'t str {
        self.stripped_of(char::is_whitespace, before, span, after)
    }

    /// The same, if what `is_space` names is white space.
    #[must_use]
    pub fn stripped_of<'t>(
        &self,
        is_space: impl Fn(char) -> bool,
        before: Marker,
        span: &'t str,
        after: Marker,
    ) -> &'t str {
        let strips = |marker: Marker| {
            let index = usize::try_from(marker).ok();
            index.and_then(|index| self.strips.get(index)).copied()
        };
        let mut left = span;
        if let Some((_, true)) = strips(before) {
            left = left.trim_start_matches(&is_space);
        }
        if let Some((true, _)) = strips(after) {
            left = left.trim_end_matches(&is_space);
        }
        left
    }

    /// The first place in `range` at which a text without markers may be cut.
    #[must_use]
    pub fn place(&self, text: &str, mut range: Range<usize>) -> Option<usize> {
        let places = self.places.as_ref()?;
        range.find(|at| places.is_place(text.as_bytes(), *at))
    }

    /// The last one.
    #[must_use]
    pub fn last_place(&self, text: &str, range: Range<usize>) -> Option<usize> {
        let places = self.places.as_ref()?;
        range.rev().find(|at| places.is_place(text.as_bytes(), *at))
    }

    /// `text` up to where a model that generates it from `start` on would end.
    ///
    /// The white space at its end is left out if an added token stands before it. Templates write
    /// that white space after the token with which a model ends its answer.
    #[must_use]
    pub fn generated<'t>(&self, text: &'t str, start: usize) -> &'t str {
        let written = text.trim_end_matches(is_space);
        let mut added = self.texts.iter().chain(&self.others);
        if written.len() > start && added.any(|token| written.ends_with(&**token)) {
            written
        } else {
            text
        }
    }

    /// The first cut of `text` after `from`, which is 0 or the end of a cut.
    #[must_use]
    pub fn next(&self, text: &str, from: usize) -> Option<Cut> {
        let Some(places) = &self.places else {
            return self.marker(text, from, text.len());
        };
        // A step at a time, so that neither search runs far ahead of the other.
        let (mut start, mut until) = (from, from + LEAST);
        loop {
            until = until.min(text.len());
            let place = places.first(text.as_bytes(), from, start..until);
            let stop = place.unwrap_or(until);
            let marker = self.marker(text, start, stop);
            if marker.is_some_and(|marker| marker.start < stop) {
                return marker;
            }
            if let Some(at) = place {
                return Some(Cut {
                    start: at,
                    end: at,
                    marker: INSIDE,
                });
            }
            if until == text.len() {
                return None;
            }
            (start, until) = (until, until + STEP);
        }
    }

    /// The first marker of `text` from `from` on; one that begins at `until` or later may be
    /// missed.
    fn marker(&self, text: &str, mut from: usize, until: usize) -> Option<Cut> {
        let search = self.search.as_ref()?;
        let end = text.len().min(until + self.longest);
        loop {
            let input = Input::new(text.as_bytes())
                .anchored(Anchored::No)
                .range(from..end);
            let found = search.find(input)?;
            let index = found.pattern().as_usize();
            if self.cuts[index] {
                return Some(Cut {
                    start: found.start(),
                    end: found.end(),
                    marker: found.pattern().as_u32(),
                });
            }
            from = found.end();
        }
    }
}

/// Whether Python's `strip` takes a character away.
#[must_use]
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\x1c'..='\x1f')
}

#[cfg(test)]
mod tests {
    use super::{Cut, Cutter};
    use crate::tokenizer::testing::tokenizer;

    fn found(cutter: &Cutter, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        let mut from = 0;
        while let Some(Cut { start, end, marker }) = cutter.next(text, from) {
            assert_eq!(&text[start..end], cutter.text(marker));
            out.push(format!("{start}:{}", cutter.text(marker)));
            from = end;
        }
        out
    }

    #[test]
    fn the_longest_token_wins_where_tokens_nest() {
        let cutter = Cutter::new(&tokenizer(&["<a>", "<a><b>", "b"])).unwrap();
        assert_eq!(found(&cutter, "x<a><b><a>y"), ["1:<a><b>", "7:<a>"]);
        assert_eq!(found(&cutter, "nothing"), Vec::<String>::new());
        assert_eq!(cutter.longest(), 6);
    }

    #[test]
    fn words_and_normalized_tokens_are_no_markers_but_words_take_part() {
        let cutter = Cutter::new(&tokenizer(&["word:<a>x", "normalized:<n>", "<a>"])).unwrap();
        // The search finds the longer token and passes over it, and over what it contains.
        assert_eq!(found(&cutter, "<a>x<n><a>"), ["7:<a>"]);
        let cutter = Cutter::new(&tokenizer(&["word:x<a>", "<a>"])).unwrap();
        assert_eq!(found(&cutter, "x<a><a>"), ["4:<a>"]);
    }

    #[test]
    fn a_token_that_touches_white_space_is_a_marker_unless_it_reaches_back() {
        let cutter = Cutter::new(&tokenizer(&["\n<a>", "<b> ", "right:<c>\n", "  "])).unwrap();
        let text = "x\n<a>y<b> <c>\n   z";
        assert_eq!(
            found(&cutter, text),
            ["1:\n<a>", "6:<b> ", "10:<c>\n", "14:  "]
        );
        let cutter = Cutter::new(&tokenizer(&["left: <a>", "left:<b> ", "<c>"])).unwrap();
        assert_eq!(found(&cutter, "x <a><b> <c>"), ["5:<b> ", "9:<c>"]);
    }

    #[test]
    fn no_token_is_a_marker_when_special_tokens_are_split() {
        let mut tokenizer = tokenizer(&["<a>", "plain:<b>"]);
        tokenizer.set_encode_special_tokens(true);
        let cutter = Cutter::new(&tokenizer).unwrap();
        assert_eq!(found(&cutter, "<a><b>"), Vec::<String>::new());
    }
}
