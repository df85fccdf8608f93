//! Normalizers whose work on one part of a text does not depend on the other parts.
//!
//! Most text is ASCII that a normalizer leaves alone or changes letter by letter. A table, asked
//! of the library once, answers for such text. Any other text goes through the library.

use serde_json::Value;
use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};

use super::saved::{Reader, Writer};

/// In the tables: a character that is left to the library.
const OTHER: u8 = 0xff;
const OTHER_LETTER: u16 = 0;

/// Letters and signs beyond ASCII that stand alone under the Unicode forms: none combines with a
/// character before it, and the only one that is reordered is the Devanagari virama, which is
/// alike to itself. Each of them is asked of the library once.
const LETTERS: [(u16, u16); 16] = [
    (0xc0, 0x24f),
    (0x391, 0x3ce),
    (0x400, 0x481),
    (0x48a, 0x52f),
    (0x531, 0x556),
    (0x561, 0x587),
    (0x5d0, 0x5ea),
    (0x620, 0x64a),
    (0x900, 0x939),
    (0x93d, 0x94d),
    (0x1e00, 0x1eff),
    (0x2010, 0x2027),
    (0x3001, 0x3011),
    (0x3041, 0x3096),
    (0x30a1, 0x30fc),
    (0xff01, 0xff5e),
];

/// Whether a character is an ideograph that no Unicode form changes. Asking the library for each
/// would take longer than it saves.
fn is_ideograph(character: char) -> bool {
    matches!(u32::from(character), 0x3400..=0x4dbf | 0x4e00..=0x9fff)
}

/// Whether a character is a Hangul syllable, which only the decomposed forms change.
fn is_hangul(character: char) -> bool {
    matches!(u32::from(character), 0xac00..=0xd7a3)
}

/// The expression with which converted models join the spaces of a run.
const RUNS: &str = " {2,}";

/// A normalizer that works on each part of a text alone.
#[derive(Debug)]
pub struct Local {
    steps: Vec<NormalizerWrapper>,
    /// What an ASCII character becomes, wherever it stands.
    ascii: [u8; 128],
    /// What the characters of [`LETTERS`] become, one range after the other. Empty if there is a
    /// charsmap, which may combine characters in other ways.
    letters: Box<[u16]>,
    keeps_hangul: bool,
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
    /// - `Nmt`, `Lowercase`, and `Replace` of one ASCII character: they map each character alone.
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
                            let text = pattern["String"].as_str()?;
                            if text.chars().count() != 1 || !text.is_ascii() {
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
                let found = alone(&steps, char::from(byte), |each| each.is_ascii());
                *becomes = found
                    .and_then(|found| u8::try_from(found).ok())
                    .unwrap_or(OTHER);
            }
        }
        let letters = LETTERS.iter().flat_map(|(first, last)| *first..=*last);
        let known = |each: char| each.is_ascii() || letter(each).is_some();
        let becomes = |letter: u16| {
            let found = alone(&steps, char::from_u32(u32::from(letter))?, known)?;
            u16::try_from(u32::from(found)).ok()
        };
        let letters = letters
            .filter(|_| !has_charsmap && !steps.is_empty())
            .map(|letter| becomes(letter).unwrap_or(OTHER_LETTER))
            .collect();
        let decomposes = |step: &NormalizerWrapper| {
            matches!(step, NormalizerWrapper::NFD(_) | NormalizerWrapper::NFKD(_))
        };
        Some(Self {
            keeps_hangul: !steps.iter().any(decomposes),
            steps,
            ascii,
            letters,
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
        if self.write_known(text, out) {
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

    /// Returns false if the tables do not answer for the whole text.
    fn write_known(&self, text: &str, out: &mut String) -> bool {
        let mut before = '\0';
        for character in text.chars() {
            let becomes = match u8::try_from(character) {
                Ok(byte @ 0..0x80) => self.ascii(byte).map(char::from),
                _ => self.letter(character),
            };
            let Some(becomes) = becomes else {
                return false;
            };
            if self.joined.is_some() && becomes == ' ' && before == ' ' {
                return false;
            }
            before = becomes;
            out.push(becomes);
        }
        true
    }

    fn letter(&self, character: char) -> Option<char> {
        if self.letters.is_empty() {
            return None;
        }
        if is_ideograph(character) || self.keeps_hangul && is_hangul(character) {
            return Some(character);
        }
        let becomes = self.letters[letter(character)?];
        char::from_u32(u32::from(becomes)).filter(|_| becomes != OTHER_LETTER)
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

/// The place of a character in the table of [`LETTERS`].
fn letter(character: char) -> Option<usize> {
    let code = u16::try_from(u32::from(character)).ok()?;
    let mut place = 0;
    for (first, last) in LETTERS {
        if code < first {
            return None;
        }
        if code <= last {
            return Some(place + usize::from(code - first));
        }
        place += usize::from(last - first) + 1;
    }
    None
}

/// What the steps make of one character, if each makes one that is known to stand alone, too.
fn alone(
    steps: &[NormalizerWrapper],
    character: char,
    known: impl Fn(char) -> bool,
) -> Option<char> {
    steps.iter().try_fold(character, |character, step| {
        let mut normalized = NormalizedString::from(character.to_string());
        step.normalize(&mut normalized).ok()?;
        let mut becomes = normalized.get().chars();
        let first = becomes.next().filter(|first| known(*first))?;
        becomes.next().is_none().then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::Local;
    use crate::engine::testing::Random;
    use tokenizers::normalizers::replace::ReplacePattern;
    use tokenizers::normalizers::{Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Replace, Sequence, Strip};
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
    fn text_of_known_characters_becomes_what_the_library_makes_of_it() {
        let mut random = Random::new(4);
        for steps in [
            vec![Nmt.into(), NFKC.into(), runs(" ")],
            vec![NFC.into()],
            vec![NFD.into(), Lowercase.into()],
            vec![NFKD.into(), NFC.into()],
        ] {
            let sequence = NormalizerWrapper::Sequence(Sequence::new(steps));
            let normal = Local::of(Some(&sequence)).unwrap();
            let mut out = String::new();
            let known = |each: &char| normal.write_known(&each.to_string(), &mut String::new());
            let characters: Vec<char> = ('\0'..='\u{ffff}').filter(known).collect();
            assert!(characters.len() > 28_000);
            // Each beside some other, and then in many orders.
            for text in characters.chunks(100) {
                let text: String = text.iter().collect();
                normal.write(&text, &mut out).unwrap();
                assert_eq!(out, library(&sequence, &text), "{text:?}");
            }
            for _ in 0..1000 {
                let text: String = (0..20).map(|_| *random.choose(&characters)).collect();
                normal.write(&text, &mut out).unwrap();
                assert_eq!(out, library(&sequence, &text), "{text:?}");
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
