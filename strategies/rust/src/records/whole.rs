//! Records that hold a whole conversation: `OpenAI` chat and requests, `WildChat`, and `ShareGPT`.

use super::conversation::{Conversation, client_turns, role};
use super::fields::{leave_out, must_be_off, must_say_nothing};
use super::json::parse;
use super::messages::{Reader, is_request, read_name, read_system, read_tools, system_message};
use super::refusal::{Outcome, refuse};
use super::text::Record;
use crate::data::{Data, Dict};

/// How a record holds its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    OpenAi,
    /// The body of one request.
    Request,
    WildChat,
    ShareGpt,
}

/// Reads the conversation of a record; `number` is its place in the file, from 1.
pub fn read_whole(
    shape: Shape,
    record: Record,
    number: usize,
    reader: Reader,
) -> Outcome<Conversation> {
    let mut conversation = Conversation {
        line: record.line,
        ..Conversation::default()
    };
    let (mut id, mut other_id, mut system) = (None, None, None);
    let holder = match shape {
        Shape::OpenAi | Shape::Request => "messages",
        Shape::WildChat => "conversation",
        Shape::ShareGpt => "conversations",
    };
    for (key, value) in record.value.into_entries() {
        match &*key {
            key if key == holder => conversation.messages = read_messages(shape, value, reader)?,
            "id" => id = read_name(value)?,
            "conversation_id" => other_id = read_name(value)?,
            "system" | "system_prompt" => {
                let prompt = read_system(value)?;
                if prompt.is_some() && system.is_some() {
                    return refuse("two system prompts");
                }
                system = system.or(prompt);
            }
            "tools" => conversation.tools = read_offered(value)?,
            // Read only if each record is one request, and if there are no messages.
            "request_id" | "completion" => {}
            "messages" | "conversations" | "conversation" | "prompt" => must_say_nothing(&value)?,
            key if is_request(key, &value)? => {}
            key => leave_out(key, &value, &reader.harmless.record)?,
        }
    }
    if conversation.messages.is_empty() {
        return refuse("no messages");
    }
    if let Some(prompt) = system {
        if role(&conversation.messages[0]) == "system" {
            return refuse("two system prompts");
        }
        conversation.messages.insert(0, system_message(prompt));
    }
    conversation.id = id
        .or(other_id)
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| format!("conversation-{number}").into());
    conversation.turns = match shape {
        Shape::Request => request_turn(&conversation.messages),
        Shape::OpenAi | Shape::WildChat | Shape::ShareGpt => client_turns(&conversation.messages),
    };
    if conversation.turns.is_empty() {
        return refuse("no client turn");
    }
    Ok(conversation)
}

/// The turn of messages that are one request; none if the last one is an answer.
fn request_turn(messages: &[Dict]) -> Vec<usize> {
    let last = messages.last().map(role);
    let asks = last.is_some_and(|role| role != "assistant");
    asks.then_some(messages.len()).into_iter().collect()
}

/// Reads messages, which may be JSON in a string.
fn read_messages(shape: Shape, value: Data, reader: Reader) -> Outcome<Vec<Dict>> {
    let value = match value {
        Data::Str(text) => parse(&text)?,
        value => value,
    };
    let Data::List(items) = value else {
        return refuse("messages that are no array");
    };
    let messages = items.into_iter().map(|item| match shape {
        Shape::OpenAi | Shape::Request | Shape::WildChat => reader.message(item),
        Shape::ShareGpt => read_item(item, reader),
    });
    messages.collect()
}

fn read_offered(value: Data) -> Outcome<Option<Vec<Dict>>> {
    let tools = read_tools(value)?;
    let bare = |tool: &Dict| tool.get("name").is_some() && tool.get("function").is_none();
    if tools.iter().flatten().any(bare) {
        return refuse("a tool that is wrapped first");
    }
    Ok(tools)
}

/// Fields of a `ShareGPT` item beside its text, in the order in which they follow it.
const BESIDES_TEXT: [&str; 6] = [
    "name",
    "tool_calls",
    "tool_call_id",
    "reasoning_content",
    "reasoning",
    "thinking",
];

/// Reads an item with `from` and `value`, or one that is a message.
fn read_item(item: Data, reader: Reader) -> Outcome<Dict> {
    let Data::Dict(item) = item else {
        return refuse("an item that is no object");
    };
    if item.get("from").is_none() {
        return reader.message(Data::Dict(item));
    }
    let mut besides = [const { Data::None }; BESIDES_TEXT.len()];
    let (mut from, mut text) = (Data::None, Data::None);
    for (key, value) in item.into_entries() {
        if let Some(place) = BESIDES_TEXT.iter().position(|name| *name == &*key) {
            besides[place] = value;
            continue;
        }
        match &*key {
            "from" => from = value,
            "value" => text = value,
            "prefix" | "partial" => must_be_off(&value)?,
            key => leave_out(key, &value, &reader.harmless.message)?,
        }
    }
    let (Data::Str(from), Data::Str(text)) = (from, text) else {
        return refuse("an item whose role or value is no text");
    };
    let mut message = Dict::new();
    message.push("role".into(), Data::Str(role_of(&from)?.into()));
    message.push("content".into(), Data::Str(text));
    for (name, value) in BESIDES_TEXT.into_iter().zip(besides) {
        if value != Data::None {
            message.push(name.into(), value);
        }
    }
    reader.message(Data::Dict(message))
}

fn role_of(from: &str) -> Outcome<&'static str> {
    Ok(match from {
        "system" => "system",
        "human" | "user" => "user",
        "gpt" | "chatgpt" | "bing" | "bard" | "assistant" => "assistant",
        "observation" | "tool" => "tool",
        _ => return refuse("a role that is not read here"),
    })
}
