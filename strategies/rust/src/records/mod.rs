//! Reads datasets as `strategies/conversations/` does, from their bytes to the core's data.
//!
//! It reads what it is sure of, and refuses the whole file for anything else: mistakes, rare
//! fields, odd values. Python's readers then read the file from its start, and word what is
//! wrong. So a file that is read here has no error and no warning.

mod conversation;
mod elements;
mod endpoints;
mod fields;
mod json;
mod messages;
mod profiles;
mod refusal;
mod text;
mod whole;

pub use conversation::{Conversation, Kinds};
pub use elements::{Ends, ends};
pub use fields::{Harmless, Names};
pub use profiles::{Profile, Serving};
pub use refusal::Refusal;
pub use text::Bounds;

use std::sync::Arc;

use crate::data::{Data, Dict};
use endpoints::{Grouping, is_metadata};
use messages::Reader;
use refusal::{Outcome, refuse};
use text::Records;
use whole::{Shape, read_whole};

/// Bytes that are read between two looks at whether to go on.
const BYTES_BETWEEN_LOOKS: usize = 1 << 22;

/// What is known of a dataset when a part of it is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before {
    /// Lines before this part.
    pub lines: usize,
    /// Conversations before it.
    pub conversations: usize,
    /// The format, if an earlier part has shown it.
    pub form: Option<Form>,
}

/// How a dataset is read.
#[derive(Debug)]
pub struct Options {
    pub bounds: Bounds,
    pub before: Before,
    pub harmless: Arc<Harmless>,
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

/// What is read.
pub struct Found {
    /// At least one.
    pub conversations: Vec<Conversation>,
    /// The format in which they are written.
    pub form: Form,
    /// Lines of a part with one record to a line, of which the last need not end.
    pub lines: usize,
}

/// Reads the conversations of a file, or of a part of it that ends with a whole conversation, in
/// its order; each has at least one turn.
///
/// # Errors
///
/// If Python has to read the file, or `go_on` says no.
pub fn read(
    bytes: &[u8],
    options: &Options,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Found, Stop> {
    let before = options.before;
    let mut line = before.lines + 1;
    let refused = |line| move |refusal| Stop::Refused { line, refusal };
    let mut records = Records::new(bytes, options.bounds, line).map_err(refused(line))?;
    let mut reading = Reading {
        reader: Reader {
            harmless: &options.harmless,
            parses_arguments: options.parses_arguments,
        },
        before: before.conversations,
        format: before.form.map(Format::new),
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
    let lines = records.line() - (before.lines + 1);
    let (conversations, form) = reading.end().map_err(refused(line))?;
    Ok(Found {
        conversations,
        form,
        lines,
    })
}

/// The formats that are read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    OpenAi,
    Request,
    WildChat,
    ShareGpt,
    Endpoints,
}

/// Each with its name in `strategies/conversations/formats/`.
const FORMS: [(Form, &str); 5] = [
    (Form::OpenAi, "OpenAI chat"),
    (Form::Request, "OpenAI request"),
    (Form::WildChat, "WildChat"),
    (Form::ShareGpt, "ShareGPT"),
    (Form::Endpoints, "MLCommons endpoints"),
];

impl Form {
    /// The format of a name, if it is read here.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        FORMS.iter().find(|form| form.1 == name).map(|form| form.0)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        let found = FORMS.iter().find(|form| form.0 == self);
        found.map_or("", |form| form.1)
    }
}

/// The format of a file, with what is read and not complete.
enum Format {
    Whole(Shape),
    Endpoints(Grouping),
}

impl Format {
    fn new(form: Form) -> Self {
        match form {
            Form::OpenAi => Self::Whole(Shape::OpenAi),
            Form::Request => Self::Whole(Shape::Request),
            Form::WildChat => Self::Whole(Shape::WildChat),
            Form::ShareGpt => Self::Whole(Shape::ShareGpt),
            Form::Endpoints => Self::Endpoints(Grouping::default()),
        }
    }

    fn form(&self) -> Form {
        match self {
            Self::Whole(Shape::OpenAi) => Form::OpenAi,
            Self::Whole(Shape::Request) => Form::Request,
            Self::Whole(Shape::WildChat) => Form::WildChat,
            Self::Whole(Shape::ShareGpt) => Form::ShareGpt,
            Self::Endpoints(_) => Form::Endpoints,
        }
    }
}

struct Reading<'a> {
    reader: Reader<'a>,
    /// Conversations before this part of the file.
    before: usize,
    /// None before the first record, which shows it.
    format: Option<Format>,
    conversations: Vec<Conversation>,
}

impl Reading<'_> {
    fn add(&mut self, record: text::Record) -> Outcome<()> {
        let format = match &mut self.format {
            Some(format) => format,
            none => none.insert(Format::new(form_of(&record.value)?)),
        };
        let read = match format {
            Format::Endpoints(rows) => rows.add(record, self.reader)?,
            Format::Whole(shape) => {
                let number = self.before + self.conversations.len() + 1;
                Some(read_whole(*shape, record, number, self.reader)?)
            }
        };
        self.conversations.extend(read);
        Ok(())
    }

    fn end(mut self) -> Outcome<(Vec<Conversation>, Form)> {
        if let Some(Format::Endpoints(rows)) = &mut self.format {
            self.conversations.extend(rows.end()?);
        }
        match self.format {
            Some(format) if !self.conversations.is_empty() => {
                Ok((self.conversations, format.form()))
            }
            _ => refuse("no conversation"),
        }
    }
}

/// The format whose first record this is, if the caller has not found it.
fn form_of(record: &Dict) -> Outcome<Form> {
    let has = |key| record.get(key).is_some();
    let holds = |key| record.get(key).is_some_and(|value| *value != Data::None);
    if is_metadata(record) {
        return Ok(Form::Endpoints);
    }
    if holds("messages") {
        return Ok(Form::OpenAi);
    }
    if holds("conversations") {
        return Ok(Form::ShareGpt);
    }
    let whole = ["messages", "conversations", "conversation", "prompt"];
    if has("conversation_id") && !whole.into_iter().any(has) {
        return Ok(Form::Endpoints);
    }
    refuse("a first record of no format")
}
