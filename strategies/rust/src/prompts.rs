//! Prompts for counting: rendered here, or given. Only this file knows both sides.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::count::source::{Source, Turn};
use crate::data::Data;
use crate::fault::Fault;
use crate::render::Template;

/// A conversation: its messages, each held once, and the prefix lengths that are its turns.
#[derive(Debug, Default)]
pub struct Conversation {
    pub messages: Vec<Data>,
    pub tools: Option<Data>,
    pub turns: Vec<usize>,
}

/// Prompts that this core renders, each turn from its first message on.
#[derive(Debug)]
pub struct Rendered {
    template: Arc<Template>,
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
    #[must_use]
    pub fn new(template: Arc<Template>, conversations: Vec<Conversation>) -> Self {
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
        Self {
            template,
            conversations,
            sizes,
        }
    }
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

    fn prompt(&self, turn: Turn, stop: &AtomicBool) -> Result<Cow<'_, str>, Fault> {
        let conversation = &self.conversations[turn.conversation];
        let prefix = conversation.turns[turn.turn];
        let Some(messages) = conversation.messages.get(..prefix) else {
            return Err(Fault::Raised(format!(
                "the turn has {prefix} messages, the conversation {}",
                conversation.messages.len()
            )));
        };
        let mut out = String::with_capacity(self.weight(turn) + 1024);
        self.template
            .render(messages, conversation.tools.as_ref(), stop, &mut out)?;
        Ok(out.into())
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

    fn prompt(&self, turn: Turn, _: &AtomicBool) -> Result<Cow<'_, str>, Fault> {
        let Some(prompt) = &self.0[turn.conversation][turn.turn] else {
            return Err(Fault::Unsupported("the prompt is no valid text".to_owned()));
        };
        Ok(prompt.as_ref().into())
    }
}
