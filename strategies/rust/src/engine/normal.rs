//! The normalizer of a tokenizer, passed over where it changes nothing.

use std::borrow::Cow;

use serde_json::Value;
use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};
use unicode_normalization_alignments::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::composing::COMPOSING;
use super::saved::{Reader, Writer};

/// Normalizes as the library does.
#[derive(Debug)]
pub struct Normal {
    /// None if it changes no text.
    library: Option<NormalizerWrapper>,
    /// Whether it changes nothing in ASCII text.
    keeps_ascii: bool,
    /// What it may change, if it is NFC.
    composing: Option<Composing>,
}

/// A bit for each character that may change in NFC, or with which an earlier one may.
///
/// A text of other characters is its own NFC: that is the quick check of Unicode's Annex 15.
#[derive(Debug)]
struct Composing(Box<[u64]>);

impl Composing {
    fn new() -> Self {
        let end = COMPOSING.last().map_or(0, |range| range.1);
        let mut bits = vec![0; (end as usize).div_ceil(64)];
        for code in COMPOSING.iter().flat_map(|(start, end)| *start..*end) {
            bits[code as usize / 64] |= 1 << (code % 64);
        }
        Self(bits.into())
    }

    #[inline]
    fn has(&self, character: char) -> bool {
        let code = u32::from(character);
        let bits = self.0.get(code as usize / 64);
        bits.is_some_and(|bits| bits >> (code % 64) & 1 == 1)
    }

    /// The NFC of a text, which is the text itself if it has none of these characters.
    ///
    /// Nothing is composed or reordered over the start of another character. So only the pieces
    /// are normalized that begin with one of those and go on with characters that may change.
    fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut out = String::new();
        // Up to here the text is done, and here the piece at hand begins.
        let (mut done, mut start) = (0, 0);
        let mut changes = false;
        for (at, character) in text.char_indices() {
            if self.has(character) {
                changes = true;
                continue;
            }
            if changes {
                changes = false;
                Self::piece(text, &mut done, start, at, &mut out);
            }
            start = at;
        }
        if changes {
            Self::piece(text, &mut done, start, text.len(), &mut out);
        }
        if done == 0 {
            return text.into();
        }
        out.push_str(&text[done..]);
        out.into()
    }

    /// Normalizes a piece, and puts it after what comes before it, unless it is normal already.
    fn piece(text: &str, done: &mut usize, start: usize, end: usize, out: &mut String) {
        let piece = &text[start..end];
        if is_nfc_quick(piece.chars()) == IsNormalized::Yes {
            return;
        }
        out.push_str(&text[*done..start]);
        out.extend(piece.nfc().map(|(character, _)| character));
        *done = end;
    }
}

impl Normal {
    #[must_use]
    pub fn of(normalizer: Option<&NormalizerWrapper>) -> Option<Self> {
        let Some(normalizer) = normalizer else {
            return Some(Self {
                library: None,
                keeps_ascii: true,
                composing: None,
            });
        };
        let written = serde_json::to_value(normalizer).ok()?;
        let steps = steps(&written)?;
        let unicode = |step: &&str| matches!(*step, "NFC" | "NFD" | "NFKC" | "NFKD");
        Some(Self {
            library: (!steps.is_empty()).then(|| normalizer.clone()),
            keeps_ascii: steps.iter().all(unicode),
            composing: (steps == ["NFC"]).then(Composing::new),
        })
    }

    /// Whether what stands before an ASCII character and what begins with it are normalized
    /// alone. A Unicode form composes and reorders nothing over it.
    pub fn parts_at_ascii(&self) -> bool {
        self.keeps_ascii
    }

    /// # Errors
    ///
    /// If the library cannot normalize it.
    pub fn apply<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, String> {
        let Some(normalizer) = &self.library else {
            return Ok(text.into());
        };
        if self.keeps_ascii && text.is_ascii() {
            return Ok(text.into());
        }
        if let Some(composing) = &self.composing {
            return Ok(composing.apply(text));
        }
        let mut normalized = NormalizedString::from(text);
        normalizer
            .normalize(&mut normalized)
            .map_err(|error| error.to_string())?;
        Ok(normalized.get().to_owned().into())
    }

    pub fn save(&self, out: &mut Writer) {
        let written = self.library.as_ref().map(serde_json::to_string);
        // It was written before, when the engine was made.
        let written = written.and_then(Result::ok).unwrap_or_default();
        out.bytes(written.as_bytes());
    }

    /// # Errors
    ///
    /// If the bytes are no normalizer.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let library = match saved.text()? {
            "" => None,
            written => Some(serde_json::from_str(written).map_err(|error| error.to_string())?),
        };
        Self::of(library.as_ref()).ok_or_else(|| "the normalizer is damaged".to_owned())
    }
}

/// The types of all steps of a normalizer, those of sequences inside one another.
fn steps(normalizer: &Value) -> Option<Vec<&str>> {
    match normalizer["type"].as_str()? {
        "Sequence" => {
            let inner = normalizer["normalizers"].as_array()?;
            let inner: Option<Vec<_>> = inner.iter().map(steps).collect();
            Some(inner?.concat())
        }
        other => Some(vec![other]),
    }
}

#[cfg(test)]
mod tests {
    use super::{COMPOSING, Composing, Normal};
    use crate::engine::saved::{Reader, Writer};
    use crate::engine::testing::Random;
    use std::fmt::Write;
    use tokenizers::normalizers::replace::Replace;
    use tokenizers::normalizers::unicode::{NFC, NFKD};
    use tokenizers::normalizers::utils::{Lowercase, Sequence};
    use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};
    use unicode_normalization_alignments::char::canonical_combining_class;
    use unicode_normalization_alignments::{IsNormalized, is_nfc_quick};

    fn changing() -> Vec<(u32, u32)> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for character in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let quick = is_nfc_quick(std::iter::once(character));
            let inert = canonical_combining_class(character) == 0 && quick == IsNormalized::Yes;
            let code = u32::from(character);
            match ranges.last_mut() {
                _ if inert => {}
                Some(range) if range.1 == code => range.1 += 1,
                _ => ranges.push((code, code + 1)),
            }
        }
        ranges
    }

    #[test]
    fn every_character_that_may_change_is_known() {
        assert!(COMPOSING == changing(), "run `table_is_written`");
    }

    /// Writes `composing.rs` anew, for another version of the library.
    #[test]
    #[ignore = "it changes a source file"]
    fn table_is_written() {
        let mut out = "//! Characters that may change in NFC; `normal.rs` writes this file.\n\n\
             /// Starts, and ends that are not in it.\n\
             #[rustfmt::skip]\npub const COMPOSING: &[(u32, u32)] = &[\n"
            .to_owned();
        for line in changing().chunks(5) {
            let ranges: Vec<String> = line
                .iter()
                .map(|(start, end)| format!("(0x{start:x}, 0x{end:x})"))
                .collect();
            writeln!(out, "    {},", ranges.join(", ")).unwrap();
        }
        out.push_str("];\n");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/engine/composing.rs");
        std::fs::write(file, out).unwrap();
    }

    fn assert_normal(library: Option<&NormalizerWrapper>, pool: &[char], changes: bool) {
        let normal = Normal::of(library).unwrap();
        let mut out = Writer::default();
        normal.save(&mut out);
        let saved = out.finish();
        let restored = Normal::restore(&mut Reader::new(&saved).unwrap()).unwrap();
        let mut random = Random::new(8);
        let mut changed = false;
        for _ in 0..2_000 {
            let text: String = (0..random.below(9)).map(|_| *random.choose(pool)).collect();
            let mut expected = NormalizedString::from(text.as_str());
            if let Some(library) = library {
                library.normalize(&mut expected).unwrap();
            }
            assert_eq!(normal.apply(&text).unwrap(), expected.get(), "{text:?}");
            assert_eq!(restored.apply(&text).unwrap(), expected.get());
            changed |= text != expected.get();
        }
        assert_eq!(changed, changes);
    }

    #[test]
    fn texts_are_normalized_as_the_library_normalizes_them() {
        let composing = Composing::new();
        let all = || (0..=u32::from(char::MAX)).filter_map(char::from_u32);
        let inert: Vec<char> = all().filter(|one| !composing.has(*one)).collect();
        let edges: Vec<char> = COMPOSING
            .iter()
            .flat_map(|(start, end)| [start.wrapping_sub(1), *start, *end - 1, *end])
            .filter_map(char::from_u32)
            .chain("aeE\u{ac01}\u{1100}\u{1161}\u{11a8} ".chars())
            .collect();
        let lower = Sequence::new(vec![NFC.into(), Lowercase.into()]);
        let blank = Replace::new(" ", "_").unwrap();
        assert_normal(Some(&NFC.into()), &inert, false);
        assert_normal(Some(&NFC.into()), &edges, true);
        assert_normal(Some(&NFKD.into()), &edges, true);
        assert_normal(Some(&lower.into()), &['A', 'e', '\u{301}'], true);
        assert_normal(Some(&blank.into()), &['A', ' '], true);
        assert_normal(Some(&Sequence::new(vec![]).into()), &edges, false);
        assert_normal(None, &edges, false);
    }
}
