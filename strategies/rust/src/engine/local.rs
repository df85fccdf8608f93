//! Normalizers whose work on one part of a text does not depend on the other parts.
//!
//! Most text is ASCII that a normalizer leaves alone or changes letter by letter. A table, asked
//! of the library once, answers for such text. Any other text goes through the library.

use serde_json::Value;
use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};

use super::saved::{Reader, Writer};

/// In the table: a character that is left to the library.
const OTHER: u8 = 0xff;

/// The expression with which converted models join the spaces of a run.
const RUNS: &str = " {2,}";

/// A normalizer that works on each part of a text alone.
#[derive(Debug)]
pub struct Local {
    steps: Vec<NormalizerWrapper>,
    /// What an ASCII character becomes, wherever it stands.
    ascii: [u8; 128],
    /// What a run of spaces becomes, after all other steps.
    joined: Option<char>,
    has_charsmap: bool,
}

impl Local {
    /// Reads a normalizer. Returns None if it may look at more than a part of the text.
    ///
    /// These steps are known, and why a text may be divided before a character `b`:
    ///
    /// - `NFC`, `NFD`, `NFKC`, `NFKD`: `b` is ASCII, so it begins a sequence that is composed or
    ///   reordered, and is never part of the one before.
    /// - `Precompiled`: it maps each grapheme cluster alone. Between two ASCII characters there
    ///   always is a boundary, except in `\r\n`. [`Local::begins_cluster`] says where else.
    /// - `Nmt`, `Lowercase`, and `Replace` of one character: they map each character alone.
    /// - `Replace` of a run of spaces, as the last step: see [`Local::joined`].
    #[must_use]
    pub fn of(normalizer: Option<&NormalizerWrapper>) -> Option<Self> {
        let mut steps = Vec::new();
        flatten(normalizer, &mut steps);
        Self::of_steps(steps)
    }

    fn of_steps(steps: Vec<NormalizerWrapper>) -> Option<Self> {
        let mut joined = None;
        let mut has_charsmap = false;
        for step in &steps {
            if joined.is_some() {
                return None;
            }
            match step {
                NormalizerWrapper::NFC(_)
                | NormalizerWrapper::NFD(_)
                | NormalizerWrapper::NFKC(_)
                | NormalizerWrapper::NFKD(_)
                | NormalizerWrapper::Nmt(_)
                | NormalizerWrapper::Lowercase(_) => {}
                NormalizerWrapper::Precompiled(_) => has_charsmap = true,
                NormalizerWrapper::Replace(replace) => {
                    let replace = serde_json::to_value(replace).ok()?;
                    match &replace["pattern"] {
                        Value::Object(pattern) if pattern.contains_key("String") => {
                            if pattern["String"].as_str()?.chars().count() != 1 {
                                return None;
                            }
                        }
                        pattern => {
                            let content = [' ', '▁']
                                .into_iter()
                                .find(|each| replace["content"] == each.to_string());
                            if pattern["Regex"] != RUNS || content.is_none() {
                                return None;
                            }
                            joined = content;
                        }
                    }
                }
                _ => return None,
            }
        }
        let mut ascii = [OTHER; 128];
        for (byte, becomes) in (0_u8..).zip(&mut ascii) {
            // `\r\n` is one cluster.
            if byte != b'\r' {
                *becomes = steps
                    .iter()
                    .try_fold(byte, |byte, step| alone(step, byte))
                    .unwrap_or(OTHER);
            }
        }
        Some(Self {
            steps,
            ascii,
            joined,
            has_charsmap,
        })
    }

    /// Whether it changes no text.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.steps.is_empty()
    }

    /// What a run of spaces becomes, if it is joined. Such a run must not be divided.
    #[must_use]
    pub fn joined(&self) -> Option<char> {
        self.joined
    }

    /// Whether it maps clusters of characters by a table.
    #[must_use]
    pub fn has_charsmap(&self) -> bool {
        self.has_charsmap
    }

    /// The character that an ASCII character becomes wherever it stands, if it is one.
    #[must_use]
    pub fn ascii(&self, byte: u8) -> Option<u8> {
        self.ascii
            .get(usize::from(byte))
            .copied()
            .filter(|becomes| *becomes != OTHER)
    }

    /// Replaces `out` by the normal form of `text`.
    ///
    /// # Errors
    ///
    /// If the library cannot normalize it.
    pub fn write(&self, text: &str, out: &mut String) -> Result<(), String> {
        out.clear();
        if self.steps.is_empty() {
            out.push_str(text);
            return Ok(());
        }
        if self.write_ascii(text, out) {
            return Ok(());
        }
        out.clear();
        if let [NormalizerWrapper::Precompiled(map)] = self.steps.as_slice() {
            out.push_str(&map.normalize_string(text));
            return Ok(());
        }
        let mut normalized = NormalizedString::from(text);
        for step in &self.steps {
            step.normalize(&mut normalized)
                .map_err(|error| error.to_string())?;
        }
        out.push_str(normalized.get());
        Ok(())
    }

    /// Returns false if the table does not answer for the whole text.
    fn write_ascii(&self, text: &str, out: &mut String) -> bool {
        let mut before = 0;
        for byte in text.bytes() {
            let becomes = self.ascii.get(usize::from(byte)).copied();
            let Some(becomes) = becomes.filter(|becomes| *becomes != OTHER) else {
                return false;
            };
            if self.joined.is_some() && becomes == b' ' && before == b' ' {
                return false;
            }
            before = becomes;
            out.push(char::from(becomes));
        }
        true
    }

    pub fn save(&self, out: &mut Writer) {
        // The library writes every step that it has read.
        out.bytes(&serde_json::to_vec(&self.steps).unwrap_or_default());
    }

    /// # Errors
    ///
    /// If the bytes are no such normalizer.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let steps = serde_json::from_str(saved.text()?).map_err(|error| error.to_string())?;
        Self::of_steps(steps).ok_or_else(|| "the saved normalizer is damaged".to_owned())
    }

    /// Whether a space after `character` begins a grapheme cluster.
    ///
    /// It does after all characters that do not prepend. Those that do are rare, so whole ranges
    /// around them are left out.
    #[must_use]
    pub fn begins_cluster(character: char) -> bool {
        matches!(u32::from(character), 0..0x600 | 0x900..0xd00 | 0xe00..=0xffff)
    }
}

fn flatten(normalizer: Option<&NormalizerWrapper>, steps: &mut Vec<NormalizerWrapper>) {
    match normalizer {
        Some(NormalizerWrapper::Sequence(sequence)) => {
            for step in sequence.as_ref() {
                flatten(Some(step), steps);
            }
        }
        Some(step) => steps.push(step.clone()),
        None => {}
    }
}

/// What a step makes of one ASCII character, if that is again one.
fn alone(step: &NormalizerWrapper, byte: u8) -> Option<u8> {
    let mut normalized = NormalizedString::from(char::from(byte).to_string());
    step.normalize(&mut normalized).ok()?;
    match normalized.get().as_bytes() {
        [becomes @ 0..0x80] => Some(*becomes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Local;
    use tokenizers::normalizers::replace::ReplacePattern;
    use tokenizers::normalizers::{Lowercase, NFKC, Nmt, Replace, Sequence, Strip};
    use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};

    fn library(normalizer: &NormalizerWrapper, text: &str) -> String {
        let mut normalized = NormalizedString::from(text);
        normalizer.normalize(&mut normalized).unwrap();
        normalized.get().to_owned()
    }

    fn runs(content: &str) -> NormalizerWrapper {
        let pattern = ReplacePattern::Regex(" {2,}".to_owned());
        Replace::new(pattern, content).unwrap().into()
    }

    #[test]
    fn text_becomes_what_the_library_makes_of_it() {
        let space = Replace::new(" ", "▁").unwrap();
        for steps in [
            vec![],
            vec![Nmt.into(), NFKC.into(), runs(" ")],
            vec![Lowercase.into(), space.into()],
            vec![NormalizerWrapper::NFKC(NFKC), runs("▁")],
        ] {
            let sequence = NormalizerWrapper::Sequence(Sequence::new(steps));
            let normal = Local::of(Some(&sequence)).unwrap();
            let mut out = String::new();
            for text in [
                "",
                "a b",
                "A  b\n\n c\r\n",
                "ﬁ e\u{301}  ½\u{200b} x",
                "\u{1} \u{7f}",
            ] {
                normal.write(text, &mut out).unwrap();
                assert_eq!(out, library(&sequence, text));
            }
        }
    }

    #[test]
    fn what_looks_further_is_refused() {
        let refused = |step: NormalizerWrapper| Local::of(Some(&step)).is_none();
        assert!(refused(Strip::new(true, true).into()));
        assert!(refused(Replace::new("ab", "c").unwrap().into()));
        let pattern = ReplacePattern::Regex(r"\s+".to_owned());
        assert!(refused(Replace::new(pattern, " ").unwrap().into()));
        let sequence = Sequence::new(vec![runs(" "), Nmt.into()]);
        assert!(refused(NormalizerWrapper::Sequence(sequence)));
    }
}
