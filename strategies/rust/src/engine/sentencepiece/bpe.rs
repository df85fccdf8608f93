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

/// Number of a symbol, or a place in the text. Half the size of `usize`: there is one for each
/// character of a text of megabytes.
type Place = u32;

/// Stands for the symbol that is not there at either end of the text.
const NONE: Place = Place::MAX;

/// A part of the text that may become longer.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    start: Place,
    /// The same as `start` for a symbol that has become part of another.
    end: Place,
    before: Place,
    after: Place,
    frozen: bool,
}

/// Two neighbours that make a piece together.
#[derive(Debug, Clone, Copy)]
struct Merge {
    score: f32,
    left: Place,
    right: Place,
    /// Length of both. If it has changed, one of them has been merged with another since.
    length: Place,
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
    /// Where each unused piece was last seen to come together: its left part ends there, counted
    /// from its start.
    apart: FxHashMap<&'m str, Place>,
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
    ///
    /// # Errors
    ///
    /// If it is too long.
    pub fn count(&self, text: &str, user_defined: Option<&Trie>) -> Result<Tally, String> {
        let length = Place::try_from(text.len())
            .ok()
            .filter(|length| *length < NONE);
        let mut merging = Merging {
            bpe: self,
            text,
            symbols: Vec::new(),
            apart: FxHashMap::default(),
        };
        merging.divide(length.ok_or("the text is too long")?, user_defined);
        merging.merge();
        let mut tally = Tally::default();
        for symbol in &merging.symbols {
            if symbol.end > symbol.start {
                merging.count(merging.between(symbol.start, symbol.end), &mut tally);
            }
        }
        Ok(tally)
    }
}

impl<'m> Merging<'m> {
    fn between(&self, start: Place, end: Place) -> &'m str {
        &self.text[start as usize..end as usize]
    }

    /// Makes a symbol of each character and each user-defined piece.
    fn divide(&mut self, length: Place, user_defined: Option<&Trie>) {
        let (mut start, mut index) = (0, 0);
        while start < length {
            let rest = &self.text[start as usize..];
            let whole = user_defined.and_then(|pieces| longest(pieces, rest.as_bytes()));
            let taken = whole.or_else(|| rest.chars().next().map(char::len_utf8));
            let taken = taken.and_then(|taken| Place::try_from(taken).ok());
            let end = taken.map_or(length, |taken| start + taken);
            self.symbols.push(Symbol {
                start,
                end,
                before: if index == 0 { NONE } else { index - 1 },
                after: if end < length { index + 1 } else { NONE },
                frozen: whole.is_some(),
            });
            (start, index) = (end, index + 1);
        }
    }

    /// The merge of two neighbours, if they make a piece.
    fn proposed(&mut self, left: Place, right: Place) -> Option<Merge> {
        let one = self.symbols.get(left as usize)?;
        let two = self.symbols.get(right as usize)?;
        if one.frozen || two.frozen {
            return None;
        }
        let piece = self.between(one.start, two.end);
        let length = two.end - one.start;
        let place = one.end - one.start;
        let entry = self.bpe.pieces.get(piece)?;
        if entry.unused {
            self.apart.insert(piece, place);
        }
        Some(Merge {
            score: entry.score,
            left,
            right,
            length,
        })
    }

    /// Merges until no two neighbours make a piece.
    fn merge(&mut self) {
        let mut first = Vec::new();
        for index in 1..self.symbols.len() {
            let right = Place::try_from(index).unwrap_or(NONE);
            first.extend(self.proposed(right - 1, right));
        }
        let mut merges = BinaryHeap::from(first);
        while let Some(merge) = merges.pop() {
            let left = self.symbols[merge.left as usize];
            let right = self.symbols[merge.right as usize];
            let gone = left.start == left.end || right.start == right.end;
            if gone || right.end - left.start != merge.length {
                continue;
            }
            let merged = &mut self.symbols[merge.left as usize];
            merged.end = right.end;
            merged.after = right.after;
            if let Some(after) = self.symbols.get_mut(right.after as usize) {
                after.before = merge.left;
            }
            self.symbols[merge.right as usize].end = right.start;
            merges.extend(self.proposed(left.before, merge.left));
            merges.extend(self.proposed(merge.left, right.after));
        }
    }

    /// Adds a symbol to the tally.
    fn count(&self, symbol: &'m str, tally: &mut Tally) {
        match self.bpe.pieces.get(symbol) {
            Some(entry) if !entry.unused => tally.add_known(),
            // An unused piece that has not come together is a character, which is unknown then.
            _ => match self.apart.get(symbol) {
                Some(place) => {
                    let (left, right) = symbol.split_at(*place as usize);
                    self.count(left, tally);
                    self.count(right, tally);
                }
                None if self.bpe.byte_fallback => tally.add_bytes(symbol.len()),
                None => tally.add_unknown(),
            },
        }
    }
}
