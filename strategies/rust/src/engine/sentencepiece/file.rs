//! Reads a `.model` file: a message of Protocol Buffers, of which counting needs a few fields.
//!
//! The reader is written by hand. The format has been the same since 2018, and the message is read
//! once: a library for it, with generated code, would be more to build and to look after than this
//! file. Fields that counting does not need are passed over.

/// What a piece is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Normal,
    Unknown,
    Control,
    /// Found in a text before anything else, and never merged.
    UserDefined,
    /// Merged, and then taken apart again.
    Unused,
    Byte,
}

/// An entry of the vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    pub text: String,
    pub score: f32,
    pub kind: Kind,
}

/// How a text is divided into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Unigram,
    Bpe,
}

/// What the file says of normalizing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "so the file has them")]
pub struct Rules {
    /// Rules of replacement, see `normalizer.rs`; empty if there are none.
    pub charsmap: Vec<u8>,
    /// Whether a space is added to each text.
    pub adds_space: bool,
    /// Whether that space comes after the text.
    pub at_the_end: bool,
    /// Whether spaces at both ends, and all but one of several, are dropped.
    pub drops_spaces: bool,
    /// Whether a space becomes `▁`.
    pub escapes_spaces: bool,
}

/// A `.model` file.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile {
    pub pieces: Vec<Piece>,
    pub algorithm: Algorithm,
    /// Whether an unknown character becomes a token for each of its bytes.
    pub byte_fallback: bool,
    pub rules: Rules,
}

/// A field of a message.
enum Value<'b> {
    Number(u64),
    Fixed32([u8; 4]),
    Fixed64,
    Bytes(&'b [u8]),
}

impl<'b> Value<'b> {
    fn bytes(&self) -> Result<&'b [u8], String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(damaged()),
        }
    }

    fn number(&self) -> Result<u64, String> {
        match self {
            Self::Number(number) => Ok(*number),
            _ => Err(damaged()),
        }
    }

    fn flag(&self) -> Result<bool, String> {
        Ok(self.number()? != 0)
    }
}

fn damaged() -> String {
    "its SentencePiece model is damaged".to_owned()
}

/// The fields of a message, in order.
struct Message<'b>(&'b [u8]);

impl<'b> Message<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(damaged())
    }

    /// The next field: its number and its value.
    fn next(&mut self) -> Result<Option<(u64, Value<'b>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Fixed64
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| damaged())?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(self.take(4)?.try_into().map_err(|_| damaged())?),
            _ => return Err(damaged()),
        };
        Ok(Some((tag >> 3, value)))
    }
}

impl ModelFile {
    /// Reads the content of a file.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, or not be counted with.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut file = Self {
            pieces: Vec::new(),
            algorithm: Algorithm::Unigram,
            byte_fallback: false,
            rules: Rules {
                charsmap: Vec::new(),
                adds_space: true,
                at_the_end: false,
                drops_spaces: true,
                escapes_spaces: true,
            },
        };
        let mut message = Message(bytes);
        while let Some((field, value)) = message.next()? {
            match field {
                1 => file.pieces.push(piece(value.bytes()?)?),
                2 => file.read_training(value.bytes()?)?,
                3 => file.rules.read(value.bytes()?)?,
                _ => {}
            }
        }
        Ok(file)
    }

    fn read_training(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut message = Message(bytes);
        while let Some((field, value)) = message.next()? {
            match field {
                3 => self.algorithm = algorithm(value.number()?)?,
                24 => self.rules.at_the_end = value.flag()?,
                35 => self.byte_fallback = value.flag()?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Rules {
    fn read(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut message = Message(bytes);
        while let Some((field, value)) = message.next()? {
            match field {
                2 => self.charsmap = value.bytes()?.to_vec(),
                3 => self.adds_space = value.flag()?,
                4 => self.drops_spaces = value.flag()?,
                5 => self.escapes_spaces = value.flag()?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn algorithm(number: u64) -> Result<Algorithm, String> {
    match number {
        1 => Ok(Algorithm::Unigram),
        2 => Ok(Algorithm::Bpe),
        3 => Err("its SentencePiece model is of the type WORD".to_owned()),
        4 => Err("its SentencePiece model is of the type CHAR".to_owned()),
        _ => Err("its SentencePiece model is of an unknown type".to_owned()),
    }
}

fn piece(bytes: &[u8]) -> Result<Piece, String> {
    let mut piece = Piece {
        text: String::new(),
        score: 0.0,
        kind: Kind::Normal,
    };
    let mut message = Message(bytes);
    while let Some((field, value)) = message.next()? {
        match (field, value) {
            (1, value) => piece.text = text(value.bytes()?)?,
            (2, Value::Fixed32(bytes)) => piece.score = f32::from_le_bytes(bytes),
            (3, value) => piece.kind = kind(value.number()?)?,
            _ => {}
        }
    }
    Ok(piece)
}

fn text(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes);
    text.map(str::to_owned)
        .map_err(|_| "a piece of its SentencePiece model is no text".to_owned())
}

fn kind(number: u64) -> Result<Kind, String> {
    Ok(match number {
        1 => Kind::Normal,
        2 => Kind::Unknown,
        3 => Kind::Control,
        4 => Kind::UserDefined,
        5 => Kind::Unused,
        6 => Kind::Byte,
        _ => return Err("a piece of its SentencePiece model is of an unknown type".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Kind, ModelFile, Piece};

    /// A field that holds bytes.
    fn nested(field: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        assert!(length < 0x80);
        [&[field << 3 | 2, length], bytes].concat()
    }

    #[test]
    fn fields_are_read_and_others_passed_over() {
        let score = [&[2 << 3 | 5][..], &(-1.5_f32).to_le_bytes()].concat();
        let piece = [nested(1, "▁a".as_bytes()), score, vec![3 << 3, 4]].concat();
        // The tag of field 35 takes two bytes.
        let training = [3 << 3, 2, 0x98, 2, 1, 9 << 3 | 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let rules = [nested(2, b"\x01\x02"), vec![3 << 3, 0, 4 << 3, 0]].concat();
        let bytes = [
            nested(1, &piece),
            nested(1, &nested(1, b"b")),
            nested(2, &training),
            nested(3, &rules),
            nested(4, b""),
        ]
        .concat();
        let file = ModelFile::read(&bytes).unwrap();
        let expected = [("▁a", -1.5, Kind::UserDefined), ("b", 0.0, Kind::Normal)];
        assert_eq!(
            file.pieces,
            expected.map(|(text, score, kind)| Piece {
                text: text.to_owned(),
                score,
                kind
            })
        );
        assert_eq!(file.algorithm, Algorithm::Bpe);
        assert!(file.byte_fallback);
        assert_eq!(file.rules.charsmap, b"\x01\x02");
        assert!(!file.rules.adds_space && !file.rules.drops_spaces);
        assert!(file.rules.escapes_spaces && !file.rules.at_the_end);
    }

    #[test]
    fn what_is_cut_short_or_not_known_is_refused() {
        let whole = nested(1, &nested(1, b"a"));
        for end in 1..whole.len() {
            assert!(ModelFile::read(&whole[..end]).is_err());
        }
        for training in [[3 << 3, 3], [3 << 3, 4], [3 << 3, 9]] {
            assert!(ModelFile::read(&nested(2, &training)).is_err());
        }
        assert!(ModelFile::read(&nested(1, &[3 << 3, 9])).is_err());
        assert!(ModelFile::read(&nested(1, &nested(1, b"\xff"))).is_err());
        assert!(ModelFile::read(&[1 << 3 | 3]).is_err());
    }
}
