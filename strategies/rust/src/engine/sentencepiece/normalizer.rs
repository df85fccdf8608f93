//! Normalizes a text as a model does before it divides it into pieces.
//!
//! From left to right, the longest rule that matches replaces what it matches. Where a user-defined
//! piece stands, no rule is looked for. Then come the rules for spaces.

use super::file::Rules;
use super::search::longest;
use crate::engine::trie::Trie;

/// What stands for a space inside the model.
const ESCAPED: &str = "▁";

/// Rules of replacement, as the file holds them.
///
/// The file begins with the length of a double-array trie in bytes. Then come the trie (the format
/// is that of Darts-clone) and the texts that replace others, each with a zero byte at its end. The
/// value of a key is the place where its replacement begins.
#[derive(Debug)]
struct Charsmap {
    units: Vec<u32>,
    replacements: Vec<u8>,
}

/// Whether a text ends at this unit. Its value is then in the unit to which the byte zero leads.
const fn has_value(unit: u32) -> bool {
    unit >> 8 & 1 == 1
}

/// The byte that leads to this unit; a unit that holds a value has none.
const fn label(unit: u32) -> u32 {
    unit & (1 << 31 | 0xff)
}

/// Where the next units are, relative to this one.
const fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}

impl Charsmap {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (trie, replacements) = rest.split_at_checked(length)?;
        let units = trie.chunks_exact(4);
        if units.len() == 0 || replacements.last() != Some(&0) {
            return None;
        }
        std::str::from_utf8(replacements).ok()?;
        Some(Self {
            units: units
                .map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]]))
                .collect(),
            replacements: replacements.to_vec(),
        })
    }

    /// Length of the longest key with which `text` begins, and its replacement.
    fn longest(&self, text: &[u8]) -> Option<(usize, &[u8])> {
        let mut longest = None;
        let mut at = offset(self.units[0]);
        for (index, byte) in text.iter().enumerate() {
            at ^= usize::from(*byte);
            let Some(unit) = self.units.get(at).copied() else {
                break;
            };
            if label(unit) != u32::from(*byte) {
                break;
            }
            at ^= offset(unit);
            if has_value(unit) {
                longest = self
                    .units
                    .get(at)
                    .map(|unit| (index + 1, unit & !(1 << 31)));
            }
        }
        let (length, place) = longest?;
        let replacement = self.replacements.get(place as usize..)?;
        let end = replacement.iter().position(|byte| *byte == 0)?;
        Some((length, &replacement[..end]))
    }
}

#[derive(Debug)]
pub struct Normalizer {
    rules: Rules,
    charsmap: Option<Charsmap>,
    user_defined: Option<Trie>,
}

impl Normalizer {
    /// Reads the rules of a model, and takes its user-defined pieces if it has any.
    ///
    /// # Errors
    ///
    /// If the rules of replacement are damaged.
    pub fn new(mut rules: Rules, user_defined: Option<Trie>) -> Result<Self, String> {
        let bytes = std::mem::take(&mut rules.charsmap);
        let charsmap = if bytes.is_empty() {
            None
        } else {
            let read = Charsmap::read(&bytes);
            Some(read.ok_or("the normalizing rules of its SentencePiece model are damaged")?)
        };
        Ok(Self {
            rules,
            charsmap,
            user_defined,
        })
    }

    /// The user-defined pieces.
    pub fn user_defined(&self) -> Option<&Trie> {
        self.user_defined.as_ref()
    }

    /// Length of what is replaced next in `text`, and what replaces it.
    fn next<'t>(&'t self, text: &'t [u8]) -> (usize, &'t [u8]) {
        if let Some(end) = self
            .user_defined
            .as_ref()
            .and_then(|pieces| longest(pieces, text))
        {
            return (end, &text[..end]);
        }
        let rule = self.charsmap.as_ref().and_then(|map| map.longest(text));
        rule.unwrap_or_else(|| {
            let end = text.len().min(character_length(text[0]));
            (end, &text[..end])
        })
    }

    fn space(&self) -> &'static str {
        if self.rules.escapes_spaces {
            ESCAPED
        } else {
            " "
        }
    }

    fn push(&self, text: &[u8], out: &mut Vec<u8>) {
        if !self.rules.escapes_spaces {
            out.extend_from_slice(text);
            return;
        }
        for (index, part) in text.split(|byte| *byte == b' ').enumerate() {
            if index > 0 {
                out.extend_from_slice(ESCAPED.as_bytes());
            }
            out.extend_from_slice(part);
        }
    }

    /// Normalizes a text.
    ///
    /// # Errors
    ///
    /// If what comes out is no text.
    pub fn normalize(&self, text: &str) -> Result<String, String> {
        let capacity = text.len() + text.len() / 2 + ESCAPED.len();
        if self.charsmap.is_none() && !self.rules.drops_spaces {
            return Ok(self.with_spaces(text, String::with_capacity(capacity)));
        }
        let mut out = Vec::with_capacity(capacity);
        self.replace(text.as_bytes(), &mut out);
        String::from_utf8(out).map_err(|_| "the normalized text is no text".to_owned())
    }

    /// Adds and escapes spaces, if nothing else is to be done.
    ///
    /// A user-defined piece replaces nothing, so here it changes nothing.
    fn with_spaces(&self, text: &str, mut out: String) -> String {
        let rules = &self.rules;
        if rules.adds_space && !rules.at_the_end && !text.is_empty() {
            out.push_str(self.space());
        }
        for (index, part) in text.split(' ').enumerate() {
            if index > 0 {
                out.push_str(self.space());
            }
            out.push_str(part);
        }
        if rules.adds_space && rules.at_the_end && !text.is_empty() {
            out.push_str(self.space());
        }
        out
    }

    fn replace(&self, mut text: &[u8], out: &mut Vec<u8>) {
        let rules = &self.rules;
        if rules.drops_spaces {
            while !text.is_empty() {
                let (length, replacement) = self.next(text);
                if replacement != b" " {
                    break;
                }
                text = &text[length..];
            }
        }
        if text.is_empty() {
            return;
        }
        if rules.adds_space && !rules.at_the_end {
            out.extend_from_slice(self.space().as_bytes());
        }
        let mut after_space = rules.drops_spaces;
        while !text.is_empty() {
            let (length, mut replacement) = self.next(text);
            while after_space && replacement.starts_with(b" ") {
                replacement = &replacement[1..];
            }
            if !replacement.is_empty() {
                self.push(replacement, out);
                after_space = rules.drops_spaces && replacement.ends_with(b" ");
            }
            text = &text[length..];
        }
        if rules.drops_spaces {
            while out.ends_with(self.space().as_bytes()) {
                out.truncate(out.len() - self.space().len());
            }
        }
        if rules.adds_space && rules.at_the_end {
            out.extend_from_slice(self.space().as_bytes());
        }
    }
}

/// Length in bytes of the character that begins with this byte.
fn character_length(byte: u8) -> usize {
    match byte {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::Normalizer;
    use crate::engine::sentencepiece::file::Rules;
    use crate::engine::sentencepiece::search::trie;

    const PLAIN: Rules = Rules {
        charsmap: Vec::new(),
        adds_space: false,
        at_the_end: false,
        drops_spaces: false,
        escapes_spaces: true,
    };

    fn normalized(rules: Rules, text: &str) -> String {
        let user_defined = trie(vec![(b"a  b", 0)]).unwrap();
        let normalizer = Normalizer::new(rules, Some(user_defined)).unwrap();
        normalizer.normalize(text).unwrap()
    }

    #[test]
    fn spaces_are_escaped_added_and_dropped() {
        assert_eq!(normalized(PLAIN, " x  y "), "▁x▁▁y▁");
        let adds_space = Rules {
            adds_space: true,
            ..PLAIN
        };
        assert_eq!(normalized(adds_space.clone(), "x"), "▁x");
        assert_eq!(normalized(adds_space.clone(), ""), "");
        let at_the_end = Rules {
            at_the_end: true,
            ..adds_space.clone()
        };
        assert_eq!(normalized(at_the_end, "x"), "x▁");
        let drops_spaces = Rules {
            drops_spaces: true,
            ..adds_space
        };
        assert_eq!(normalized(drops_spaces.clone(), "  x   y  "), "▁x▁y");
        assert_eq!(normalized(drops_spaces.clone(), "   "), "");
        assert_eq!(normalized(drops_spaces, "▁"), "");
        let not_escaped = Rules {
            escapes_spaces: false,
            ..PLAIN
        };
        assert_eq!(normalized(not_escaped, " x"), " x");
    }

    #[test]
    fn a_user_defined_piece_keeps_its_spaces() {
        let drops_spaces = Rules {
            drops_spaces: true,
            ..PLAIN
        };
        assert_eq!(normalized(drops_spaces, "x  a  b  y"), "x▁a▁▁b▁y");
    }

    #[test]
    fn damaged_rules_are_refused() {
        for charsmap in [&b"\x01"[..], b"\x08\0\0\0\0\0\0\0", b"\x04\0\0\0\0\0\0\0x"] {
            let rules = Rules {
                charsmap: charsmap.to_vec(),
                ..PLAIN
            };
            assert!(Normalizer::new(rules, None).is_err());
        }
    }
}
