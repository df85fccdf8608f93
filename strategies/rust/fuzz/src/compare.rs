//! What the targets compare: each function takes any input, and says what differs.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use tokenizers::utils::SysRegex;

use crate::count::columns::Wanted;
use crate::count::count;
use crate::count::workers::{Options, Stop};
use crate::data::{Data, Dict, prepare_message};
use crate::engine::patterns::automaton::Automaton;
use crate::engine::patterns::syntax;
use crate::fault::Fault;
use crate::prompts::Prompts;
use crate::render::Template;
use crate::render::limits::Limits;
use crate::tokenizer::{SpanCounter, SpanLengths};

/// A tokenizer whose counts are compared with those of the library.
pub struct Tokenizer {
    counter: Arc<SpanCounter>,
}

impl Tokenizer {
    /// Loads a tokenizer from its JSON.
    ///
    /// # Errors
    ///
    /// If it cannot be loaded.
    pub fn new(json: &str) -> Result<Self, String> {
        Ok(Self {
            counter: Arc::new(SpanCounter::new(json, false)?),
        })
    }

    /// Counts the prompts of a conversation, span by span and whole.
    ///
    /// # Errors
    ///
    /// What differs.
    pub fn compare(&self, prompts: &[String]) -> Result<(), String> {
        let source = Arc::new(Prompts(vec![prompts.iter().cloned().map(Some).collect()]));
        let mut options = Options {
            workers: 1,
            watch: &mut |_| true,
        };
        let counts = match count(&self.counter, source, Wanted::default(), None, &mut options) {
            Ok(counts) => counts,
            Err(Stop::Cancelled | Stop::NoThreads(_)) => return Ok(()),
            Err(Stop::Internal(reason)) => return Err(reason),
        };
        for (prompt, got) in prompts.iter().zip(&counts.turns[0]) {
            let expected = self.counter.encode(prompt).ok();
            let got = got.map(|count| count as usize);
            if got != expected {
                return Err(format!("{got:?}, not {expected:?} tokens: {prompt:?}"));
            }
        }
        Ok(())
    }

    /// Name of the engine that counts; None if the library counts everything.
    #[must_use]
    pub fn engine(&self) -> Option<&'static str> {
        self.counter.engine()
    }
}

/// Finds an expression in a text as the library does; false if its scanner does not know it.
///
/// # Errors
///
/// What differs.
pub fn compare_matches(expression: &str, text: &str) -> Result<bool, String> {
    let automaton = syntax::read(expression).and_then(|node| Automaton::new(&node));
    let Some(automaton) = automaton else {
        return Ok(false);
    };
    let mut got: Vec<(usize, usize)> = Vec::new();
    while let Some(next) = automaton.find(text, got.last().map_or(0, |last| last.1)) {
        got.push(next);
    }
    let Ok(library) = SysRegex::new(expression) else {
        return Err(format!("the library does not know {expression:?}"));
    };
    let expected: Vec<_> = library.find_iter(text).collect();
    if got == expected {
        Ok(true)
    } else {
        Err(format!(
            "{got:?}, not {expected:?}: {expression:?} in {text:?}"
        ))
    }
}

/// Renders turns one after the other, and each alone; false if the template is refused.
///
/// # Errors
///
/// What differs.
pub fn compare_turns(
    tree: &str,
    variables: &Value,
    messages: &[Value],
    tools: Option<&Value>,
    turns: &[usize],
) -> Result<bool, String> {
    let Data::Dict(variables) = data(variables) else {
        return Ok(false);
    };
    let Ok(mut template) = Template::new(tree, variables) else {
        return Ok(false);
    };
    let dates = template
        .date_formats()
        .iter()
        .map(|_| "2026".to_owned())
        .collect();
    template.set_dates(dates);
    template.set_limits(Limits {
        steps: 3_000,
        bytes: 30_000,
    });
    let messages: Vec<Data> = messages
        .iter()
        .map(|message| match data(message) {
            Data::Dict(message) => Data::Dict(prepare_message(message)),
            other => other,
        })
        .collect();
    let tools = tools.map(data);
    let stop = AtomicBool::new(false);
    let mut all = template.turns(&messages, tools.as_ref(), &stop);
    for turn in turns {
        let turn = turn % (messages.len() + 1);
        let mut alone = String::new();
        let expected = template
            .render(&messages[..turn], tools.as_ref(), &stop, &mut alone)
            .map(|()| alone);
        let got = all.render(turn).prompt;
        let got = got
            .map(|grown| grown.text.to_owned())
            .map_err(|fault| *fault);
        // A limit may be met at another place: a turn alone renders more.
        let limited = |fault: &Fault| matches!(fault, Fault::Unsupported(_));
        let differs = match (&got, &expected) {
            (Err(got), Err(expected)) => got != expected && !(limited(got) || limited(expected)),
            (Ok(_), Err(fault)) | (Err(fault), Ok(_)) => !limited(fault),
            (Ok(got), Ok(expected)) => got != expected,
        };
        if differs {
            return Err(format!("turn {turn}: {got:?}, not {expected:?}"));
        }
    }
    Ok(true)
}

fn data(value: &Value) -> Data {
    match value {
        Value::Null => Data::None,
        Value::Bool(flag) => Data::Bool(*flag),
        Value::Number(number) => number.as_i64().map_or_else(
            || Data::Float(number.as_f64().unwrap_or_default()),
            Data::Int,
        ),
        Value::String(text) => Data::Str(text.clone().into()),
        Value::Array(items) => Data::List(items.iter().map(data).collect()),
        Value::Object(pairs) => {
            let mut dict = Dict::new();
            for (key, value) in pairs {
                dict.set(key, data(value));
            }
            Data::Dict(dict)
        }
    }
}
