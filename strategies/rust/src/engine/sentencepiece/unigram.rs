//! Unigram as the sentencepiece library does it: the path of pieces with the highest sum of scores.
//!
//! Of paths with nearly the same sum, its rounding decides. So the numbers here are of the same width
//! as in the library, added in the same order, and set back to zero at the same places.

use super::file::{Kind, Piece};
use super::search::trie;
use super::tally::Tally;
use crate::engine::trie::Trie;

/// What an unknown character costs beyond the lowest score.
const UNKNOWN_PENALTY: f32 = 10.0;

#[derive(Debug, Clone, Copy)]
enum Score {
    Normal(f32),
    UserDefined,
    Unused,
}

/// A sum beyond this, in either direction, is subtracted from all sums of the places ahead.
const FURTHEST: f32 = 100_000.0;

#[derive(Debug)]
pub struct Unigram {
    trie: Trie,
    scores: Vec<Score>,
    unknown: f32,
    byte_fallback: bool,
}

/// The best way to a place in the text.
#[derive(Debug, Clone, Copy)]
struct Best {
    score: f32,
    /// Where its last piece starts.
    start: usize,
    known: bool,
}

/// The best ways to all places of a text, as far as they are known.
#[derive(Debug, Default)]
pub struct Ways(Vec<Option<Best>>);

impl Ways {
    fn offer(&mut self, end: usize, way: Best) {
        if self.0[end].is_none_or(|best| way.score > best.score) {
            self.0[end] = Some(way);
        }
    }

    /// Sets the score of the way to `place` to zero, and those of the ways beyond it accordingly.
    fn set_back(&mut self, place: usize, score: f32) {
        for way in self.0[place..].iter_mut().flatten() {
            way.score -= score;
        }
    }
}

impl Unigram {
    /// # Errors
    ///
    /// If there are too many pieces.
    pub fn new(pieces: &[Piece], byte_fallback: bool) -> Result<Self, String> {
        let normal = pieces.iter().filter(|piece| piece.kind == Kind::Normal);
        let lowest = normal.fold(f32::MAX, |lowest, piece| lowest.min(piece.score));
        let mut texts = Vec::with_capacity(pieces.len());
        let mut scores = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let score = match piece.kind {
                Kind::Normal => Score::Normal(piece.score),
                Kind::UserDefined => Score::UserDefined,
                Kind::Unused => Score::Unused,
                Kind::Unknown | Kind::Control | Kind::Byte => continue,
            };
            texts.push((piece.text.as_bytes(), scores.len().try_into().unwrap_or(0)));
            scores.push(score);
        }
        Ok(Self {
            trie: trie(texts)?,
            scores,
            unknown: lowest - UNKNOWN_PENALTY,
            byte_fallback,
        })
    }

    /// Counts the tokens of a normalized text that comes after others whose sum is `score`.
    ///
    /// It adds its own to `score`. What `ways` holds is of no account.
    pub fn count(&self, text: &str, score: &mut f32, ways: &mut Ways) -> Tally {
        let bytes = text.as_bytes();
        ways.0.clear();
        ways.0.resize(bytes.len() + 1, None);
        for (start, character) in text.char_indices() {
            // A piece ends at each character, be it an unknown one.
            let mut so_far = ways.0[start].map_or(*score, |way| way.score);
            if so_far.abs() > FURTHEST {
                ways.set_back(start, so_far);
                so_far = 0.0;
            }
            let next = start + character.len_utf8();
            let mut has_character = false;
            self.trie.prefixes(&bytes[start..], |length, index| {
                let end = start + length;
                let score = match self.scores[index as usize] {
                    Score::Unused => return,
                    Score::Normal(score) => score,
                    Score::UserDefined => user_defined(length),
                };
                has_character |= end == next;
                let way = Best {
                    score: score + so_far,
                    start,
                    known: true,
                };
                ways.offer(end, way);
            });
            if !has_character {
                let way = Best {
                    score: self.unknown + so_far,
                    start,
                    known: false,
                };
                ways.offer(next, way);
            }
        }
        if let Some(last) = ways.0[bytes.len()] {
            *score = last.score;
        }
        self.follow(ways)
    }

    /// Counts the pieces of the best way to the end.
    fn follow(&self, ways: &Ways) -> Tally {
        let mut pieces = Vec::new();
        let mut end = ways.0.len() - 1;
        while let Some(way) = ways.0[end] {
            pieces.push((end - way.start, way.known));
            end = way.start;
        }
        let mut tally = Tally::default();
        for (length, known) in pieces.into_iter().rev() {
            match known {
                true => tally.add_known(),
                false if self.byte_fallback => tally.add_bytes(length),
                false => tally.add_unknown(),
            }
        }
        tally
    }
}

/// Score of a user-defined piece of some bytes.
fn user_defined(length: usize) -> f32 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "as the library does"
    )]
    let score = (0.1 * (length - 1) as f64) as f32;
    score
}
