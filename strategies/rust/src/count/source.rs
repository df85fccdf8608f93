//! Where prompts come from, as counting sees it.

use std::borrow::Cow;
use std::sync::atomic::AtomicBool;

use crate::fault::Fault;

/// One client turn, by its place in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    pub conversation: usize,
    pub turn: usize,
}

/// Gives the prompt of each turn. It lives as long as the last worker that reads it.
pub trait Source: Send + Sync + 'static {
    /// Number of turns of each conversation.
    fn turns(&self) -> Vec<usize>;

    /// Rough size of a turn's prompt in bytes, for scheduling.
    fn weight(&self, turn: Turn) -> usize;

    /// The prompt of a turn. To make it may take long, but not after `stop` has become true.
    ///
    /// # Errors
    ///
    /// Why the turn has no prompt here.
    fn prompt(&self, turn: Turn, stop: &AtomicBool) -> Result<Cow<'_, str>, Fault>;
}
