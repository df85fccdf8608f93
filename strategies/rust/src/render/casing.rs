//! Upper, lower and title case as Python's `str` has them.
//!
//! Python and Rust each bring the Unicode tables of their own version. A pair of letters in upper
//! and lower case never changes again, and a letter without case gets none. What can change is a
//! letter in one case that has no partner yet, and what is no character yet. Text with any of
//! these is refused, so that the result is the same for every version of Python.

use std::borrow::Cow;

use super::text::{is_space, surely_printable};
use crate::fault::{Outcome, unsupported};

/// The Unicode version up to which this file was compared with the tables of Python 3.11.
const COMPARED: u8 = 17;

/// Letters whose case has come or changed since Unicode 14, which Python 3.11 has.
fn is_recent(c: char) -> bool {
    matches!(u32::from(c),
        0x19b | 0x264 | 0x294..=0x295 | 0x1c89..=0x1c8a | 0xa7cb..=0xa7cf | 0xa7d2..=0xa7d5 | 0xa7da..=0xa7dc
        | 0x10d50..=0x10d85 | 0x16ea0..=0x16ed3)
}

fn has_partner(c: char) -> bool {
    !c.to_lowercase().eq([c]) || !c.to_uppercase().eq([c])
}

fn has_case(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase() || has_partner(c)
}

/// Characters of old blocks, about which all versions agree whether case goes past them.
fn is_old(c: char) -> bool {
    surely_printable(c)
        || c.is_control()
        || is_space(c)
        || matches!(u32::from(c), 0xad | 0x2000..=0x206f | 0xfe00..=0xfe0f | 0x1f000..=0x1faff)
}

/// Refuses text whose case depends on the version of Unicode.
fn settled(text: &str) -> Outcome<&str> {
    if text.is_ascii() {
        return Ok(text);
    }
    if char::UNICODE_VERSION.0 > COMPARED {
        return unsupported("changing the case of text beyond ASCII");
    }
    // The small letter for it depends on the characters around it.
    let looks_around = text.contains('Σ');
    for c in text.chars().filter(|c| !c.is_ascii()) {
        let known = !is_recent(c)
            && (has_partner(c)
                || (!has_case(c) && (is_old(c) || (c.is_alphabetic() && !looks_around))));
        if !known {
            return unsupported(format!("the case of U+{:04X}", u32::from(c)));
        }
    }
    Ok(text)
}

/// Python's `str.lower`.
pub fn lower(text: &str) -> Outcome<String> {
    settled(text).map(str::to_lowercase)
}

/// Python's `str.upper`.
pub fn upper(text: &str) -> Outcome<String> {
    settled(text).map(str::to_uppercase)
}

/// Key for comparisons that ignore case.
pub fn folded(text: &str) -> Outcome<Cow<'_, str>> {
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Ok(Cow::Borrowed(text));
    }
    lower(text).map(Cow::Owned)
}

/// Adds a character in title case: as the first letter of a word.
fn push_title(c: char, out: &mut String) -> Outcome<()> {
    let mut uppers = c.to_uppercase();
    match (c, uppers.next(), uppers.next()) {
        // Letters in one sign, such as dž, and Georgian letters have a title case of their own.
        ('\u{1c4}'..='\u{1cc}' | '\u{1f1}'..='\u{1f3}' | '\u{10d0}'..='\u{10ff}', ..) => {
            unsupported(format!("the title case of U+{:04X}", u32::from(c)))
        }
        ('ß', ..) => {
            out.push_str("Ss");
            Ok(())
        }
        (_, Some(upper), None) => {
            out.push(upper);
            Ok(())
        }
        _ => unsupported(format!("the title case of U+{:04X}", u32::from(c))),
    }
}

/// Python's `str.capitalize`.
pub fn capitalize(text: &str) -> Outcome<String> {
    let lowered = lower(text)?;
    let Some(first) = text.chars().next() else {
        return Ok(lowered);
    };
    let mut out = String::with_capacity(lowered.len());
    push_title(first, &mut out)?;
    let own: usize = first.to_lowercase().map(char::len_utf8).sum();
    out.push_str(&lowered[own..]);
    Ok(out)
}

/// Python's `str.title`: a letter after a letter is small, and every other one begins a word.
pub fn title(text: &str) -> Outcome<String> {
    let lowered = lower(text)?;
    let mut rest = lowered.chars();
    let mut out = String::with_capacity(lowered.len());
    let mut inside = false;
    for c in text.chars() {
        let small = rest.by_ref().take(c.to_lowercase().count());
        if inside {
            out.extend(small);
        } else {
            small.for_each(drop);
            push_title(c, &mut out)?;
        }
        inside = has_case(c);
    }
    Ok(out)
}

/// Jinja2's `title`, which begins words at white space and at some signs only.
pub fn title_words(text: &str) -> Outcome<String> {
    settled(text)?;
    let begins = |c: char| is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let parts = begins(first);
        let end = rest.find(|c| begins(c) != parts).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        out.extend(first.to_uppercase());
        out.push_str(&word[first.len_utf8()..].to_lowercase());
        rest = after;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{capitalize, lower, title, title_words, upper};

    #[test]
    fn case_is_that_of_python() {
        assert_eq!(upper("straße ŉ").unwrap(), "STRASSE ʼN");
        assert_eq!(lower("ΑΣ ΑΣΑ Σ İ").unwrap(), "ας ασα σ i̇");
        assert_eq!(capitalize("ßA ΑΣ").unwrap(), "Ssa ας");
        assert_eq!(title("it's ÜBER-ΑΣ").unwrap(), "It'S Über-Ας");
        assert_eq!(title_words("it's ÜBER-ΑΣ (x").unwrap(), "It's Über-Ασ (X");
        assert_eq!(capitalize("").unwrap(), "");
    }

    #[test]
    fn what_versions_may_differ_in_is_refused() {
        for text in ["\u{264}", "\u{378}", "\u{a7da}", "\u{aa}", "\u{1dfff}"] {
            assert!(lower(text).is_err(), "{text}");
        }
        assert!(title("ǆ").is_err());
        assert!(capitalize("ა").is_err());
    }

    #[test]
    fn the_tables_are_of_a_version_that_was_compared() {
        assert!(char::UNICODE_VERSION.0 <= super::COMPARED, "compare again");
    }
}
