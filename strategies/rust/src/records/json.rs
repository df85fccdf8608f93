//! JSON text as data: only what Python's parser is known to read as the same values.
//!
//! Everything else is refused, and Python parses the text again: NaN and other words that are no
//! JSON, lone surrogates, keys that appear twice, numbers that are infinite, very long or a
//! negative zero, deep nesting, and of course what is no JSON.

use std::collections::HashSet;

use super::refusal::{Outcome, refuse};
use crate::data::{Data, Dict, Text};

/// Lists and objects in each other. Arguments of calls that are JSON in a string begin anew, so
/// that messages stay below the depth that rendering takes.
const MAX_DEPTH: usize = 48;

/// Digits of an integer. Python refuses to read integers with thousands of them.
const MAX_DIGITS: usize = 1000;

/// Objects with more keys are checked for doubled keys by hashing.
const FEW_KEYS: usize = 16;

/// Keys of most objects: a role and a content. A dataset has very many of them.
const USUAL_KEYS: usize = 2;

/// Bytes that JSON calls white space.
pub const SPACE: [u8; 4] = *b" \t\n\r";

/// Whether a text has white space only, so that it is no JSON.
pub fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| SPACE.contains(&byte))
}

/// Parses a text that is one value, with white space around it.
pub fn parse(text: &str) -> Outcome<Data> {
    let mut parser = Parser::new(text, 0);
    let value = parser.value(0)?;
    if parser.next_place() < text.len() {
        return refuse("text after a value");
    }
    Ok(value)
}

/// Parses the value that starts at a place of a text.
///
/// White space may come before it. The second part is the place after the value.
pub fn parse_at(text: &str, place: usize) -> Outcome<(Data, usize)> {
    let mut parser = Parser::new(text, place);
    let value = parser.value(0)?;
    Ok((value, parser.place))
}

/// The first place from `place` on that is no white space.
pub fn skip_space(bytes: &[u8], place: usize) -> usize {
    let rest = bytes.get(place..).unwrap_or_default();
    place
        + rest
            .iter()
            .position(|byte| !SPACE.contains(byte))
            .unwrap_or(rest.len())
}

struct Parser<'a> {
    text: &'a str,
    place: usize,
    /// A string with escapes grows here, and is copied when its size is known.
    unescaped: String,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, place: usize) -> Self {
        Self {
            text,
            place,
            unescaped: String::new(),
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.place).copied()
    }

    fn next_place(&mut self) -> usize {
        // Most texts have no white space here, or one space.
        while self.byte().is_some_and(|byte| SPACE.contains(&byte)) {
            self.place += 1;
        }
        self.place
    }

    fn next_byte(&mut self) -> Option<u8> {
        self.next_place();
        self.byte()
    }

    fn value(&mut self, depth: usize) -> Outcome<Data> {
        match self.next_byte() {
            Some(b'"') => Ok(Data::Str(self.string()?)),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Data::Bool(true)),
            Some(b'f') => self.word("false", Data::Bool(false)),
            Some(b'n') => self.word("null", Data::None),
            _ => refuse("no JSON"),
        }
    }

    fn word(&mut self, word: &str, value: Data) -> Outcome<Data> {
        if !self.text.as_bytes()[self.place..].starts_with(word.as_bytes()) {
            return refuse("no JSON");
        }
        self.place += word.len();
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Outcome<Data> {
        if depth == MAX_DEPTH {
            return refuse("deep nesting");
        }
        self.place += 1;
        let mut items = Vec::new();
        if self.next_byte() == Some(b']') {
            self.place += 1;
            return Ok(Data::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            match self.next_byte() {
                Some(b',') => self.place += 1,
                Some(b']') => break,
                _ => return refuse("no JSON"),
            }
        }
        self.place += 1;
        Ok(Data::List(items))
    }

    fn object(&mut self, depth: usize) -> Outcome<Data> {
        if depth == MAX_DEPTH {
            return refuse("deep nesting");
        }
        self.place += 1;
        if self.next_byte() == Some(b'}') {
            self.place += 1;
            return Ok(Data::Dict(Dict::new()));
        }
        let mut dict = Dict::with_capacity(USUAL_KEYS);
        loop {
            if self.next_byte() != Some(b'"') {
                return refuse("no JSON");
            }
            let key = self.string()?;
            if self.next_byte() != Some(b':') {
                return refuse("no JSON");
            }
            self.place += 1;
            dict.push(key, self.value(depth + 1)?);
            match self.next_byte() {
                Some(b',') => self.place += 1,
                Some(b'}') => break,
                _ => return refuse("no JSON"),
            }
        }
        self.place += 1;
        if has_doubled(&dict) {
            return refuse("a key that appears twice in one object");
        }
        Ok(Data::Dict(dict))
    }

    fn string(&mut self) -> Outcome<Text> {
        let start = self.place + 1;
        let end = special(self.text.as_bytes(), start);
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.place = end + 1;
            return Ok(Text::new(&self.text[start..end]));
        }
        self.unescaped.clear();
        self.place = start;
        loop {
            let end = special(self.text.as_bytes(), self.place);
            self.unescaped.push_str(&self.text[self.place..end]);
            self.place = end;
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    let character = self.escape()?;
                    self.unescaped.push(character);
                }
                _ => return refuse("no JSON"),
            }
        }
        self.place += 1;
        Ok(Text::new(&self.unescaped))
    }

    /// Reads an escape, from its backslash on.
    fn escape(&mut self) -> Outcome<char> {
        let code = self.text.as_bytes().get(self.place + 1).copied();
        self.place += 2;
        Ok(match code {
            Some(code @ (b'"' | b'\\' | b'/')) => char::from(code),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code_point(),
            _ => return refuse("no JSON"),
        })
    }

    /// Reads the digits after `\u`, and the other half of a pair of surrogates.
    fn code_point(&mut self) -> Outcome<char> {
        let first = self.code_unit()?;
        let mut units = vec![first];
        if (0xD800..0xDC00).contains(&first)
            && self.text.as_bytes()[self.place..].starts_with(b"\\u")
        {
            self.place += 2;
            units.push(self.code_unit()?);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => Ok(character),
            _ => refuse("a lone surrogate"),
        }
    }

    fn code_unit(&mut self) -> Outcome<u16> {
        let digits = self.text.as_bytes().get(self.place..self.place + 4);
        self.place += 4;
        let mut unit = 0;
        for digit in digits.unwrap_or(b"?") {
            match char::from(*digit).to_digit(16) {
                Some(digit) => unit = unit << 4 | digit,
                None => return refuse("no JSON"),
            }
        }
        u16::try_from(unit).map_or_else(|_| refuse("no JSON"), Ok)
    }

    fn number(&mut self) -> Outcome<Data> {
        let start = self.place;
        let negative = self.byte() == Some(b'-');
        self.place += usize::from(negative);
        let first = self.byte();
        let digits = self.digits()?;
        if first == Some(b'0') && digits > 1 {
            return refuse("no JSON");
        }
        let mut whole = true;
        if self.byte() == Some(b'.') {
            whole = false;
            self.place += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            whole = false;
            self.place += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.place += 1;
            }
            self.digits()?;
        }
        let text = &self.text[start..self.place];
        if !whole {
            return match text.parse::<f64>() {
                // Equal floats must be written equally, and the zeros are not.
                Ok(number) if number.is_finite() && (number != 0.0 || !negative) => {
                    Ok(Data::Float(number))
                }
                _ => refuse("a float that is infinite or a negative zero"),
            };
        }
        if negative && first == Some(b'0') {
            return refuse("an integer that is a negative zero");
        }
        if digits > MAX_DIGITS {
            return refuse("an integer with very many digits");
        }
        Ok(text
            .parse()
            .map_or_else(|_| Data::Big(text.into()), Data::Int))
    }

    /// Skips digits, at least one, and returns how many there are.
    fn digits(&mut self) -> Outcome<usize> {
        let start = self.place;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.place += 1;
        }
        if self.place == start {
            return refuse("no JSON");
        }
        Ok(self.place - start)
    }
}

fn has_doubled(dict: &Dict) -> bool {
    let entries = dict.entries();
    if entries.len() <= FEW_KEYS {
        return entries
            .iter()
            .enumerate()
            .any(|(i, (key, _))| entries[..i].iter().any(|(other, _)| other == key));
    }
    let mut seen = HashSet::with_capacity(entries.len());
    !entries.iter().all(|(key, _)| seen.insert(key))
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The first place from `place` on that ends a run of plain characters in a string.
///
/// That is a quote, a backslash, a control character, or the end of the text.
fn special(bytes: &[u8], mut place: usize) -> usize {
    // Eight bytes at once. A borrow can mark wrong bytes only above one that is marked rightly,
    // and the lowest one counts.
    while let Some(eight) = bytes.get(place..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*eight);
        let quote = word ^ (LOW * 0x22);
        let backslash = word ^ (LOW * 0x5C);
        let found = (quote.wrapping_sub(LOW) & !quote
            | backslash.wrapping_sub(LOW) & !backslash
            | word.wrapping_sub(LOW * 0x20) & !word)
            & HIGH;
        if found != 0 {
            return place + found.trailing_zeros() as usize / 8;
        }
        place += 8;
    }
    while bytes
        .get(place)
        .is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20))
    {
        place += 1;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, MAX_DIGITS, parse, parse_at, special};
    use crate::data::{Data, Text};

    fn text(value: &str) -> Data {
        Data::Str(Text::new(value))
    }

    fn refused(json: &str) -> &'static str {
        match parse(json) {
            Ok(value) => panic!("{json} is read as {value:?}"),
            Err(refusal) => refusal.0,
        }
    }

    #[test]
    fn values_are_read_as_python_reads_them() {
        for (json, value) in [
            ("null", Data::None),
            (" true\r\n", Data::Bool(true)),
            ("false", Data::Bool(false)),
            ("0", Data::Int(0)),
            ("-12", Data::Int(-12)),
            ("9223372036854775807", Data::Int(i64::MAX)),
            (
                "9223372036854775808",
                Data::Big("9223372036854775808".into()),
            ),
            ("1.0", Data::Float(1.0)),
            ("0.1e2", Data::Float(10.0)),
            ("1E-400", Data::Float(0.0)),
            ("\"\"", text("")),
            (r#""a\"\\\/\b\f\n\r\tz""#, text("a\"\\/\u{8}\u{c}\n\r\tz")),
            (r#""\u00e9\uD83D\uDE00\u0000""#, text("é😀\0")),
            (
                "\"Größe \u{2028} 😀\u{7f}\"",
                text("Größe \u{2028} 😀\u{7f}"),
            ),
            ("[]", Data::List(vec![])),
            (
                "[1 , [ ] ]",
                Data::List(vec![Data::Int(1), Data::List(vec![])]),
            ),
        ] {
            assert_eq!(parse(json), Ok(value), "{json}");
        }
        let Ok(Data::Dict(dict)) = parse(r#"{ "b" : 1, "a":{}, "": "x" }"#) else {
            panic!("no object");
        };
        let keys: Vec<&str> = dict.entries().iter().map(|(key, _)| &**key).collect();
        assert_eq!(keys, ["b", "a", ""]);
    }

    #[test]
    fn what_python_reads_in_its_own_way_is_refused() {
        for json in [
            "NaN",
            "[Infinity]",
            "-Infinity",
            "-0",
            "-0.0",
            "-1e-400",
            "1e400",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\\ud83dx\"",
            "\"\\ud83d\\ud83d\\ude00\"",
            "\"\\ud83d\\n\"",
            "{\"a\": 1, \"a\": 1}",
            "\u{feff}1",
        ] {
            refused(json);
        }
        let many: Vec<String> = (0..40).map(|i| format!("\"{}\":1", i % 39)).collect();
        let many = many.join(",");
        assert_eq!(refused(&format!("{{{many}}}")), refused(r#"{"a":1,"a":2}"#));
        let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(refused(&deep(MAX_DEPTH + 1)), "deep nesting");
        assert!(parse(&"1".repeat(MAX_DIGITS)).is_ok());
        refused(&"1".repeat(MAX_DIGITS + 1));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for json in [
            "",
            " ",
            "nul",
            "tru",
            "nan",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "\"",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\\u+123\"",
            "\"\n\"",
            "\"\u{1f}\"",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{",
            "1 2",
            "{}{}",
            "'a'",
            "\u{a0}1",
            "\0",
        ] {
            refused(json);
        }
    }

    #[test]
    fn a_value_ends_where_the_next_begins() {
        assert_eq!(parse_at("[ 1, 2]", 1), Ok((Data::Int(1), 3)));
        assert_eq!(parse_at("\"a\"x", 0), Ok((text("a"), 3)));
        assert!(parse_at("1", 1).is_err());
    }

    #[test]
    fn a_run_of_plain_characters_ends_at_the_first_special_one() {
        for end in 0..20_usize {
            for special_byte in [b'"', b'\\', 0, 0x1f, b'\n'] {
                for plain in [b' ', b'!', b'#', b']', b'[', 0x7f, 0x80, 0xff, 0xa2] {
                    let mut bytes = vec![plain; 24];
                    bytes[end] = special_byte;
                    bytes[end + 1] = b'"';
                    assert_eq!(special(&bytes, 0), end);
                    assert_eq!(special(&bytes[..end], 0), end);
                }
            }
        }
    }
}
