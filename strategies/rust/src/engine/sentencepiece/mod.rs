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
    /// If the text is too long or cannot be normalized, or the call was cancelled.
    pub fn count(&self, text: &str, memory: &mut Memory) -> Result<u32, String> {
        let text = self.normalizer.normalize(text)?;
        if u32::try_from(text.len()).is_err() {
            return Err("the text is too long".to_owned());
        }
        let tally = match &self.pieces {
            Pieces::Bpe(bpe) if bpe.parts_are_independent() && text.len() <= LONGEST_TEXT => {
                // The worker keeps the room that they take from text to text.
                let mut words = std::mem::take(&mut memory.worker.words);
                let tally = self.count_parts(bpe, &text, &mut words, memory);
                memory.worker.words = words;
                tally?
            }
            Pieces::Bpe(bpe) => bpe.count(&text, self.normalizer.user_defined())?,
            Pieces::Unigram(unigram) => {
                let (mut tally, mut score) = (Tally::default(), 0.0);
                let mut ways = Ways::default();
                self.seams.each_part(&text, |start, end| {
                    go_on(memory.stop)?;
                    tally.join(unigram.count(&text[start..end], &mut score, &mut ways));
                    Ok::<_, String>(())
                })?;
                tally
            }
        };
        Ok(tally.tokens())
    }

    /// Counts the parts between two seams, which have the same tokens wherever they stand.
    ///
    /// Those that can be remembered by their number of tokens wait in `words`.
    fn count_parts(
        &self,
        bpe: &Bpe,
        text: &str,
        words: &mut Vec<(u32, u32)>,
        memory: &mut Memory,
    ) -> Result<Tally, String> {
        let user_defined = self.normalizer.user_defined();
        let mut remembered = |words: &mut Vec<(u32, u32)>| {
            let count = memory.worker.known.count(text.as_bytes(), words, |word| {
                go_on(memory.stop)?;
                let word = std::str::from_utf8(word).map_err(|error| error.to_string())?;
                Ok(bpe.count(word, user_defined)?.tokens())
            });
            words.clear();
            count.map(Tally::of)
        };
        let mut tally = Tally::default();
        words.clear();
        self.seams.each_part(text, |start, end| {
            let part = &text[start..end];
            if bpe.may_end_unknown(part) {
                tally.join(remembered(words)?);
                tally.join(bpe.count(part, user_defined)?);
            } else {
                words.push((place(start), place(end)));
            }
            Ok::<_, String>(())
        })?;
        tally.join(remembered(words)?);
        Ok(tally)
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
