//! Reads datasets as `strategies/conversations/` does, from their bytes to the core's data.
//!
//! It reads what it is sure of, and refuses the whole file for anything else: mistakes, rare
//! fields, odd values. Python's readers then read the file from its start, and word what is
//! wrong. So a file that is read here has no error and no warning.

mod conversation;
mod endpoints;
mod fields;
mod json;
mod messages;
mod profiles;
mod refusal;
mod text;
mod whole;

pub use conversation::{Conversation, Kinds};
pub use fields::{Harmless, Names};
pub use profiles::{Profile, Serving};
pub use refusal::Refusal;
pub use text::Bounds;

use crate::data::{Data, Dict};
use endpoints::{Grouping, is_metadata};
use messages::Reader;
use refusal::{Outcome, refuse};
use text::Records;
use whole::{Shape, read_whole};

/// Bytes that are read between two looks at whether to go on.
const BYTES_BETWEEN_LOOKS: usize = 1 << 22;

/// How a dataset is read.
#[derive(Debug)]
pub struct Options {
    pub bounds: Bounds,
    pub harmless: Harmless,
    /// Whether arguments of calls that are JSON in a string become objects.
    pub parses_arguments: bool,
}

/// Why there are no conversations.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// Python has to read the file; the line is where this shows, from 1.
    Refused { line: usize, refusal: Refusal },
    /// The caller does not want to go on.
    Cancelled,
}

/// Reads the conversations of a file, in its order; at least one, each with at least one turn.
///
/// # Errors
///
/// If Python has to read the file, or `go_on` says no.
pub fn read(
    bytes: &[u8],
    options: &Options,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Vec<Conversation>, Stop> {
    let mut line = 1;
    let refused = |line| move |refusal| Stop::Refused { line, refusal };
    let mut records = Records::new(bytes, options.bounds).map_err(refused(line))?;
    let mut reading = Reading {
        reader: Reader {
            harmless: &options.harmless,
            parses_arguments: options.parses_arguments,
        },
        format: None,
        conversations: Vec::new(),
    };
    let mut looked = 0;
    while let Some(record) = records.next() {
        line = record.as_ref().map_or(line, |record| record.line);
        record
            .and_then(|record| reading.add(record))
            .map_err(refused(line))?;
        if records.done() - looked > BYTES_BETWEEN_LOOKS {
            looked = records.done();
            if !go_on() {
                return Err(Stop::Cancelled);
            }
        }
    }
    reading.end().map_err(refused(line))
}

/// The format of a file, with what is read and not complete.
enum Format {
    Whole(Shape),
    Endpoints(Grouping),
}

struct Reading<'a> {
    reader: Reader<'a>,
    /// None before the first record, which shows it.
    format: Option<Format>,
    conversations: Vec<Conversation>,
}

impl Reading<'_> {
    fn add(&mut self, record: text::Record) -> Outcome<()> {
        let format = match &mut self.format {
            Some(format) => format,
            none => none.insert(format_of(&record.value)?),
        };
        let read = match format {
            Format::Endpoints(rows) => rows.add(record, self.reader)?,
            Format::Whole(shape) => {
                let number = self.conversations.len() + 1;
                Some(read_whole(*shape, record, number, self.reader)?)
            }
        };
        self.conversations.extend(read);
        Ok(())
    }

    fn end(mut self) -> Outcome<Vec<Conversation>> {
        if let Some(Format::Endpoints(rows)) = &mut self.format {
            self.conversations.extend(rows.end()?);
        }
        if self.conversations.is_empty() {
            return refuse("no conversation");
        }
        Ok(self.conversations)
    }
}

/// The format whose first record this is.
fn format_of(record: &Dict) -> Outcome<Format> {
    let has = |key| record.get(key).is_some();
    let holds = |key| record.get(key).is_some_and(|value| *value != Data::None);
    if is_metadata(record) {
        return Ok(Format::Endpoints(Grouping::default()));
    }
    if holds("messages") {
        return Ok(Format::Whole(Shape::OpenAi));
    }
    if holds("conversations") {
        return Ok(Format::Whole(Shape::ShareGpt));
    }
    let whole = ["messages", "conversations", "conversation", "prompt"];
    if has("conversation_id") && !whole.into_iter().any(has) {
        return Ok(Format::Endpoints(Grouping::default()));
    }
    refuse("a first record of no format")
}
