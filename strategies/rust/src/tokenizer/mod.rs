//! A loaded tokenizer: finds the markers of a prompt and counts the spans between them.

pub mod library;
pub mod load;
pub mod markers;
pub mod sentencepiece;
#[cfg(test)]
pub mod testing;
pub mod told;

use std::thread::Builder;

use tokenizers::Tokenizer;

use crate::engine::Engine;
use crate::engine::bpe::Tables;
use crate::engine::memory::Memory;
use crate::engine::saved::{Reader, Writer};
use crate::engine::span::Span;
use crate::fault::panic_message;
use library::{Json, Library};
use markers::{Cutter, EDGE, INSIDE, Marker, is_token};

/// What counts the spans of prompts.
pub trait SpanLengths: Send + Sync {
    /// Finds the markers.
    fn cutter(&self) -> &Cutter;

    /// Kind of the engine that counts spans; None if the library counts them.
    fn engine(&self) -> Option<&'static str>;

    /// Number of entries in the model's vocabulary.
    fn vocabulary(&self) -> usize;

    /// All but the library's tokenizer as bytes, if it takes long to make anew.
    fn save(&self) -> Option<Vec<u8>> {
        None
    }

    /// Tokens of `text` between two cuts, without those of the markers.
    ///
    /// # Errors
    ///
    /// If the model cannot encode it.
    fn count_span(
        &self,
        before: Marker,
        text: &str,
        after: Marker,
        memory: &mut Memory,
    ) -> Result<u32, String>;

    /// Ids of a part of a text, and of the marker after it.
    ///
    /// # Errors
    ///
    /// If the model cannot encode it, or ids are not made here.
    fn ids(&self, part: Part) -> Result<Vec<u32>, String>;
}

/// A part of a text, from a cut to a cut.
#[derive(Debug, Clone, Copy)]
pub struct Part<'t> {
    pub before: Marker,
    /// The character before it if it begins at a place inside a text.
    pub lead: &'t str,
    pub text: &'t str,
    pub after: Marker,
}

/// Raised whenever what [`SpanLengths::save`] writes, or what it means, changes.
const FORMAT: u64 = 2;

/// A tokenizer of the tokenizers library.
#[derive(Debug)]
pub struct SpanCounter {
    library: Library,
    vocabulary: usize,
    cutter: Cutter,
    engine: Option<Engine>,
}

impl SpanCounter {
    /// Loads a tokenizer from its JSON.
    ///
    /// # Errors
    ///
    /// If the JSON is no tokenizer that can count.
    pub fn new(json: &str, encode_special_tokens: bool) -> Result<Self, String> {
        let (tokenizer, tables) = library::read(json, encode_special_tokens)?;
        Self::of(tokenizer, tables)
    }

    /// Takes a tokenizer that neither truncates nor pads, and the tables of its model if they
    /// are at hand.
    ///
    /// # Errors
    ///
    /// If it cannot be searched for markers.
    pub fn of(tokenizer: Tokenizer, tables: Option<Tables>) -> Result<Self, String> {
        let mut cutter = Cutter::new(&tokenizer)?;
        // The library keeps a cache for each model and thread until the thread ends, so the
        // caller's thread must never encode.
        let engine = std::thread::scope(|scope| {
            let started =
                Builder::new().spawn_scoped(scope, || Engine::of(&tokenizer, tables).ok());
            let thread = started.map_err(|error| format!("no thread can be started: {error}"))?;
            thread.join().map_err(|panic| panic_message(&*panic))
        })?;
        cutter.cut_inside(engine.as_ref().and_then(Engine::places));
        Ok(Self {
            vocabulary: tokenizer.get_vocab_size(false),
            library: Library::of(tokenizer),
            cutter,
            engine,
        })
    }

    /// Makes the counter again that was saved; `json` returns the JSON of its tokenizer.
    ///
    /// The library loads the tokenizer only if there is a text that the engine leaves to it.
    ///
    /// # Errors
    ///
    /// If the bytes are not those of a counter, or of another version.
    pub fn restore(saved: &[u8], json: Json) -> Result<Self, String> {
        let mut saved = Reader::new(saved)?;
        let [FORMAT, vocabulary, splits] = *saved.words()? else {
            return Err("the saved counter is of another version".to_owned());
        };
        let mut cutter = Cutter::restore(&mut saved)?;
        let engine = saved.bytes()?;
        let engine = if engine.is_empty() {
            None
        } else {
            Some(Engine::restore(engine)?)
        };
        saved.end()?;
        cutter.cut_inside(engine.as_ref().and_then(Engine::places));
        Ok(Self {
            library: Library::later(json, splits != 0),
            vocabulary: usize::try_from(vocabulary).map_err(|error| error.to_string())?,
            cutter,
            engine,
        })
    }

    /// Tokens of a whole text, markers included.
    ///
    /// # Errors
    ///
    /// If the model cannot encode it.
    pub fn encode(&self, text: &str) -> Result<usize, String> {
        self.library
            .get()?
            .encode_fast(text, false)
            .map(|encoding| encoding.len())
            .map_err(|error| error.to_string())
    }
}

impl SpanLengths for SpanCounter {
    fn cutter(&self) -> &Cutter {
        &self.cutter
    }

    fn engine(&self) -> Option<&'static str> {
        self.engine.as_ref().map(Engine::name)
    }

    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn save(&self) -> Option<Vec<u8>> {
        let mut out = Writer::default();
        let splits = u64::from(self.library.splits_special_tokens());
        out.words(&[FORMAT, self.vocabulary as u64, splits]);
        self.cutter.save(&mut out);
        // Empty if everything is left to the library.
        out.bytes(&self.engine.as_ref().map(Engine::save).unwrap_or_default());
        Some(out.finish())
    }

    fn count_span(
        &self,
        before: Marker,
        text: &str,
        after: Marker,
        memory: &mut Memory,
    ) -> Result<u32, String> {
        if text.is_empty() {
            return Ok(0);
        }
        if let Some(engine) = &self.engine {
            let kept = self.cutter.stripped(before, text, after);
            // White space that is stripped here may be an added token, which keeps it.
            if kept.len() == text.len() || !engine.leaves(text) {
                if kept.is_empty() {
                    return Ok(0);
                }
                let span = Span {
                    text: kept,
                    first: before == EDGE,
                    goes_on: before == INSIDE,
                };
                if let Some(count) = engine.count(span, memory)? {
                    return Ok(count);
                }
            }
        }
        if before == INSIDE || after == INSIDE {
            return Err("only the engine counts a part of a text".to_owned());
        }
        let around = usize::from(is_token(before)) + usize::from(is_token(after));
        let count = if around == 0 {
            self.encode(text)?
        } else {
            let (left, right) = (self.cutter.text(before), self.cutter.text(after));
            let mut whole = String::with_capacity(left.len() + text.len() + right.len());
            whole.push_str(left);
            whole.push_str(text);
            whole.push_str(right);
            self.encode(&whole)?
        };
        count
            .checked_sub(around)
            .and_then(|count| u32::try_from(count).ok())
            .ok_or_else(|| "a marker is no token of its own".to_owned())
    }

    fn ids(&self, part: Part) -> Result<Vec<u32>, String> {
        // At a place inside a text the ids are those of what stands before it, and then those of
        // what stands after it, whatever that is. So one character before it is enough.
        let (left, skipped) = match part.before {
            EDGE => ("", 0),
            INSIDE => (part.lead, self.encode(part.lead)?),
            marker => (self.cutter.text(marker), 1),
        };
        let whole = [left, part.text, self.cutter.text(part.after)].concat();
        let encoding = self.library.get()?.encode_fast(whole, false);
        let encoding = encoding.map_err(|error| error.to_string())?;
        let ids = encoding.get_ids().get(skipped..);
        ids.map(<[u32]>::to_vec)
            .ok_or_else(|| "a marker is no token of its own".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::markers::EDGE;

    use super::{SpanCounter, SpanLengths, testing};
    use crate::engine::memory::{Memory, Worker};

    fn count(counter: &SpanCounter, text: &str) -> Result<u32, String> {
        let mut memory = Memory {
            worker: &mut Worker::default(),
            stop: &AtomicBool::new(false),
        };
        counter.count_span(EDGE, text, 0, &mut memory)
    }

    #[test]
    fn a_saved_counter_loads_the_library_only_for_what_the_engine_leaves_to_it() {
        for added in [["<a>", "right:<r>"], ["<a>", "word:<w>"]] {
            let tokenizer = testing::byte_level(&added);
            let json = tokenizer.to_string(false).unwrap();
            let counter = SpanCounter::of(tokenizer, None).unwrap();
            let loads = Arc::new(AtomicUsize::new(0));
            let asked = Arc::clone(&loads);
            let load = move || {
                asked.fetch_add(1, Ordering::Relaxed);
                Ok(json.clone())
            };
            let restored = SpanCounter::restore(&counter.save().unwrap(), Box::new(load)).unwrap();
            assert_eq!(restored.vocabulary(), counter.vocabulary());
            assert_eq!(restored.save(), counter.save());
            for text in ["the the", "  x\n", "e"] {
                assert_eq!(count(&restored, text), count(&counter, text));
            }
            assert_eq!(loads.load(Ordering::Relaxed), 0);
            for text in ["a <w> b", "the <w>"] {
                assert_eq!(count(&restored, text), count(&counter, text));
            }
            let needed = usize::from(added[1] == "word:<w>");
            assert_eq!(loads.load(Ordering::Relaxed), needed);
        }
    }

    #[test]
    fn white_space_that_is_stripped_may_be_an_added_token() {
        let counter = SpanCounter::of(testing::byte_level(&["left:<l>", "word:  "]), None).unwrap();
        assert!(counter.engine.is_some());
        for text in [" ", "  ", "   ", "    ", "the   "] {
            let whole = counter.encode(&format!("{text}<l>")).unwrap();
            assert_eq!(
                count(&counter, text).map(|count| count as usize + 1),
                Ok(whole),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_counter_without_an_engine_is_saved_too() {
        let tokenizer = testing::tokenizer(&["<a>", "left:<l>", "normalized:<n>"]);
        let json = tokenizer.to_string(false).unwrap();
        let counter = SpanCounter::of(tokenizer, None).unwrap();
        let restored =
            SpanCounter::restore(&counter.save().unwrap(), Box::new(move || Ok(json.clone())));
        let restored = restored.unwrap();
        for text in ["the <n> the", "x"] {
            assert_eq!(count(&restored, text), count(&counter, text));
        }
    }

    #[test]
    fn a_tokenizer_that_cannot_be_loaded_again_fails_its_texts() {
        let counter = SpanCounter::of(testing::tokenizer(&["<a>"]), None).unwrap();
        let load = || Err("gone".to_owned());
        let restored = SpanCounter::restore(&counter.save().unwrap(), Box::new(load)).unwrap();
        assert_eq!(count(&restored, "the"), Err("gone".to_owned()));
    }

    #[test]
    fn bytes_that_are_changed_or_cut_off_are_no_counter() {
        let saved = SpanCounter::of(testing::byte_level(&["<a>"]), None)
            .unwrap()
            .save()
            .unwrap();
        let restore = |saved: &[u8]| SpanCounter::restore(saved, Box::new(|| Err(String::new())));
        assert!(restore(&saved).is_ok());
        assert!(restore(&saved[..saved.len() - 1]).is_err());
        for place in 0..saved.len() {
            let mut other = saved.clone();
            other[place] ^= 4;
            assert!(restore(&other).is_err(), "byte {place}");
        }
    }
}
