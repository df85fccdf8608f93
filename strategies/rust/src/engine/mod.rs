//! Engines that count the tokens of a span and build none of them.
//!
//! Most of the time of encoding goes into offsets, alignments and a string for each token, none
//! of which a count needs. An engine knows one kind of tokenizer, and is made from what the
//! library has loaded. It has to count some texts as the library does before it is used, and it
//! may leave any text to the library. It needs nothing else of the loaded tokenizer, so it can
//! be saved and come back without one.

pub mod bpe;
mod byte_level;
mod composing;
mod local;
pub mod memory;
pub mod merges;
mod normal;
pub mod others;
mod paths;
pub(crate) mod patterns;
mod pieces;
pub mod places;
mod reached;
pub mod rule;
pub mod saved;
pub mod sentencepiece;
pub mod span;
#[cfg(test)]
mod testing;
mod tokens;
mod trie;
mod unigram;
mod whole;

use std::sync::atomic::AtomicBool;

use tokenizers::{ModelWrapper, Tokenizer};

use bpe::Tables;
use byte_level::ByteLevel;
use memory::{LONGEST_TEXT, Memory, Worker};
use others::Others;
use pieces::Pieces;
use places::Places;
use rule::Unmet;
use saved::{Reader, Writer};
use span::Span;
use unigram::Unigram;

/// One arm for each kind of tokenizer.
#[derive(Debug)]
enum Kind {
    ByteLevel(Box<ByteLevel>),
    Pieces(Box<Pieces>),
    Unigram(Box<Unigram>),
}

/// Counts spans as the tokenizer counts them.
#[derive(Debug)]
pub struct Engine {
    /// Added tokens that may stand inside a span.
    others: Others,
    kind: Kind,
}

/// Raised whenever what [`Engine::save`] writes, or what it means, changes.
const FORMAT: u32 = 2;

/// Texts that the engine and the library have to count the same before the engine is used.
const PROBES: [&str; 7] = [
    "Hello, it's 12345 o'clock!  \n\n\tfn main() {}  ",
    " leading and trailing ",
    "e\u{301}te\u{301} Zürich ﬁ ½ 日本語テキスト 안녕 😀👩‍👩‍👧 \u{a0}\u{2028}x",
    "snake_case CamelCase <tag attr=\"v\"/> 3.14e-10 \r\n\r\n \u{0}\u{7f}",
    "हिन्दी العربية עברית ไทย",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "I'M HE'LL we'Ve they'd o'r 'ſ x'ſy\r\n / //\n --\n\n\u{3000}\u{85} Ǆǅǆ ٣٤٥٦ Ⅷ ²",
];

impl Engine {
    /// The engine for a tokenizer that counts the same.
    ///
    /// `tables` are those of its model, if they are at hand. The thread that calls this encodes
    /// with the library, which keeps a cache for the thread until it ends.
    ///
    /// # Errors
    ///
    /// If there is none: the condition of docs/cutting.md that does not hold.
    pub fn of(tokenizer: &Tokenizer, tables: Option<Tables>) -> Result<Self, Unmet> {
        let kind = match tokenizer.get_model() {
            ModelWrapper::BPE(model) => {
                let tables = || tables.or_else(|| Tables::of(model)).ok_or("C1");
                if Pieces::reads(tokenizer) {
                    Kind::Pieces(Box::new(Pieces::of(tokenizer, model, tables()?)?))
                } else {
                    Kind::ByteLevel(Box::new(ByteLevel::of(tokenizer, model, tables)?))
                }
            }
            ModelWrapper::Unigram(model) => Kind::Unigram(Box::new(Unigram::of(tokenizer, model)?)),
            _ => return Err("C15"),
        };
        let engine = Self {
            others: Others::of(tokenizer).ok_or("C13")?,
            kind,
        };
        if engine.agrees(tokenizer) {
            Ok(engine)
        } else {
            Err("C16")
        }
    }

    /// Why the engine knows no places inside a text, if it knows none.
    #[must_use]
    pub fn undivided(&self) -> Option<Unmet> {
        if self.places().is_some() {
            return None;
        }
        Some(match &self.kind {
            _ if !self.others.are_none() => "C13",
            Kind::ByteLevel(kind) => kind.undivided(),
            Kind::Pieces(_) => "C4",
            Kind::Unigram(kind) => kind.undivided(),
        })
    }

    /// What kind of engine this is.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.kind {
            Kind::ByteLevel(_) => "byte-level",
            Kind::Pieces(_) => "pieces",
            Kind::Unigram(_) => "unigram",
        }
    }

    fn agrees(&self, tokenizer: &Tokenizer) -> bool {
        let mut worker = Worker::default();
        let mut memory = Memory {
            worker: &mut worker,
            stop: &AtomicBool::new(false),
        };
        let places = self.places();
        PROBES.iter().all(|probe| {
            let expected = tokenizer.encode_fast(*probe, false);
            let whole = Span {
                text: probe,
                first: true,
                goes_on: false,
            };
            let agrees = match (&expected, self.count(whole, &mut memory)) {
                (Ok(expected), Ok(Some(count))) => expected.len() == count as usize,
                // Left to the library.
                (_, Ok(None)) => true,
                _ => false,
            };
            let cuts = |at: &usize| {
                let places = places.as_ref();
                places.is_some_and(|places| places.is_place(probe.as_bytes(), *at))
            };
            agrees
                && (1..probe.len()).filter(cuts).all(|at| {
                    let (text, later) = probe.split_at(at);
                    let parts = [(text, true), (later, false)].map(|(text, first)| {
                        let goes_on = !first;
                        let span = Span {
                            text,
                            first,
                            goes_on,
                        };
                        self.count(span, &mut memory)
                    });
                    match (&expected, parts) {
                        (Ok(expected), [Ok(Some(one)), Ok(Some(two))]) => {
                            expected.len() == (one + two) as usize
                        }
                        _ => false,
                    }
                })
        })
    }

    /// Pairs of characters between which any text may be cut, if some are known.
    ///
    /// There are none if an added token may stand inside a span: it may look at its neighbours.
    #[must_use]
    pub fn places(&self) -> Option<Places> {
        if !self.others.are_none() {
            return None;
        }
        match &self.kind {
            Kind::ByteLevel(kind) => Places::of(|last, next| kind.may_cut(last, next)),
            Kind::Pieces(kind) => Places::of(|last, next| kind.may_cut(last, next)),
            Kind::Unigram(kind) => Places::of(|last, next| kind.may_cut(last, next)),
        }
    }

    /// Tokens of a span; None if it is left to the library.
    ///
    /// # Errors
    ///
    /// If the call was cancelled, or the library fails on the text.
    pub fn count(&self, span: Span, memory: &mut Memory) -> Result<Option<u32>, String> {
        if span.text.len() > LONGEST_TEXT || self.leaves(span.text) {
            return Ok(None);
        }
        match &self.kind {
            Kind::ByteLevel(kind) => kind.count(span.text, &self.others, memory),
            Kind::Pieces(kind) => kind.count(span, memory).map(Some),
            Kind::Unigram(kind) => kind.count(span.text, memory).map(Some),
        }
    }

    /// Whether a span is left to the library, because an added token stands in it.
    #[must_use]
    pub fn leaves(&self, text: &str) -> bool {
        self.others.are_in(text)
    }

    /// The engine as bytes, for [`Engine::restore`].
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut out = Writer::default();
        let number = match &self.kind {
            Kind::ByteLevel(_) => 0,
            Kind::Pieces(_) => 1,
            Kind::Unigram(_) => 2,
        };
        out.halves(&[FORMAT, number]);
        self.others.save(&mut out);
        match &self.kind {
            Kind::ByteLevel(kind) => kind.save(&mut out),
            Kind::Pieces(kind) => kind.save(&mut out),
            Kind::Unigram(kind) => kind.save(&mut out),
        }
        out.finish()
    }

    /// # Errors
    ///
    /// If the bytes are not those of an engine, or of another version.
    pub fn restore(saved: &[u8]) -> Result<Self, String> {
        let mut saved = Reader::new(saved)?;
        let [FORMAT, number] = *saved.halves()? else {
            return Err("the saved engine is of another version".to_owned());
        };
        let others = Others::restore(&mut saved)?;
        let kind = match number {
            0 => Kind::ByteLevel(Box::new(ByteLevel::restore(&mut saved)?)),
            1 => Kind::Pieces(Box::new(Pieces::restore(&mut saved)?)),
            2 => Kind::Unigram(Box::new(Unigram::restore(&mut saved)?)),
            _ => return Err("the saved engine is of another kind".to_owned()),
        };
        saved.end()?;
        Ok(Self { others, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::{Engine, FORMAT, Memory, PROBES, Span, Worker};
    use crate::engine::saved::Writer;
    use crate::tokenizer::testing;
    use std::sync::atomic::AtomicBool;
    use tokenizers::Tokenizer;
    use tokenizers::normalizers::unicode::NFC;

    fn count(engine: &Engine, text: &str, worker: &mut Worker) -> Option<usize> {
        let mut memory = Memory {
            worker,
            stop: &AtomicBool::new(false),
        };
        let span = Span {
            text,
            first: true,
            goes_on: false,
        };
        let count = engine.count(span, &mut memory).unwrap();
        count.map(|count| count as usize)
    }

    #[test]
    fn spans_are_counted_as_the_tokenizer_counts_them() {
        for normal in [false, true] {
            let mut tokenizer: Tokenizer = testing::byte_level(&["<a>", "right:<r>"]);
            if normal {
                tokenizer.with_normalizer(Some(NFC)).unwrap();
            }
            let engine = Engine::of(&tokenizer, None).unwrap();
            let restored = Engine::restore(&engine.save()).unwrap();
            let mut worker = Worker::default();
            for text in PROBES.iter().chain(&["", " ", "x", "thethe the"]) {
                let expected = tokenizer.encode_fast(*text, false).unwrap().len();
                for _ in 0..2 {
                    assert_eq!(count(&engine, text, &mut worker), Some(expected));
                    assert_eq!(count(&restored, text, &mut worker), Some(expected));
                }
            }
        }
    }

    #[test]
    fn a_span_with_an_added_token_is_left_to_the_library() {
        let added = ["word:<w>", "normalized:<e\u{301}>"];
        let mut tokenizer = testing::byte_level(&added);
        tokenizer.with_normalizer(Some(NFC)).unwrap();
        let engine = Engine::of(&tokenizer, None).unwrap();
        let engine = Engine::restore(&engine.save()).unwrap();
        let mut worker = Worker::default();
        for text in ["a<w>", "<e\u{301}>", "<é>"] {
            assert_eq!(count(&engine, text, &mut worker), None);
        }
        assert_eq!(count(&engine, "<w", &mut worker), Some(2));
    }

    #[test]
    fn other_tokenizers_have_no_engine() {
        assert!(Engine::of(&testing::tokenizer(&["<a>"]), None).is_err_and(|unmet| unmet == "C15"));
    }

    #[test]
    fn bytes_of_another_version_or_kind_are_no_engine() {
        for numbers in [[FORMAT + 1, 0], [FORMAT, 99]] {
            let mut out = Writer::default();
            out.halves(&numbers);
            out.words(&[0]);
            assert!(Engine::restore(&out.finish()).is_err());
        }
        let saved = Engine::of(&testing::byte_level(&["<a>"]), None)
            .unwrap()
            .save();
        assert!(Engine::restore(&saved).is_ok());
        assert!(Engine::restore(&saved[..saved.len() - 1]).is_err());
        assert!(Engine::restore(&[]).is_err());
    }
}
