//! Where the elements of an array end, so that a long one can be read part by part.
//!
//! Strings and brackets are all that is looked at. In a text that is no JSON, an end that is found
//! comes after the first mistake, so that whoever reads up to there meets the mistake.

/// What is known of a text that begins before an element of an array.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// The place after the last comma that follows an element; 0 if there is none.
    pub end: usize,
    /// Whether a bracket closes the array after it.
    pub closed: bool,
    /// Line breaks before that place.
    pub lines: usize,
    /// Characters between the last of these, or the start of the text, and that place.
    pub column: usize,
}

/// Finds the last element that is complete.
pub fn ends(bytes: &[u8]) -> Ends {
    let (end, closed) = last_comma(bytes);
    let before = &bytes[..end];
    let start = memchr::memrchr(b'\n', before).map_or(0, |place| place + 1);
    Ends {
        end,
        closed,
        lines: memchr::memchr_iter(b'\n', before).count(),
        column: characters(&before[start..]),
    }
}

fn last_comma(bytes: &[u8]) -> (usize, bool) {
    let (mut place, mut depth, mut end) = (0, 0_usize, 0);
    while let Some(byte) = bytes.get(place) {
        place += 1;
        match byte {
            b'"' => match after_string(bytes, place) {
                Some(after) => place = after,
                None => break,
            },
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 0 => return (end, true),
            b']' | b'}' => depth -= 1,
            b',' if depth == 0 => end = place,
            _ => {}
        }
    }
    (end, false)
}

/// The place after the string whose first character is at a place, if its end is there.
fn after_string(bytes: &[u8], mut place: usize) -> Option<usize> {
    loop {
        place += memchr::memchr2(b'"', b'\\', bytes.get(place..)?)?;
        if bytes[place] == b'"' {
            return Some(place + 1);
        }
        place += 2;
    }
}

/// The bytes of UTF-8 that begin a character.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::{Ends, ends};

    fn found(text: &str) -> (usize, bool) {
        let ends = ends(text.as_bytes());
        (ends.end, ends.closed)
    }

    #[test]
    fn an_element_ends_with_a_comma_outside_of_brackets_and_strings() {
        assert_eq!(found(r#"{"a": [1, 2]}, {"b": 3},"#), (24, false));
        assert_eq!(found(r#"{"a": [1, 2]}, {"b": "x,"#), (14, false));
        assert_eq!(found(r#""a,\",\\",["\\\",","#), (10, false));
        assert_eq!(found("1,22,3"), (5, false));
        for text in ["", " ", "{\"a\": 1, ", "[[], ", "\"a\\", "\"a\\\"", "{}"] {
            assert_eq!(found(text), (0, false), "{text}");
        }
    }

    #[test]
    fn nothing_after_the_array_is_looked_at() {
        assert_eq!(found("{}, {}] {},"), (3, true));
        assert_eq!(found("]"), (0, true));
        assert_eq!(found("{},}"), (3, true));
    }

    #[test]
    fn lines_and_columns_are_those_of_the_end() {
        let text = "é{},\n\n \"é漢\",{}\n,\"";
        let expected = Ends {
            end: 20,
            closed: false,
            lines: 3,
            column: 1,
        };
        assert_eq!(ends(text.as_bytes()), expected);
        let ends = ends("é{},\n\"é漢\", \"".as_bytes());
        assert_eq!((ends.lines, ends.column), (1, 5));
    }
}
