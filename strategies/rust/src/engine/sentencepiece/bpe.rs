//! Byte pair encoding as the sentencepiece library does it.
//!
//! At first each character is a symbol, and so is each user-defined piece, which then takes no part
//! in merging. Of all neighbours that make a piece together, those whose piece has the highest
//! score are merged next; of several, the leftmost. At the end, unused pieces are taken apart again.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::file::{Kind, Piece};
use super::search::longest;
use super::tally::Tally;
use crate::engine::trie::Trie;

#[derive(Debug)]
pub struct Bpe {
    pieces: FxHashMap<Box<str>, Entry>,
    /// Characters that stand in pieces, but are none.
    never_alone: FxHashSet<char>,
    byte_fallback: bool,
    has_unused: bool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    score: f32,
    unused: bool,
}

/// A part of the text that may become longer.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    start: usize,
    /// The same as `start` for a symbol that has become part of another.
    end: usize,
    before: Option<usize>,
    after: Option<usize>,
    frozen: bool,
}

/// Two neighbours that make a piece together.
#[derive(Debug, Clone, Copy)]
struct Merge {
    score: f32,
    left: usize,
    right: usize,
    /// Length of both. If it has changed, one of them has been merged with another since.
    length: usize,
}

impl Ord for Merge {
    fn cmp(&self, other: &Self) -> Ordering {
        // Zero is more than minus zero, in the library, too.
        let score = self.score.total_cmp(&other.score);
        score.then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Merge {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Merge {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Merge {}

/// The work on one text.
struct Merging<'m> {
    bpe: &'m Bpe,
    text: &'m str,
    symbols: Vec<Symbol>,
    merges: BinaryHeap<Merge>,
    /// Where each unused piece was last seen to come together: its left part ends there, counted
    /// from its start.
    apart: FxHashMap<&'m str, usize>,
}

impl Bpe {
    #[must_use]
    pub fn new(pieces: &[Piece], byte_fallback: bool) -> Self {
        let entries = pieces.iter().filter_map(|piece| {
            let unused = match piece.kind {
                Kind::Normal | Kind::UserDefined => false,
                Kind::Unused => true,
                Kind::Unknown | Kind::Control | Kind::Byte => return None,
            };
            let entry = Entry {
                score: piece.score,
                unused,
            };
            Some((piece.text.as_str().into(), entry))
        });
        let entries: FxHashMap<Box<str>, Entry> = entries.collect();
        let inside = entries.keys().flat_map(|text| text.chars());
        let is_piece =
            |character: char| entries.contains_key(character.encode_utf8(&mut [0; 4]) as &str);
        Self {
            never_alone: inside.filter(|character| !is_piece(*character)).collect(),
            pieces: entries,
            byte_fallback,
            has_unused: pieces.iter().any(|piece| piece.kind == Kind::Unused),
        }
    }

    /// Whether a part between two seams has the same tokens wherever it stands.
    ///
    /// An unused piece is taken apart as it was last seen to come together, anywhere in the text.
    #[must_use]
    pub fn parts_are_independent(&self) -> bool {
        !self.has_unused
    }

    /// Whether a part between two seams may begin or end with unknown characters, which may then
    /// be one token with those beside it.
    #[must_use]
    pub fn may_end_unknown(&self, part: &str) -> bool {
        if self.byte_fallback {
            return false;
        }
        let mut characters = part.chars();
        let ends = [characters.next(), characters.next_back()];
        // A character that stands in no piece is a part by itself.
        ends[1].is_none()
            || ends
                .iter()
                .flatten()
                .any(|end| self.never_alone.contains(end))
    }

    /// Counts the tokens of a normalized text.
    #[must_use]
    pub fn count(&self, text: &str, user_defined: Option<&Trie>) -> Tally {
        let mut merging = Merging {
            bpe: self,
            text,
            symbols: Vec::with_capacity(text.len()),
            merges: BinaryHeap::new(),
            apart: FxHashMap::default(),
        };
        merging.divide(user_defined);
        for right in 1..merging.symbols.len() {
            merging.propose(Some(right - 1), Some(right));
        }
        merging.run();
        let mut tally = Tally::default();
        for symbol in &merging.symbols {
            if symbol.end > symbol.start {
                merging.count(&text[symbol.start..symbol.end], &mut tally);
            }
        }
        tally
    }
}

impl<'m> Merging<'m> {
    fn divide(&mut self, user_defined: Option<&Trie>) {
        let mut start = 0;
        while let Some(character) = self.text[start..].chars().next() {
            let rest = &self.text.as_bytes()[start..];
            let whole = user_defined.and_then(|pieces| longest(pieces, rest));
            let index = self.symbols.len();
            let end = start + whole.unwrap_or(character.len_utf8());
            self.symbols.push(Symbol {
                start,
                end,
                before: index.checked_sub(1),
                after: (end < self.text.len()).then_some(index + 1),
                frozen: whole.is_some(),
            });
            start = end;
        }
    }

    /// Notes that two neighbours can be merged, if they can.
    fn propose(&mut self, left: Option<usize>, right: Option<usize>) {
        let (Some(left), Some(right)) = (left, right) else {
            return;
        };
        let (one, two) = (self.symbols[left], self.symbols[right]);
        if one.frozen || two.frozen {
            return;
        }
        let piece = &self.text[one.start..two.end];
        let Some(entry) = self.bpe.pieces.get(piece) else {
            return;
        };
        self.merges.push(Merge {
            score: entry.score,
            left,
            right,
            length: piece.len(),
        });
        if entry.unused {
            self.apart.insert(piece, one.end - one.start);
        }
    }

    fn run(&mut self) {
        while let Some(merge) = self.merges.pop() {
            let (left, right) = (self.symbols[merge.left], self.symbols[merge.right]);
            let gone = left.start == left.end || right.start == right.end;
            if gone || right.end - left.start != merge.length {
                continue;
            }
            self.symbols[merge.left].end = right.end;
            self.symbols[merge.left].after = right.after;
            if let Some(after) = right.after {
                self.symbols[after].before = Some(merge.left);
            }
            self.symbols[merge.right].end = right.start;
            self.propose(left.before, Some(merge.left));
            self.propose(Some(merge.left), right.after);
        }
    }

    /// Adds a symbol to the tally.
    fn count(&self, symbol: &'m str, tally: &mut Tally) {
        match self.bpe.pieces.get(symbol) {
            Some(entry) if !entry.unused => tally.add_known(),
            // An unused piece that has not come together is a character, which is unknown then.
            _ => match self.apart.get(symbol) {
                Some(place) => {
                    self.count(&symbol[..*place], tally);
                    self.count(&symbol[*place..], tally);
                }
                None if self.bpe.byte_fallback => tally.add_bytes(symbol.len()),
                None => tally.add_unknown(),
            },
        }
    }
}
