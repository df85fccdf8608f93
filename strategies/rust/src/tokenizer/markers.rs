//! Markers: the places where a prompt may be cut without changing its tokens.
//!
//! `strategies/splicing.py` says why a cut is exact. The rule here, in short: the tokenizer
//! first splits a text at its added tokens that are not `normalized`. It takes, from left to
//! right, the longest that matches. The search here is the same and is over the same tokens. A
//! token that it finds is a marker unless
//!
//! - it is `single_word`, because then the text around it decides whether it counts;
//! - the tokenizer ignores it, because it is special and special tokens are to be split; or
//! - its text begins or ends with white space, because a neighbour that strips could take that.
//!
//! A token that is no marker still takes part in the search: it hides what it overlaps.
//!
//! The rule of `splicing.py` differs in two places.
//!
//! - White space: `splicing.py` rules out only an `lstrip` token that begins with white space.
//!   This rule is narrower, and a narrower rule is always safe: with fewer markers the spans are
//!   longer, and the tokenizer finds the other tokens inside a span by itself. Tokens that begin
//!   or end with white space are rare, so the finer rule would save nothing. The engine also
//!   relies on it: what markers strip from a span is then nothing but white space of the span.
//! - Special tokens that are to be split: `splicing.py` then cuts nowhere, because Python cannot
//!   ask the library which tokens it ignores. Here the library tells, so the other tokens stay
//!   markers. No count depends on it today: the strategy is not available for such a tokenizer.

use aho_corasick::{AhoCorasick, Anchored, Input, MatchKind, StartKind};
use tokenizers::Tokenizer;

/// A marker by its number; the start and the end of a text are [`EDGE`].
pub type Marker = u32;

/// Stands for the marker that is not there at either end of a text.
pub const EDGE: Marker = u32::MAX;

/// A marker found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    pub start: usize,
    pub end: usize,
    pub marker: Marker,
}

#[derive(Debug)]
pub struct Cutter {
    search: Option<AhoCorasick>,
    texts: Vec<Box<str>>,
    /// Whether a token of this number is a marker; the others only take part in the search.
    cuts: Vec<bool>,
    /// Whether a token strips white space on its left, and on its right.
    strips: Vec<(bool, bool)>,
    longest: usize,
}

impl Cutter {
    /// Reads the markers of a tokenizer, as set up for the encoding.
    ///
    /// # Errors
    ///
    /// If the search cannot be built.
    pub fn new(tokenizer: &Tokenizer) -> Result<Self, String> {
        let vocabulary = tokenizer.get_added_vocabulary();
        let skips_special = vocabulary.get_encode_special_tokens();
        let mut tokens: Vec<_> = vocabulary
            .get_added_tokens_decoder()
            .iter()
            .filter(|(_, token)| !token.normalized && !token.content.is_empty())
            .collect();
        tokens.sort_unstable_by_key(|(id, _)| **id);
        let mut cutter = Self {
            search: None,
            texts: Vec::with_capacity(tokens.len()),
            cuts: Vec::with_capacity(tokens.len()),
            strips: Vec::with_capacity(tokens.len()),
            longest: 0,
        };
        for (_, token) in tokens {
            let text = token.content.as_str();
            let skipped = skips_special && vocabulary.is_special_token(text);
            let touches_space =
                text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
            cutter
                .cuts
                .push(!token.single_word && !skipped && !touches_space);
            cutter.strips.push((token.lstrip, token.rstrip));
            cutter.texts.push(text.into());
            cutter.longest = cutter.longest.max(text.len());
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

    /// Length in bytes of the longest token in the search: how far a match looks ahead.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Text of a marker, empty for [`EDGE`].
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
        let strips = |marker: Marker| {
            let index = usize::try_from(marker).ok();
            index.and_then(|index| self.strips.get(index)).copied()
        };
        let mut left = span;
        if let Some((_, true)) = strips(before) {
            left = left.trim_start();
        }
        if let Some((true, _)) = strips(after) {
            left = left.trim_end();
        }
        left
    }

    /// The first marker of `text` at or after `from`, which is 0 or the end of a match.
    #[must_use]
    pub fn next(&self, text: &str, mut from: usize) -> Option<Cut> {
        let search = self.search.as_ref()?;
        loop {
            let input = Input::new(text.as_bytes())
                .anchored(Anchored::No)
                .range(from..);
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
    fn special_tokens_are_no_markers_when_they_are_split() {
        let mut tokenizer = tokenizer(&["<a>", "plain:<b>"]);
        tokenizer.set_encode_special_tokens(true);
        let cutter = Cutter::new(&tokenizer).unwrap();
        assert_eq!(found(&cutter, "<a><b>"), ["3:<b>"]);
    }
}
