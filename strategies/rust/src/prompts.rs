//! Prompts for counting: rendered here, or given. Only this file knows both sides.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::count::source::{Prompt, Reader, Source, Turn};
use crate::data::Data;
use crate::fault::Fault;
use crate::prefix::common_prefix;
use crate::render::{Grown, Template, Turns};

/// A conversation: its messages, each held once, and the prefix lengths that are its turns.
#[derive(Debug, Default)]
pub struct Conversation {
    pub messages: Vec<Data>,
    pub tools: Option<Data>,
    pub turns: Vec<usize>,
}

/// Prompts that this core renders.
#[derive(Debug)]
pub struct Rendered {
    template: Arc<Template>,
    /// The template that writes no generation prompt, if answers are asked for.
    answering: Option<Template>,
    conversations: Vec<Conversation>,
    /// Size of the messages before each index, one list for each conversation.
    sizes: Vec<Vec<usize>>,
}

fn size(data: &Data) -> usize {
    match data {
        Data::Str(text) => text.len(),
        Data::List(items) => items.iter().map(size).sum(),
        Data::Dict(dict) => dict
            .entries()
            .iter()
            .map(|(key, value)| key.len() + size(value))
            .sum(),
        _ => 8,
    }
}

impl Rendered {
    /// Takes a template and conversations; `answers` says whether their answers are asked for.
    #[must_use]
    pub fn new(template: Arc<Template>, conversations: Vec<Conversation>, answers: bool) -> Self {
        let sizes = conversations
            .iter()
            .map(|conversation| {
                let mut total = conversation.tools.as_ref().map_or(0, size);
                let mut sizes = vec![total];
                for message in &conversation.messages {
                    total += size(message) + 64;
                    sizes.push(total);
                }
                sizes
            })
            .collect();
        let answering =
            answers.then(|| template.with_variable("add_generation_prompt", Data::Bool(false)));
        Self {
            template,
            answering,
            conversations,
            sizes,
        }
    }
}

fn is_assistants(message: &Data) -> bool {
    let role = match message {
        Data::Dict(message) => message.get("role"),
        _ => None,
    };
    matches!(role, Some(Data::Str(role)) if &**role == "assistant")
}

impl Source for Rendered {
    fn turns(&self) -> Vec<usize> {
        self.conversations
            .iter()
            .map(|conversation| conversation.turns.len())
            .collect()
    }

    fn weight(&self, turn: Turn) -> usize {
        let prefix = self.conversations[turn.conversation].turns[turn.turn];
        let sizes = &self.sizes[turn.conversation];
        sizes[prefix.min(sizes.len() - 1)]
    }

    fn reader<'s>(&'s self, conversation: usize, stop: &'s AtomicBool) -> Box<dyn Reader + 's> {
        let conversation = &self.conversations[conversation];
        let tools = conversation.tools.as_ref();
        let turns = |template: &'s Template| template.turns(&conversation.messages, tools, stop);
        Box::new(Rendering {
            turns: turns(&self.template),
            answered: self.answering.as_ref().map(turns),
            conversation,
            statements: 0,
        })
    }
}

/// The prompts of a conversation, each rendered from the one before.
struct Rendering<'s> {
    turns: Turns<'s>,
    answered: Option<Turns<'s>>,
    conversation: &'s Conversation,
    statements: u64,
}

impl Reader for Rendering<'_> {
    fn read(&mut self, turn: usize) -> Result<Prompt<'_>, Fault> {
        let (prefix, all) = (
            self.conversation.turns[turn],
            self.conversation.messages.len(),
        );
        if prefix > all {
            return Err(Fault::Raised(format!(
                "the turn has {prefix} messages, the conversation {all}"
            )));
        }
        let rendered = self.turns.render(prefix);
        self.statements += rendered.statements;
        let Grown { text, kept } = rendered.prompt.map_err(|fault| *fault)?;
        Ok(Prompt { text, kept })
    }

    fn answered(&mut self, turn: usize) -> Result<Option<&str>, Fault> {
        let prefix = self.conversation.turns[turn];
        let message = self.conversation.messages.get(prefix);
        let (Some(turns), Some(message)) = (&mut self.answered, message) else {
            return Ok(None);
        };
        if !is_assistants(message) {
            return Ok(None);
        }
        let rendered = turns.render(prefix + 1);
        self.statements += rendered.statements;
        let Grown { text, .. } = rendered.prompt.map_err(|fault| *fault)?;
        Ok(Some(text))
    }

    fn statements(&self) -> u64 {
        self.statements
    }

    fn restarts(&self) -> Option<&'static str> {
        self.turns.restarts()
    }
}

/// Prompts that Jinja2 rendered, one list for each conversation; None if one is not valid text.
#[derive(Debug)]
pub struct Prompts<T>(pub Vec<Vec<Option<T>>>);

impl<T: AsRef<str> + Send + Sync + 'static> Source for Prompts<T> {
    fn turns(&self) -> Vec<usize> {
        self.0.iter().map(Vec::len).collect()
    }

    fn weight(&self, turn: Turn) -> usize {
        let prompt = self.0[turn.conversation][turn.turn].as_ref();
        prompt.map_or(0, |text| text.as_ref().len())
    }

    fn reader<'s>(&'s self, conversation: usize, _: &'s AtomicBool) -> Box<dyn Reader + 's> {
        Box::new(Given {
            prompts: &self.0[conversation],
            before: "",
        })
    }
}

/// The prompts of a conversation that are there already.
struct Given<'s, T> {
    prompts: &'s [Option<T>],
    before: &'s str,
}

impl<T: AsRef<str>> Reader for Given<'_, T> {
    fn read(&mut self, turn: usize) -> Result<Prompt<'_>, Fault> {
        let Some(prompt) = &self.prompts[turn] else {
            return Err(Fault::Unsupported("the prompt is no valid text".to_owned()));
        };
        let text = prompt.as_ref();
        let kept = common_prefix(text, self.before);
        self.before = text;
        Ok(Prompt { text, kept })
    }

    fn answered(&mut self, _: usize) -> Result<Option<&str>, Fault> {
        Ok(None)
    }

    fn statements(&self) -> u64 {
        0
    }

    fn restarts(&self) -> Option<&'static str> {
        None
    }
}
