//! The messages profiles: how a server gives messages to the template.
//!
//! `strategies/profiles/` has the rules, with their sources. What a profile refuses there is
//! refused here, too, and Python says which turn has no prompt, and why.

use super::conversation::{Conversation, role};
use super::fields::text;
use super::refusal::{Outcome, refuse};
use crate::data::{Data, Dict};

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
        let messages = messages.map(|message| match self.profile {
            Profile::AsWritten => self.written(message),
            Profile::Vllm => self.served(message),
        });
        let tools = conversation.tools.map(|tools| match self.profile {
            Profile::AsWritten => Ok(tools),
            Profile::Vllm => tools.into_iter().map(served_tool).collect(),
        });
        Ok(Conversation {
            messages: messages.collect::<Outcome<_>>()?,
            tools: tools.transpose()?,
            ..conversation
        })
    }

    /// As it is, but arguments that are null or empty are an object.
    fn written(self, mut message: Dict) -> Outcome<Dict> {
        if !self.parses_arguments {
            return Ok(message);
        }
        if let Some(Data::List(calls)) = message.get_mut("tool_calls") {
            for arguments in calls.iter_mut().filter_map(arguments_of) {
                match arguments {
                    Data::Dict(_) => {}
                    Data::None => *arguments = Data::Dict(Dict::new()),
                    Data::Str(text) if text.is_empty() => *arguments = Data::Dict(Dict::new()),
                    // A text that holds an object was parsed when it was read.
                    _ => return refuse("arguments that are no object"),
                }
            }
        }
        Ok(message)
    }

    fn served(self, mut message: Dict) -> Outcome<Dict> {
        let is_tool = role(&message) == "tool";
        let content = text(&message, "content");
        if role(&message) == "system" && content.is_some_and(|text| text.starts_with(BILLING)) {
            return refuse("a billing header");
        }
        if content.is_some() && (is_tool || !self.reads_parts) && is_unchanged(&message) {
            return Ok(message);
        }
        let is_assistant = role(&message) == "assistant";
        let content = match message.take("content") {
            Some(Data::Str(text)) => Some(text),
            _ => None,
        };
        let mut served = Dict::new();
        served.push("role".into(), message.take("role").unwrap_or(Data::None));
        served.push(
            "content".into(),
            if is_tool || !self.reads_parts {
                Data::Str(content.unwrap_or_default())
            } else {
                Data::List(content.map(text_part).into_iter().collect())
            },
        );
        if is_assistant {
            if let Some(Data::List(calls)) = message.take("tool_calls") {
                let calls = calls.into_iter().map(|call| self.served_call(call));
                served.push(
                    "tool_calls".into(),
                    Data::List(calls.collect::<Outcome<_>>()?),
                );
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
        if let Some(name @ Data::Str(_)) = message.take("name") {
            served.push("name".into(), name);
        }
        Ok(served)
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
        let arguments = match function.take("arguments") {
            Some(arguments @ Data::Dict(_)) => arguments,
            // A text that holds an object was parsed when it was read.
            _ if self.parses_arguments => Data::Dict(Dict::new()),
            arguments => arguments.unwrap_or(Data::None),
        };
        let mut ordered = Dict::new();
        ordered.push("arguments".into(), arguments);
        ordered.push("name".into(), function.take("name").unwrap_or(Data::None));
        let mut served = Dict::new();
        if let Some(id) = id {
            served.push("id".into(), id);
        }
        served.push("function".into(), Data::Dict(ordered));
        served.push("type".into(), Data::Str("function".into()));
        Ok(Data::Dict(served))
    }
}

const BILLING: &str = "x-anthropic-billing-header";

/// The arguments of the function of a call, if it has some.
fn arguments_of(call: &mut Data) -> Option<&mut Data> {
    let Data::Dict(call) = call else {
        return None;
    };
    match call.get_mut("function") {
        Some(Data::Dict(function)) => function.get_mut("arguments"),
        _ => None,
    }
}

fn text_part(text: Box<str>) -> Data {
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
