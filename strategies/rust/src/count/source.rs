//! Where prompts come from, as counting sees it.

use std::borrow::Cow;

use crate::fault::Fault;

/// One client turn, by its place in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    pub conversation: usize,
    pub turn: usize,
}

/// Gives the prompt of each turn.
pub trait Source: Sync {
    /// Number of turns of each conversation.
    fn turns(&self) -> Vec<usize>;

    /// Rough size of a turn's prompt in bytes, for scheduling.
    fn weight(&self, turn: Turn) -> usize;

    /// The prompt of a turn.
    ///
    /// # Errors
    ///
    /// Why the turn has no prompt here.
    fn prompt(&self, turn: Turn) -> Result<Cow<'_, str>, Fault>;
}
