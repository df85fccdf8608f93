//! `MLCommons` endpoints: rows of one message each, which together are conversations.

use rustc_hash::FxHashSet;

use super::conversation::{Conversation, role};
use super::fields::{leave_out, must_be_off, must_say_nothing};
use super::messages::{Reader, is_request, read_name, read_system, read_tools, system_message};
use super::refusal::{Outcome, refuse};
use super::text::Record;
use crate::data::{Data, Dict, Text};

/// Whether a record describes its file.
pub fn is_metadata(record: &Dict) -> bool {
    matches!(record.get("_type"), Some(Data::Str(kind)) if &**kind == "dataset_metadata")
}

/// Puts the rows of each conversation together.
#[derive(Debug, Default)]
pub struct Grouping {
    name: Text,
    rows: Vec<Row>,
    finished: FxHashSet<Text>,
}

#[derive(Debug)]
struct Row {
    line: usize,
    turn: i64,
    system: Option<Text>,
    tools: Option<Vec<Dict>>,
    /// One, or the results of several tools.
    messages: Vec<Dict>,
}

impl Grouping {
    /// Takes the next row, and returns the conversation before it, if it begins a new one.
    pub fn add(&mut self, record: Record, reader: Reader) -> Outcome<Option<Conversation>> {
        if is_metadata(&record.value) {
            return Ok(None);
        }
        let (name, row) = read_row(record, reader)?;
        let mut before = None;
        if name != self.name {
            before = self.end()?;
            if self.finished.contains(&name) {
                return refuse("rows that are not contiguous");
            }
            self.name = name;
        }
        self.rows.push(row);
        Ok(before)
    }

    /// Returns the conversation of the rows so far; None if there are none.
    pub fn end(&mut self) -> Outcome<Option<Conversation>> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        let name = std::mem::take(&mut self.name);
        self.finished.insert(name.clone());
        conversation(name, std::mem::take(&mut self.rows)).map(Some)
    }
}

/// Reads a row, and the name of its conversation, which is never empty.
fn read_row(record: Record, reader: Reader) -> Outcome<(Text, Row)> {
    let mut kept = [const { Data::None }; KEPT.len()];
    let (mut name, mut turn, mut results) = (None, Data::None, Data::None);
    let (mut system, mut tools) = (None, None);
    for (key, value) in record.value.into_entries() {
        if let Some(place) = KEPT.iter().position(|name| *name == &*key) {
            kept[place] = value;
            continue;
        }
        match &*key {
            "conversation_id" => name = read_name(value)?,
            "turn" => turn = value,
            "tool_results" => results = value,
            "system" => system = read_system(value)?,
            "tools" => tools = read_tools(value)?,
            "prefix" | "partial" => must_be_off(&value)?,
            "reasoning" | "system_prompt" => must_say_nothing(&value)?,
            "messages" | "conversations" | "conversation" | "prompt" => {
                return refuse("a row that may be a record");
            }
            key if is_request(key, &value)? => {}
            key => leave_out(key, &value, &reader.harmless.row)?,
        }
    }
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return refuse("a row without the name of its conversation");
    };
    let Data::Int(turn) = turn else {
        return refuse("a row without a turn");
    };
    let row = Row {
        line: record.line,
        turn,
        system,
        tools,
        messages: row_messages(kept, results, reader)?,
    };
    Ok((name, row))
}

/// Fields of the message of a row, in the order in which it has them.
const KEPT: [&str; 5] = ["role", "content", "name", "tool_calls", "reasoning_content"];

fn row_messages(kept: [Data; KEPT.len()], results: Data, reader: Reader) -> Outcome<Vec<Dict>> {
    let is_tool = match &kept[0] {
        Data::Str(role) if &**role == "tool" => true,
        Data::Str(role) if matches!(&**role, "user" | "assistant") => false,
        _ => return refuse("a role that rows have not"),
    };
    if is_tool {
        kept[1..].iter().try_for_each(must_say_nothing)?;
        return tool_messages(results, reader);
    }
    if results != Data::None {
        return refuse("results in a row of another role");
    }
    let mut message = Dict::new();
    for (name, value) in KEPT.into_iter().zip(kept) {
        if value != Data::None {
            message.push(name.into(), value);
        }
    }
    Ok(vec![reader.message(Data::Dict(message))?])
}

fn tool_messages(results: Data, reader: Reader) -> Outcome<Vec<Dict>> {
    let results = match results {
        Data::List(results) if !results.is_empty() => results,
        _ => return refuse("no results in a row of a tool"),
    };
    let messages = results.into_iter().map(|result| {
        let Data::Dict(result) = result else {
            return refuse("a result that is no object");
        };
        let (mut id, mut content) = (Data::None, Data::None);
        for (key, value) in result.into_entries() {
            match &*key {
                "tool_call_id" => id = value,
                "content" => content = value,
                key => leave_out(key, &value, &reader.harmless.message)?,
            }
        }
        if id == Data::None || content == Data::None {
            return refuse("a result without its call or content");
        }
        let mut message = Dict::new();
        message.push("role".into(), Data::Str("tool".into()));
        message.push("tool_call_id".into(), id);
        message.push("content".into(), content);
        reader.message(Data::Dict(message))
    });
    messages.collect()
}

fn conversation(id: Text, mut rows: Vec<Row>) -> Outcome<Conversation> {
    rows.sort_by_key(|row| row.turn);
    if !rows.iter().zip(1..).all(|(row, turn)| row.turn == turn) {
        return refuse("turns that are not consecutive");
    }
    let mut conversation = Conversation {
        id,
        line: rows[0].line,
        tools: same_tools(&mut rows)?,
        ..Conversation::default()
    };
    if let Some(prompt) = same_system(&mut rows)? {
        conversation.messages.push(system_message(prompt));
    }
    for row in rows {
        check_sequence(conversation.messages.last(), &row.messages[0])?;
        conversation.messages.extend(row.messages);
        if conversation.messages.last().map(role) != Some("assistant") {
            conversation.turns.push(conversation.messages.len());
        }
    }
    Ok(conversation)
}

/// The tools of the first row. Others may repeat them, or have none.
fn same_tools(rows: &mut [Row]) -> Outcome<Option<Vec<Dict>>> {
    let said = rows[0].tools.take();
    for row in rows {
        let Some(here) = row.tools.take() else {
            continue;
        };
        let both_empty = here.is_empty() && said.as_ref().is_none_or(Vec::is_empty);
        if !both_empty && said.as_ref() != Some(&here) {
            return refuse("rows with different tools");
        }
    }
    Ok(said)
}

/// The system prompt of the first row that has one. Others may repeat it, or have none.
fn same_system(rows: &mut [Row]) -> Outcome<Option<Text>> {
    let mut found = None;
    for row in rows {
        let here = row.system.take();
        if found.is_some() && here.is_some() && here != found {
            return refuse("rows with different system prompts");
        }
        found = found.or(here);
    }
    Ok(found)
}

/// Refuses rows in an order that no client sends. A system prompt comes before all rows.
fn check_sequence(before: Option<&Dict>, message: &Dict) -> Outcome<()> {
    let follows: &[&str] = match before.map(|before| (role(before), before.get("tool_calls"))) {
        Some(("user", _)) => &["assistant"],
        Some(("assistant", Some(Data::List(_)))) => &["tool"],
        Some(("tool", _)) => &["assistant", "user"],
        // At the beginning, and after an answer.
        _ => &["user"],
    };
    if follows.contains(&role(message)) {
        return Ok(());
    }
    refuse("rows in an order that no client sends")
}
