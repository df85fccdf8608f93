//! Messages in `OpenAI`'s form, as the dataset has them.

use super::fields::{
    Harmless, leave_out, must_be_off, must_say_nothing, says_nothing, text_or_none,
};
use super::json::{is_blank, parse};
use super::refusal::{Outcome, refuse};
use crate::data::{Data, Dict, Text};

/// How messages are read.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub harmless: &'a Harmless,
    /// Whether arguments of calls that are JSON in a string become objects.
    pub parses_arguments: bool,
}

impl Reader<'_> {
    /// Reads a message. Its fields stay in their order.
    pub fn message(self, value: Data) -> Outcome<Dict> {
        let Data::Dict(value) = value else {
            return refuse("a message that is no object");
        };
        if is_plain(&value) {
            return Ok(value);
        }
        let mut message = Dict::with_capacity(value.len());
        let mut has_role = false;
        for (key, value) in value.into_entries() {
            match &*key {
                "role" => {
                    check_role(&value)?;
                    has_role = true;
                    message.push(key, value);
                }
                "content" => {
                    if matches!(value, Data::List(_)) {
                        return refuse("content in parts");
                    }
                    text_or_none(&value)?;
                    message.push(key, value);
                }
                "name" | "tool_call_id" | "reasoning_content" | "reasoning" | "thinking" => {
                    text_or_none(&value)?;
                    message.push(key, value);
                }
                "tool_calls" => match value {
                    Data::None => message.push(key, value),
                    // An empty list of calls is no call.
                    Data::List(calls) if calls.is_empty() => {}
                    Data::List(calls) => message.push(key, self.calls(calls)?),
                    _ => return refuse("calls that are no array"),
                },
                "function_call" => must_say_nothing(&value)?,
                "prefix" | "partial" => must_be_off(&value)?,
                "type" => match &value {
                    Data::None => {}
                    Data::Str(kind) if &**kind == "message" => {}
                    _ => return refuse("an item that is no message"),
                },
                _ => leave_out(&key, &value, &self.harmless.message)?,
            }
        }
        if !has_role {
            return refuse("a message without a role");
        }
        Ok(message)
    }

    fn calls(self, calls: Vec<Data>) -> Outcome<Data> {
        let calls = calls.into_iter().map(|call| self.call(call));
        Ok(Data::List(calls.collect::<Outcome<_>>()?))
    }

    fn call(self, call: Data) -> Outcome<Data> {
        let Data::Dict(call) = call else {
            return refuse("a call that is no object");
        };
        let mut kept = Dict::new();
        let mut has_function = false;
        for (key, value) in call.into_entries() {
            match &*key {
                "id" | "type" => kept.push(key, value),
                "function" => {
                    has_function = true;
                    kept.push(key, self.function(value)?);
                }
                _ => leave_out(&key, &value, &self.harmless.call)?,
            }
        }
        if !has_function {
            return refuse("a call that has its function in itself");
        }
        Ok(Data::Dict(kept))
    }

    fn function(self, function: Data) -> Outcome<Data> {
        let Data::Dict(function) = function else {
            return refuse("a function that is no object");
        };
        let mut kept = Dict::new();
        let mut has_name = false;
        for (key, value) in function.into_entries() {
            match (&*key, value) {
                ("name", Data::Str(name)) => {
                    has_name = true;
                    kept.push(key, Data::Str(name));
                }
                ("name", _) => return refuse("a function whose name is no text"),
                ("arguments", value) => kept.push(key, self.arguments(value)?),
                (_, value) => leave_out(&key, &value, &self.harmless.call)?,
            }
        }
        if !has_name {
            return refuse("a function without a name");
        }
        Ok(Data::Dict(kept))
    }

    /// Reads arguments. A text that is JSON, but no object, stays a text.
    fn arguments(self, arguments: Data) -> Outcome<Data> {
        match arguments {
            Data::Str(text) if self.parses_arguments && !is_blank(&text) => {
                // If it is no JSON, Python decides whether it is none there, too.
                match parse(&text)? {
                    Data::Dict(parsed) => Ok(Data::Dict(parsed)),
                    _ => Ok(Data::Str(text)),
                }
            }
            Data::None | Data::Dict(_) | Data::Str(_) => Ok(arguments),
            _ => refuse("arguments that are neither an object nor a text"),
        }
    }
}

/// Whether a message is a role and a text, as most are, and may stay as it is.
fn is_plain(message: &Dict) -> bool {
    let mut has_role = false;
    let plain = message.entries().iter().all(|(key, value)| match &**key {
        "role" => {
            has_role = true;
            check_role(value).is_ok()
        }
        "content" => matches!(value, Data::Str(_)),
        _ => false,
    });
    plain && has_role
}

fn check_role(value: &Data) -> Outcome<()> {
    match value {
        Data::Str(role) if matches!(&**role, "system" | "user" | "assistant" | "tool") => Ok(()),
        // Functions become tools, and developer messages move in some profiles.
        _ => refuse("a role that is not read here"),
    }
}

/// Reads the tools in a field, which may be JSON in a string.
pub fn read_tools(value: Data) -> Outcome<Option<Vec<Dict>>> {
    let value = match value {
        Data::Str(text) if text.is_empty() => return Ok(None),
        Data::Str(text) => parse(&text)?,
        value => value,
    };
    let items = match value {
        Data::None => return Ok(None),
        Data::List(items) => items,
        _ => return refuse("tools that are no array"),
    };
    let tools = items.into_iter().map(|item| match item {
        Data::Dict(tool) => Ok(tool),
        _ => refuse("a tool that is no object"),
    });
    tools.collect::<Outcome<_>>().map(Some)
}

/// Refuses what a record or a row asks of a server, if it may change a prompt; says whether
/// the field is one of those.
pub fn is_request(key: &str, value: &Data) -> Outcome<bool> {
    match key {
        "tool_choice" => match value {
            Data::None => {}
            Data::Str(choice) if matches!(&**choice, "auto" | "required") => {}
            _ => return refuse("a choice of tools"),
        },
        "function_call" | "functions" | "documents" | "chat_template_kwargs" => {
            // Not even an empty list of functions says nothing.
            match value {
                Data::Dict(_) if key == "chat_template_kwargs" => must_say_nothing(value)?,
                Data::None => {}
                _ => return refuse("a field that Python reads"),
            }
        }
        "response_format" => must_say_nothing(value)?,
        "reasoning_effort" => match value {
            Data::Str(effort) if &**effort == "auto" => {}
            _ => must_say_nothing(value).and_then(|()| text_or_none(value))?,
        },
        "continue_final_message" => must_be_off(value)?,
        "add_generation_prompt" => match value {
            Data::None | Data::Bool(true) => {}
            _ => return refuse("a request without a generation prompt"),
        },
        _ => return Ok(false),
    }
    Ok(true)
}

/// The name in a field of a record: a text or a whole number.
pub fn read_name(value: Data) -> Outcome<Option<Text>> {
    match value {
        Data::None => Ok(None),
        Data::Str(name) => Ok(Some(name)),
        Data::Big(digits) => Ok(Some(Text::new(&digits))),
        Data::Int(number) => Ok(Some(number.to_string().into())),
        _ => refuse("a name that is neither a text nor a whole number"),
    }
}

/// The system prompt in a field of a record.
pub fn read_system(value: Data) -> Outcome<Option<Text>> {
    match value {
        Data::Str(prompt) if !prompt.is_empty() => Ok(Some(prompt)),
        value if says_nothing(&value) && !matches!(value, Data::List(_) | Data::Dict(_)) => {
            Ok(None)
        }
        _ => refuse("a system prompt that is no text"),
    }
}

/// The message of a system prompt that stands beside the others.
pub fn system_message(prompt: Text) -> Dict {
    let mut message = Dict::new();
    message.push("role".into(), Data::Str("system".into()));
    message.push("content".into(), Data::Str(prompt));
    message
}
