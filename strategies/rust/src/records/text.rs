//! The records of a file: one to a line, or the elements of an array.

use super::json::{SPACE, parse, parse_at, skip_space};
use super::refusal::{Outcome, refuse};
use crate::data::{Data, Dict};

/// White space at the start of a file. Python looks at the first megabyte only.
const MAX_INDENT: usize = 1 << 10;

/// Python takes a file for lines if another one follows the first in its first megabyte.
const SURELY_SEEN: usize = 1 << 19;

/// How a file is named, and what may be read of it without counting its values first.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Whether it is known that each line is one record.
    pub is_lines: bool,
    /// Whether the name says that each line is one object.
    pub names_lines: bool,
    /// Bytes of a line.
    pub line: usize,
    /// Bytes of a document that is an array.
    pub document: usize,
}

/// An object, and the line on which it starts, from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub line: usize,
    pub value: Dict,
}

/// Yields the records of a file in their order, and nothing after a refusal.
#[derive(Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    /// The same as text, if it is one document; lines become text one by one.
    document: &'a str,
    bounds: Bounds,
    /// The first byte that is not read yet.
    next: usize,
    /// The line of that byte.
    line: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lines,
    /// An array whose first element is not read yet.
    Begun,
    Array,
    Ended,
}

impl<'a> Records<'a> {
    /// Looks at what a file begins with.
    ///
    /// A file that begins with an object is taken for lines, whatever its name says: Python does
    /// so, too, if each line is a whole object. An array is taken for a document that holds one
    /// record after the other. The first line of these bytes has the number `line`.
    pub fn new(bytes: &'a [u8], bounds: Bounds, line: usize) -> Outcome<Self> {
        let start = skip_space(bytes, 0);
        if start > MAX_INDENT {
            return refuse("much white space before the first record");
        }
        let mut records = Self {
            bytes,
            document: "",
            bounds,
            next: 0,
            line,
            kind: Kind::Lines,
        };
        match bytes.get(start) {
            Some(b'{') if bounds.is_lines => {}
            Some(b'{') => records.check_lines()?,
            Some(b'[') if !bounds.is_lines => records.begin_document(start)?,
            _ => return refuse("neither lines nor an array of objects"),
        }
        Ok(records)
    }

    /// Refuses lines that Python may take for a document.
    fn check_lines(&self) -> Outcome<()> {
        if !self.bounds.names_lines
            && self.bytes.len() > self.bounds.line
            && second_line(self.bytes) > SURELY_SEEN
        {
            return refuse("a long line in a file that may be a document");
        }
        Ok(())
    }

    fn begin_document(&mut self, start: usize) -> Outcome<()> {
        if self.bytes.len() > self.bounds.document {
            return refuse("a long document");
        }
        self.kind = Kind::Begun;
        self.document = text_of(self.bytes)?;
        self.go_to(skip_space(self.bytes, start + 1));
        if self.bytes.get(self.next) == Some(&b']') {
            return refuse("no record");
        }
        Ok(())
    }

    /// Bytes that are read.
    pub fn done(&self) -> usize {
        self.next
    }

    /// The line of the first byte that is not read yet.
    pub fn line(&self) -> usize {
        self.line
    }

    fn go_to(&mut self, place: usize) {
        let passed = &self.bytes[self.next..place];
        self.line += memchr::memchr_iter(b'\n', passed).count();
        self.next = place;
    }

    fn next_line(&mut self) -> Option<Outcome<Record>> {
        let bytes = self.bytes;
        while self.next < bytes.len() {
            let start = self.next;
            let length = memchr::memchr(b'\n', &bytes[start..]);
            let end = length.map_or(bytes.len(), |length| start + length);
            let line = self.line;
            self.next = (end + 1).min(bytes.len());
            self.line += 1;
            if end - start > self.bounds.line {
                return Some(refuse("a long line"));
            }
            if bytes[start..end].iter().all(|byte| SPACE.contains(byte)) {
                continue;
            }
            return Some(record(text_of(&bytes[start..end]).and_then(parse), line));
        }
        None
    }

    fn next_element(&mut self) -> Outcome<Record> {
        let (line, start) = (self.line, self.next);
        let (value, end) = parse_at(self.document, start)?;
        let record = record(Ok(value), line)?;
        if self.kind == Kind::Begun && is_message(&record.value) {
            return refuse("an array of messages");
        }
        self.kind = Kind::Array;
        let after = skip_space(self.bytes, end);
        match self.bytes.get(after) {
            Some(b',') => self.go_to(skip_space(self.bytes, after + 1)),
            Some(b']') if skip_space(self.bytes, after + 1) == self.bytes.len() => {
                self.kind = Kind::Ended;
            }
            _ => return refuse("no JSON"),
        }
        Ok(record)
    }
}

impl Iterator for Records<'_> {
    type Item = Outcome<Record>;

    fn next(&mut self) -> Option<Outcome<Record>> {
        let next = match self.kind {
            Kind::Lines => self.next_line(),
            Kind::Begun | Kind::Array => Some(self.next_element()),
            Kind::Ended => None,
        };
        if !matches!(next, Some(Ok(_))) {
            self.kind = Kind::Ended;
        }
        next
    }
}

fn text_of(bytes: &[u8]) -> Outcome<&str> {
    simdutf8::basic::from_utf8(bytes).or_else(|_| refuse("no UTF-8"))
}

/// The place of the first line after the first one that is not empty.
fn second_line(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| skip_space(bytes, end))
}

fn record(value: Outcome<Data>, line: usize) -> Outcome<Record> {
    match value? {
        Data::Dict(value) => Ok(Record { line, value }),
        _ => refuse("a record that is no object"),
    }
}

/// Whether an element says that its array is one conversation.
fn is_message(value: &Dict) -> bool {
    let has = |key| value.get(key).is_some();
    (has("role") || has("from") && has("value"))
        && ![
            "conversation_id",
            "messages",
            "conversations",
            "conversation",
        ]
        .into_iter()
        .any(has)
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Records};
    use crate::data::Data;

    const BOUNDS: Bounds = Bounds {
        is_lines: false,
        names_lines: false,
        line: 100,
        document: 200,
    };

    /// Line and value of `n` of each record; or the refusal.
    fn read(text: &str) -> Result<Vec<(usize, i64)>, &'static str> {
        let records = Records::new(text.as_bytes(), BOUNDS, 1).map_err(|refusal| refusal.0)?;
        records
            .map(|record| {
                let record = record.map_err(|refusal| refusal.0)?;
                match record.value.get("n") {
                    Some(Data::Int(n)) => Ok((record.line, *n)),
                    other => panic!("{other:?}"),
                }
            })
            .collect()
    }

    #[test]
    fn each_line_is_a_record() {
        let expected = Ok(vec![(1, 1), (4, 2)]);
        assert_eq!(read("{\"n\":1}\n\n \t\r\n{\"n\":2}"), expected);
        assert_eq!(read("{\"n\":1} \r\n\n\n  {\"n\":2}\r\n\n"), expected);
        assert_eq!(read("\n{\"n\":1}"), Ok(vec![(2, 1)]));
    }

    #[test]
    fn each_element_is_a_record() {
        let expected = Ok(vec![(1, 1), (3, 2)]);
        assert_eq!(read("[{\"n\":1},\n\n{\"n\":2}]"), expected);
        assert_eq!(read(" [ {\"n\":1}\n,\n {\"n\":2} ]\r\n "), expected);
        assert_eq!(read("\n[\n{\"n\":\n1}]"), Ok(vec![(3, 1)]));
    }

    #[test]
    fn what_python_has_to_word_is_refused() {
        for text in [
            "",
            " \n",
            "[]",
            "[ ]\n",
            "[1]",
            "[{\"n\":1},]",
            "[{\"n\":1}",
            "[{\"n\":1}] 1",
            "[{\"n\":1},1]",
            "[{\"n\":1} {\"n\":1}]",
            "[{\"role\":\"user\"}]",
            "[{\"from\":\"human\",\"value\":\"\"}]",
            "{\"n\":1}\n1",
            "{\"n\":1}\n[]",
            "{\"n\":1} {\"n\":2}",
            "{\"n\":1}\n{\"n\":",
            "{\n\"n\":1}",
            "\u{feff}{\"n\":1}",
            "1",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert!(read("[{\"from\":\"human\",\"n\":1}]").is_ok());
        assert!(read("[{\"role\":\"user\",\"conversation_id\":1,\"n\":1}]").is_ok());
        assert!(read(&format!("{{\"n\":1}}\n{{\"n\":2}}{}", " ".repeat(100))).is_err());
        assert!(read(&format!("[{{\"n\":1}}]{}", " ".repeat(200))).is_err());
        assert!(read(&format!("{}{{\"n\":1}}", "\n".repeat(2000))).is_err());
    }

    #[test]
    fn a_file_is_lines_only_if_python_sees_so() {
        let bounds = Bounds {
            line: 1 << 20,
            ..BOUNDS
        };
        let many = |before| format!("{{{}}}\n{}", " ".repeat(before), "{}\n".repeat(1 << 19));
        assert!(Records::new(many(1 << 18).as_bytes(), bounds, 1).is_ok());
        assert!(Records::new(many(1 << 20).as_bytes(), bounds, 1).is_err());
        let named = Bounds {
            names_lines: true,
            ..bounds
        };
        assert!(Records::new(many(1 << 20).as_bytes(), named, 1).is_ok());
    }

    #[test]
    fn a_part_of_a_file_may_be_known_to_be_lines() {
        let lines = Bounds {
            is_lines: true,
            line: 1 << 20,
            ..BOUNDS
        };
        let array = Records::new(b"[{\"n\":1}]", lines, 1);
        assert_eq!(
            array.unwrap_err().0,
            "neither lines nor an array of objects"
        );
        let long = format!("{{{}}}\n{{}}", " ".repeat(1 << 19));
        let mut records = Records::new(long.as_bytes(), lines, 7).unwrap();
        let mut line = || records.next().unwrap().unwrap().line;
        assert_eq!((line(), line()), (7, 8));
    }

    #[test]
    fn nothing_comes_after_a_refusal() {
        let mut records = Records::new(b"{}\n1\n{}", BOUNDS, 1).unwrap();
        assert!(matches!(records.next(), Some(Ok(_))));
        assert!(matches!(records.next(), Some(Err(_))));
        assert!(records.next().is_none());
    }
}
