//! Where prompts come from: the seam between rendering and counting.

use crate::data::Data;
use crate::render::Template;
use crate::render::value::Fault;

/// One client turn, by its place in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    pub conversation: usize,
    pub turn: usize,
}

/// A conversation: its messages, each held once, and the prefix lengths that are its turns.
#[derive(Debug, Default)]
pub struct Conversation {
    pub messages: Vec<Data>,
    pub tools: Option<Data>,
    pub turns: Vec<usize>,
}

/// Gives prompts, as the pieces of text of which they consist, in order.
///
/// A piece may have been rendered for this turn or for an earlier one; who counts cannot tell.
pub trait Source: Sync {
    /// Number of turns of each conversation.
    fn turns(&self) -> Vec<usize>;

    /// Rough size of a turn's prompt, for scheduling.
    fn weight(&self, turn: Turn) -> usize;

    /// Calls `piece` with the pieces of a turn's prompt.
    ///
    /// # Errors
    ///
    /// Why the turn has no prompt here.
    fn pieces(&self, turn: Turn, piece: &mut dyn FnMut(&str)) -> Result<(), Fault>;
}

/// Prompts rendered for each turn anew.
#[derive(Debug)]
pub struct Rendered<'r> {
    template: &'r Template,
    conversations: &'r [Conversation],
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

impl<'r> Rendered<'r> {
    #[must_use]
    pub fn new(template: &'r Template, conversations: &'r [Conversation]) -> Self {
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

impl Source for Rendered<'_> {
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

    fn pieces(&self, turn: Turn, piece: &mut dyn FnMut(&str)) -> Result<(), Fault> {
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
            .render(messages, conversation.tools.as_ref(), &mut out)?;
        piece(&out);
        Ok(())
    }
}

/// Prompts that somebody else rendered: lists of turns' prompts, None for what is no text.
#[derive(Debug)]
pub struct Given<T>(pub Vec<Vec<Option<T>>>);

impl<T: AsRef<str> + Sync> Source for Given<T> {
    fn turns(&self) -> Vec<usize> {
        self.0.iter().map(Vec::len).collect()
    }

    fn weight(&self, turn: Turn) -> usize {
        let prompt = self.0[turn.conversation][turn.turn].as_ref();
        prompt.map_or(0, |text| text.as_ref().len())
    }

    fn pieces(&self, turn: Turn, piece: &mut dyn FnMut(&str)) -> Result<(), Fault> {
        let Some(prompt) = &self.0[turn.conversation][turn.turn] else {
            return Err(Fault::Unsupported("the prompt is no valid text".to_owned()));
        };
        piece(prompt.as_ref());
        Ok(())
    }
}
