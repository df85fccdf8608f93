//! The models of the sentencepiece library, counted without it.
//!
//! A text is normalized, then divided into pieces of the vocabulary. The file names of this room
//! say the rest.

mod bpe;
mod file;
mod normalizer;
mod seams;
mod search;
mod tally;
mod unigram;

use rustc_hash::FxHashSet;

use super::memory::{LONGEST_TEXT, Memory, go_on, place};
use bpe::Bpe;
use file::{Algorithm, Kind, ModelFile, Piece};
use normalizer::Normalizer;
use seams::Seams;
use search::trie;
use tally::Tally;
use unigram::{Unigram, Ways};

/// A model of the sentencepiece library.
#[derive(Debug)]
pub struct Model {
    vocabulary: usize,
    normalizer: Normalizer,
    seams: Seams,
    pieces: Pieces,
}

#[derive(Debug)]
enum Pieces {
    Bpe(Bpe),
    Unigram(Unigram),
}

impl Model {
    /// Reads the content of a `.model` file.
    ///
    /// # Errors
    ///
    /// Why the model is not one that is counted here.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let file = ModelFile::read(bytes)?;
        check(&file)?;
        let user_defined: Vec<(&[u8], u32)> = file
            .pieces
            .iter()
            .filter(|piece| piece.kind == Kind::UserDefined)
            .map(|piece| (piece.text.as_bytes(), 0))
            .collect();
        let user_defined = if user_defined.is_empty() {
            None
        } else {
            Some(trie(user_defined)?)
        };
        let found_in_texts = file.pieces.iter().filter(|piece| is_found(piece));
        Ok(Self {
            vocabulary: file.pieces.len(),
            seams: Seams::of(found_in_texts.map(|piece| piece.text.as_str())),
            pieces: match file.algorithm {
                Algorithm::Bpe => Pieces::Bpe(Bpe::new(&file.pieces, file.byte_fallback)),
                Algorithm::Unigram => {
                    Pieces::Unigram(Unigram::new(&file.pieces, file.byte_fallback)?)
                }
            },
            normalizer: Normalizer::new(file.rules, user_defined)?,
        })
    }

    /// Number of pieces.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Counts the tokens of a text.
    ///
    /// # Errors
    ///
    /// If the text cannot be normalized, or the call was cancelled.
    pub fn count(&self, text: &str, memory: &mut Memory) -> Result<u32, String> {
        let text = self.normalizer.normalize(text)?;
        let mut tally = Tally::default();
        match &self.pieces {
            Pieces::Bpe(bpe) if bpe.parts_are_independent() => {
                self.seams.each_part(&text, |start, end| {
                    tally.join(self.count_part(bpe, &text, start, end, memory)?);
                    Ok::<_, String>(())
                })?;
            }
            Pieces::Bpe(bpe) => tally = bpe.count(&text, self.normalizer.user_defined())?,
            Pieces::Unigram(unigram) => {
                let (mut score, mut ways) = (0.0, Ways::default());
                self.seams.each_part(&text, |start, end| {
                    go_on(memory.stop)?;
                    tally.join(unigram.count(&text[start..end], &mut score, &mut ways));
                    Ok::<_, String>(())
                })?;
            }
        }
        Ok(tally.tokens())
    }

    /// Counts a part between two seams, which has the same tokens wherever it stands.
    fn count_part(
        &self,
        bpe: &Bpe,
        text: &str,
        start: usize,
        end: usize,
        memory: &mut Memory,
    ) -> Result<Tally, String> {
        let part = &text[start..end];
        let user_defined = self.normalizer.user_defined();
        if bpe.may_end_unknown(part) || text.len() > LONGEST_TEXT {
            go_on(memory.stop)?;
            return bpe.count(part, user_defined);
        }
        let words = [(place(start), place(end))];
        let count = memory.worker.known.count(text.as_bytes(), &words, |_| {
            go_on(memory.stop)?;
            Ok(bpe.count(part, user_defined)?.tokens())
        });
        Ok(Tally::of(count?))
    }
}

/// Whether the model finds a piece in a text by its spelling.
fn is_found(piece: &Piece) -> bool {
    matches!(piece.kind, Kind::Normal | Kind::UserDefined | Kind::Unused)
}

/// Refuses what the library refuses, and what is not known to be counted as it counts.
fn check(file: &ModelFile) -> Result<(), String> {
    let mut found = FxHashSet::default();
    let mut others = FxHashSet::default();
    for piece in &file.pieces {
        if piece.text.is_empty() || piece.text.contains('\0') {
            return Err("a piece of its SentencePiece model is empty or holds NUL".to_owned());
        }
        if !piece.score.is_finite() {
            return Err("a score of its SentencePiece model is no number".to_owned());
        }
        let own = if is_found(piece) {
            &mut found
        } else {
            &mut others
        };
        if !own.insert(piece.text.as_str()) {
            return Err("a piece of its SentencePiece model is there twice".to_owned());
        }
    }
    let unknown = file.pieces.iter().filter(|p| p.kind == Kind::Unknown);
    if unknown.count() != 1 {
        return Err("its SentencePiece model has no unknown piece, or several".to_owned());
    }
    let one_character = |piece: &&Piece| {
        !is_found(piece) && piece.kind != Kind::Unknown && piece.text.chars().count() == 1
    };
    if file.pieces.iter().any(|piece| one_character(&piece)) {
        return Err("a control piece of its SentencePiece model is one character".to_owned());
    }
    if found.intersection(&others).next().is_some() {
        return Err("a piece of its SentencePiece model is a control piece, too".to_owned());
    }
    Ok(())
}
