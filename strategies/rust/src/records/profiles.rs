//! The messages profiles: how a server gives messages to the template.
//!
//! `strategies/profiles/` has the rules, with their sources. Messages and tools may hold anything.
//! What a profile refuses there is refused here, too, and so are rare shapes of messages. Python
//! then applies its own profile, and says which turn has no prompt, and why.

use super::conversation::{Conversation, role};
use super::fields::{says_nothing, text};
use super::json::{is_blank, parse};
use super::refusal::{Outcome, refuse};
use crate::data::{Data, Dict, Text};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    AsWritten,
    Vllm,
}

impl Profile {
    /// The profile of a name, if it is one of these.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "as-written" => Some(Self::AsWritten),
            "vllm" => Some(Self::Vllm),
            _ => None,
        }
    }
}

/// How a conversation is given to its template.
#[derive(Debug, Clone, Copy)]
pub struct Serving {
    pub profile: Profile,
    /// Whether the template walks over the parts of a content.
    pub reads_parts: bool,
    /// Whether arguments of calls that are no object become one.
    pub parses_arguments: bool,
}

impl Serving {
    /// Gives a conversation to the template.
    pub fn serve(self, conversation: Conversation) -> Outcome<Conversation> {
        let messages = conversation.messages.into_iter();
        let messages = messages.map(|message| self.message(message));
        let tools = conversation
            .tools
            .map(|tools| tools.into_iter().map(|tool| self.tool(tool)).collect());
        Ok(Conversation {
            messages: messages.collect::<Outcome<_>>()?,
            tools: tools.transpose()?,
            ..conversation
        })
    }

    /// Gives one message to the template.
    ///
    /// # Errors
    ///
    /// If Python has to do it.
    pub fn message(self, message: Dict) -> Outcome<Dict> {
        match self.profile {
            Profile::AsWritten => self.written(message),
            Profile::Vllm => self.served(message),
        }
    }

    /// Gives a tool to the template.
    ///
    /// # Errors
    ///
    /// If Python has to do it.
    pub fn tool(self, tool: Dict) -> Outcome<Dict> {
        match self.profile {
            Profile::AsWritten => Ok(tool),
            Profile::Vllm => served_tool(tool),
        }
    }

    /// As it is, but arguments that are null or empty are an object.
    fn written(self, mut message: Dict) -> Outcome<Dict> {
        if let Some(Data::List(parts)) = message.get("content")
            && !parts.iter().all(is_text_part)
        {
            return refuse("a part that is no text");
        }
        if !self.parses_arguments {
            return Ok(message);
        }
        if let Some(Data::List(calls)) = message.get_mut("tool_calls") {
            for arguments in calls.iter_mut().filter_map(arguments_of) {
                match arguments {
                    Data::Dict(_) => {}
                    Data::Str(text) if !text.is_empty() => {
                        if !matches!(parse(text)?, Data::Dict(_)) {
                            return refuse("arguments that are no object");
                        }
                    }
                    value if says_nothing(value) => *value = Data::Dict(Dict::new()),
                    _ => return refuse("arguments that are no object"),
                }
            }
        }
        Ok(message)
    }

    fn served(self, mut message: Dict) -> Outcome<Dict> {
        let (is_system, is_assistant, is_tool) = match role(&message) {
            "system" => (true, false, false),
            "user" => (false, false, false),
            "assistant" => (false, true, false),
            "tool" => (false, false, true),
            // Functions become tools, and developer messages move.
            _ => return refuse("a role that is not served here"),
        };
        if let Some(text) = text(&message, "content")
            && (is_tool || !self.reads_parts)
            && is_unchanged(&message)
            && !(is_system && text.starts_with(BILLING))
        {
            return Ok(message);
        }
        let texts = texts(message.take("content").unwrap_or(Data::None))?;
        if is_system && texts.iter().any(|text| text.starts_with(BILLING)) {
            return refuse("a billing header");
        }
        let mut served = Dict::with_capacity(message.len() + ADDED);
        served.push("role".into(), message.take("role").unwrap_or(Data::None));
        served.push(
            "content".into(),
            if !self.reads_parts {
                Data::Str(joined(texts, |text| !text.is_empty()))
            } else if is_tool {
                Data::Str(joined(texts, |_| true))
            } else {
                Data::List(texts.into_iter().map(text_part).collect())
            },
        );
        if is_assistant {
            let calls = self.served_calls(&mut message)?;
            if !calls.is_empty() {
                served.push("tool_calls".into(), Data::List(calls));
            }
            let reasoning = ["reasoning", "reasoning_content"]
                .into_iter()
                .find_map(|name| message.take(name).filter(|text| *text != Data::None));
            if let Some(reasoning) = reasoning {
                served.push("reasoning".into(), reasoning.clone());
                served.push("reasoning_content".into(), reasoning);
            }
        } else if is_tool && let Some(id) = message.take("tool_call_id") {
            served.push("tool_call_id".into(), id);
        }
        for field in ["name", "task"] {
            if let Some(text @ Data::Str(_)) = message.take(field) {
                served.push(field.into(), text);
            }
        }
        Ok(served)
    }

    fn served_calls(self, message: &mut Dict) -> Outcome<Vec<Data>> {
        let old = message.take("function_call").unwrap_or(Data::None);
        match message.take("tool_calls").unwrap_or(Data::None) {
            Data::List(calls) => calls
                .into_iter()
                .map(|call| self.served_call(call))
                .collect(),
            Data::None if says_nothing(&old) => Ok(Vec::new()),
            _ => refuse("calls that are no array"),
        }
    }

    fn served_call(self, call: Data) -> Outcome<Data> {
        let Data::Dict(mut call) = call else {
            return refuse("a call that is no object");
        };
        let (id, kind) = (call.take("id"), call.take("type"));
        if kind.is_some_and(|kind| kind != Data::Str("function".into())) {
            return refuse("a call of no function");
        }
        let Some(Data::Dict(mut function)) = call.take("function") else {
            return refuse("a call of no function");
        };
        let arguments = function.take("arguments").unwrap_or(Data::None);
        let mut ordered = Dict::with_capacity(function.len() + 1);
        ordered.push(
            "arguments".into(),
            if self.parses_arguments {
                object_in(arguments)?
            } else {
                arguments
            },
        );
        ordered.push("name".into(), function.take("name").unwrap_or(Data::None));
        ordered.append(function);
        let mut served = Dict::with_capacity(call.len() + 3);
        if let Some(id) = id {
            served.push("id".into(), id);
        }
        served.push("function".into(), Data::Dict(ordered));
        served.push("type".into(), Data::Str("function".into()));
        served.append(call);
        Ok(Data::Dict(served))
    }
}

/// Arguments of a call as an object; an empty one for what is none.
fn object_in(arguments: Data) -> Outcome<Data> {
    let arguments = match arguments {
        Data::Str(text) if !is_blank(&text) => parse(&text)?,
        other => other,
    };
    Ok(match arguments {
        Data::Dict(_) => arguments,
        _ => Data::Dict(Dict::new()),
    })
}

/// The texts of a content.
fn texts(content: Data) -> Outcome<Vec<Text>> {
    match content {
        Data::None => Ok(Vec::new()),
        Data::Str(text) => Ok(vec![text]),
        Data::List(parts) => parts.into_iter().map(text_of).collect(),
        _ => refuse("a content that is neither a text nor parts"),
    }
}

/// The text of a part that has nothing else.
fn text_of(part: Data) -> Outcome<Text> {
    match part {
        Data::Str(text) => return Ok(text),
        Data::Dict(mut part) if part.len() == 2 => {
            if part.take("type") == Some(Data::Str("text".into()))
                && let Some(Data::Str(text)) = part.take("text")
            {
                return Ok(text);
            }
        }
        _ => {}
    }
    refuse("a part that is more than a text")
}

/// The texts that are kept, on lines of their own.
fn joined(mut texts: Vec<Text>, is_kept: impl Fn(&str) -> bool) -> Text {
    texts.retain(|text| is_kept(text));
    match texts.len() {
        1 => texts.swap_remove(0),
        _ => texts
            .iter()
            .map(|text| &**text)
            .collect::<Vec<_>>()
            .join("\n")
            .into(),
    }
}

fn is_text_part(part: &Data) -> bool {
    match part {
        Data::Dict(part) => text(part, "type") == Some("text"),
        _ => false,
    }
}

/// Fields that are added to a message: `reasoning`, here, and two more before it is rendered.
const ADDED: usize = 3;

const BILLING: &str = "x-anthropic-billing-header";

/// The arguments of a call, if it has some. A call may have its function in itself.
fn arguments_of(call: &mut Data) -> Option<&mut Data> {
    let Data::Dict(call) = call else {
        return None;
    };
    if matches!(call.get("function"), Some(Data::Dict(_))) {
        return match call.get_mut("function") {
            Some(Data::Dict(function)) => function.get_mut("arguments"),
            _ => None,
        };
    }
    call.get_mut("arguments")
}

fn text_part(text: Text) -> Data {
    let mut part = Dict::new();
    part.push("type".into(), Data::Str("text".into()));
    part.push("text".into(), Data::Str(text));
    Data::Dict(part)
}

/// Whether a message has only fields that no rule changes, in the order in which servers have
/// them.
fn is_unchanged(message: &Dict) -> bool {
    let entries = message.entries();
    let mut keys = entries.iter().map(|(key, _)| &**key);
    if keys.next() != Some("role") || keys.next() != Some("content") {
        return false;
    }
    let mut next = keys.next();
    if role(message) == "tool" && next == Some("tool_call_id") {
        next = keys.next();
    }
    if next == Some("name") {
        next = keys.next();
    }
    next.is_none()
}

fn served_tool(mut tool: Dict) -> Outcome<Dict> {
    match tool.take("type") {
        None => {}
        Some(Data::Str(kind)) if &*kind == "function" => {}
        _ => return refuse("a tool that is no function"),
    }
    let Some(Data::Dict(mut function)) = tool.take("function") else {
        return refuse("a tool that is wrapped first");
    };
    let Some(name @ Data::Str(_)) = function.take("name") else {
        return refuse("a tool whose name is no text");
    };
    if tool.get("defer_loading").is_some() || function.get("defer_loading").is_some() {
        return refuse("a tool that is loaded later");
    }
    let mut served = Dict::new();
    served.push("name".into(), name);
    for field in ["description", "parameters"] {
        served.push(field.into(), function.take(field).unwrap_or(Data::None));
    }
    match function.take("strict") {
        None | Some(Data::None) => {}
        Some(strict) => served.push("strict".into(), strict),
    }
    let mut whole = Dict::new();
    whole.push("type".into(), Data::Str("function".into()));
    whole.push("function".into(), Data::Dict(served));
    Ok(whole)
}
