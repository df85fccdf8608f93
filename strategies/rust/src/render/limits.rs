//! How much one render may do.
//!
//! A render that reaches a limit here is left to Jinja2, whose limits are the same or a little
//! wider (`strategies/chat/limits.py`), and which words the error.

use std::cell::Cell;

use crate::fault::{Outcome, unsupported};

/// Most items of a list that a template makes.
const MAX_ITEMS: usize = 1 << 22;

/// Steps of a macro call. Jinja2 takes that much longer for it than for an item of a loop.
pub const OF_A_MACRO: u64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Items of loops, and [`OF_A_MACRO`] for each call of a macro.
    pub steps: u64,
    /// Bytes of the prompt, and of every text that the template makes.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: u64::MAX,
            bytes: usize::MAX,
        }
    }
}

thread_local! {
    /// The limit of bytes in the render that runs on this thread. Filters and methods, which get
    /// values only, ask for it here.
    static BYTES: Cell<usize> = const { Cell::new(usize::MAX) };
    /// The most bytes that were asked for since [`watch`].
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// Sets the limit of the render that begins on this thread.
pub fn begin(limits: Limits) {
    BYTES.set(limits.bytes);
}

/// Begins to watch how many bytes are asked for.
pub fn watch() {
    MOST.set(0);
}

/// The most bytes that were asked for since [`watch`].
pub fn most() -> usize {
    MOST.get()
}

/// Fails if a text of this many bytes is too long. Asked before it is made, because an allocation
/// that fails ends the process.
pub fn check_bytes(bytes: usize) -> Outcome<()> {
    MOST.set(MOST.get().max(bytes));
    if bytes > BYTES.get() {
        return unsupported("a text beyond the limit of its length");
    }
    Ok(())
}

/// Fails if a list of this many items is too long.
pub fn check_items(items: usize) -> Outcome<()> {
    if items > MAX_ITEMS {
        return unsupported("a list beyond the limit of its length");
    }
    Ok(())
}
