//! Where prompts come from, as counting sees it.

use std::sync::atomic::AtomicBool;

use crate::fault::Fault;

/// One client turn, by its place in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    pub conversation: usize,
    pub turn: usize,
}

/// The prompt of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prompt<'r> {
    pub text: &'r str,
    /// Number of bytes at its start that are those of the prompt that was read before it.
    pub kept: usize,
}

/// Gives the prompts of a conversation's turns, one after the other.
pub trait Reader {
    /// The prompt of a turn, which is best the one after the turn that was read last.
    ///
    /// # Errors
    ///
    /// Why the turn has no prompt here.
    fn read(&mut self, turn: usize) -> Result<Prompt<'_>, Fault>;

    /// The text of the turn that was read last with the answer to it, if there is one.
    ///
    /// # Errors
    ///
    /// Why the template does not write it here.
    fn answered(&mut self, turn: usize) -> Result<Option<&str>, Fault>;

    /// Number of statements of the template that were run for all turns.
    fn statements(&self) -> u64;

    /// A construct of the template that was rendered again in every turn, if there was one.
    fn restarts(&self) -> Option<&'static str>;
}

/// Gives the prompts of all turns. It lives as long as the last worker that reads it.
pub trait Source: Send + Sync + 'static {
    /// Number of turns of each conversation.
    fn turns(&self) -> Vec<usize>;

    /// Rough size of a turn's prompt in bytes, for scheduling.
    fn weight(&self, turn: Turn) -> usize;

    /// Reads a conversation. A prompt may take long to make, but not after `stop` became true.
    fn reader<'s>(&'s self, conversation: usize, stop: &'s AtomicBool) -> Box<dyn Reader + 's>;
}
