//! Places in a text that no piece can span.
//!
//! Where two characters stand side by side in no piece, no piece holds both. So every division of
//! the text into pieces has a border there, and what is left of it and what is right of it are
//! divided independently of each other:
//!
//! - BPE only ever merges what gives a piece. User-defined pieces are looked for from left to right,
//!   and none reaches across. The order of merges is the same within each part, whatever happens
//!   in another.
//! - A path of Unigram goes through that place, with one best score for all that is left of it.

use rustc_hash::FxHashSet;

/// Characters that have a place in the table: those of ASCII, and `▁`.
const WIDTH: usize = 129;

/// The pairs of characters that stand side by side in some piece.
#[derive(Debug)]
pub struct Seams {
    /// Of each pair of characters in the table, whether a piece holds it.
    table: Vec<bool>,
    others: FxHashSet<(char, char)>,
}

/// Place of a pair in the table.
fn place(left: char, right: char) -> Option<usize> {
    let place = |character: char| match character {
        '▁' => Some(WIDTH - 1),
        _ => character.is_ascii().then_some(character as usize),
    };
    Some(place(left)? * WIDTH + place(right)?)
}

impl Seams {
    /// Learns the pairs of some pieces.
    pub fn of<'p>(pieces: impl Iterator<Item = &'p str>) -> Self {
        let mut seams = Self {
            table: vec![false; WIDTH * WIDTH],
            others: FxHashSet::default(),
        };
        for piece in pieces {
            for (left, right) in piece.chars().zip(piece.chars().skip(1)) {
                if let Some(place) = place(left, right) {
                    seams.table[place] = true;
                } else {
                    seams.others.insert((left, right));
                }
            }
        }
        seams
    }

    fn is_seam(&self, left: char, right: char) -> bool {
        match place(left, right) {
            Some(place) => !self.table[place],
            None => !self.others.contains(&(left, right)),
        }
    }

    /// Calls `part` with the start and the end of each part of `text` between two seams.
    pub fn each_part<E>(
        &self,
        text: &str,
        mut part: impl FnMut(usize, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut characters = text.char_indices();
        let Some((mut start, mut left)) = characters.next() else {
            return Ok(());
        };
        for (at, right) in characters {
            if self.is_seam(left, right) {
                part(start, at)?;
                start = at;
            }
            left = right;
        }
        part(start, text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Seams;

    #[test]
    fn a_text_is_cut_where_no_piece_holds_both_characters() {
        let seams = Seams::of(["▁ab", "bc", "日本", "x"].into_iter());
        let mut parts = Vec::new();
        let text = "▁abca▁▁日本日x";
        let gathered: Result<(), ()> = seams.each_part(text, |start, end| {
            parts.push(&text[start..end]);
            Ok(())
        });
        assert_eq!(gathered, Ok(()));
        assert_eq!(parts, ["▁abc", "a", "▁", "▁", "日本", "日", "x"]);
        assert_eq!(seams.each_part("", |_, _| Err(())), Ok(()));
        assert_eq!(seams.each_part("ab", |_, _| Err(())), Err(()));
    }
}
