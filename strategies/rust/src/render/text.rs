//! Strings of a render, and what Python does with a string by itself.

use std::sync::Arc;

use crate::fault::{Outcome, unsupported};

/// A string: borrowed, or a range of a shared one.
#[derive(Debug, Clone)]
pub enum Text<'a> {
    Ref(&'a str),
    Own(Arc<str>, usize, usize),
}

impl Text<'_> {
    pub fn own(text: String) -> Self {
        let len = text.len();
        Self::Own(text.into(), 0, len)
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Ref(text) => text,
            Self::Own(text, start, end) => &text[*start..*end],
        }
    }

    /// The part that `slice`, which must lie inside this text, covers.
    pub fn slice(&self, start: usize, end: usize) -> Self {
        match self {
            Self::Ref(text) => Self::Ref(&text[start..end]),
            Self::Own(text, from, _) => Self::Own(Arc::clone(text), from + start, from + end),
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

pub fn char_count(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().count()
    }
}

/// Characters that Python's `repr` is known to print as they are.
///
/// Python decides by the Unicode database of its own version; these blocks are whole and old,
/// so every version agrees on them.
pub fn surely_printable(c: char) -> bool {
    matches!(u32::from(c),
        0x20..=0x7e | 0xa1..=0xac | 0xae..=0x377 | 0x38e..=0x3a1 | 0x3a3..=0x52f
        | 0x5d0..=0x5ea | 0x620..=0x6dc | 0x904..=0x939 | 0x93c..=0x94d | 0x950..=0x97f
        | 0xe01..=0xe3a | 0xe3f..=0xe5b | 0x1e00..=0x1f15 | 0x2010..=0x2027 | 0x2030..=0x205e
        | 0x20a0..=0x20bf | 0x2100..=0x218b | 0x2190..=0x2426 | 0x2460..=0x2b73
        | 0x3001..=0x303f | 0x3041..=0x3096 | 0x3099..=0x30ff | 0x3105..=0x312f
        | 0x3131..=0x318e | 0x3400..=0x4dbf | 0x4e00..=0x9fef | 0xac00..=0xd7a3
        | 0xfe0f | 0xff01..=0xffbe | 0x1f300..=0x1f64f | 0x1f680..=0x1f6d4 | 0x20000..=0x2a6d6)
}

/// Python's `repr` of a string.
pub fn repr_text(text: &str, out: &mut String) -> Outcome<()> {
    use std::fmt::Write;
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if surely_printable(c) => out.push(c),
            c if u32::from(c) < 0x20 || (0x7f..=0xa0).contains(&u32::from(c)) || c == '\u{ad}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => return unsupported(format!("repr of U+{:04X}", u32::from(c))),
        }
    }
    out.push(quote);
    Ok(())
}

/// Whether `str.isspace` holds: `strip` and `split` take such characters away.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::repr_text;

    #[test]
    fn strings_choose_their_quotes_as_in_python() {
        for (text, expected) in [
            ("a", "'a'"),
            ("it's", "\"it's\""),
            ("\"'", "'\"\\''"),
            ("a\n\\\u{7f}\u{0}", "'a\\n\\\\\\x7f\\x00'"),
            ("日本é", "'日本é'"),
        ] {
            let mut out = String::new();
            repr_text(text, &mut out).unwrap();
            assert_eq!(out, expected);
        }
        assert!(repr_text("\u{e000}", &mut String::new()).is_err());
    }
}
