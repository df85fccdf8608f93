//! Places inside a text at which its tokens are those of the two parts, whatever they are.
//!
//! A prompt whose markers are plain text, as far as the tokenizer knows, has no other places to
//! cut. An engine that knows such places for pairs of ASCII characters tells them here; the
//! engines say why they are exact.

use std::ops::Range;

/// Pairs of ASCII characters between which a text may be cut.
#[derive(Debug)]
pub struct Places(Box<[bool]>);

const ASCII: u8 = 128;

/// Spans of fewer bytes are not cut: it would cost more than it saves.
pub const LEAST: usize = 512;

/// From here on a span is cut anywhere, and before that only at the end of a line, where the
/// same text is cut alike when something before it has changed.
const MOST: usize = 2048;

impl Places {
    /// The pairs for which `may_cut` is true. White space is never parted from white space, since
    /// a marker may strip all of it. None if there are no such pairs.
    pub fn of(may_cut: impl Fn(u8, u8) -> bool) -> Option<Self> {
        let pairs = (0..ASCII).flat_map(|last| (0..ASCII).map(move |next| (last, next)));
        let cuts =
            pairs.map(|(last, next)| !char::from(last).is_whitespace() && may_cut(last, next));
        let places = Self(cuts.collect());
        places.0.contains(&true).then_some(places)
    }

    /// Whether a text may be cut before the byte at `at`.
    #[must_use]
    pub fn is_place(&self, text: &[u8], at: usize) -> bool {
        let pair = at.checked_sub(1).and_then(|before| text.get(before..=at));
        pair.is_some_and(|pair| {
            let (last, next) = (pair[0], pair[1]);
            last < ASCII
                && next < ASCII
                && self.0[usize::from(last) * usize::from(ASCII) + usize::from(next)]
        })
    }

    /// The first place in `range` to cut a text that was cut at `from` before. It depends on no
    /// byte after the one at it.
    #[must_use]
    pub fn first(&self, text: &[u8], from: usize, range: Range<usize>) -> Option<usize> {
        let anywhere = from + MOST;
        (range.start.max(from + LEAST)..range.end)
            .find(|at| (text[*at] == b'\n' || *at >= anywhere) && self.is_place(text, *at))
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAST, MOST, Places};

    #[test]
    fn a_line_end_is_taken_first_and_then_any_place() {
        let places = Places::of(|last, next| last == b'x' && next <= b' ').unwrap();
        let mut text = "x ".repeat(MOST).into_bytes();
        let next = |text: &[u8], from| places.first(text, from, from..text.len());
        assert_eq!(next(&text, 0), Some(MOST + 1));
        assert_eq!(next(&text, 2), Some(MOST + 3));
        text[LEAST + 1] = b'\n';
        assert_eq!(next(&text, 0), Some(LEAST + 1));
        assert_eq!(next(&text, 2), Some(MOST + 3));
        assert_eq!(next(&text[..=LEAST], 0), None);
        assert_eq!(next(&text, text.len() - 9), None);
        assert_eq!(places.first(&text, 0, LEAST + 2..MOST), None);
    }

    #[test]
    fn white_space_is_not_parted() {
        let places = Places::of(|_, _| true).unwrap();
        let text = "ab \n\u{e9}\u{e9}c".as_bytes();
        let found: Vec<usize> = (0..=text.len())
            .filter(|at| places.is_place(text, *at))
            .collect();
        assert_eq!(found, [1, 2]);
        assert!(Places::of(|last, _| last == b' ').is_none());
    }
}
