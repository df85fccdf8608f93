//! Why something has no result.

use std::any::Any;

/// Why a turn has no prompt or no count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The template raises, here as in Jinja2.
    Raised(String),
    /// This core is not known to do the same as Jinja2 and the tokenizer here.
    Unsupported(String),
    /// The call was cancelled while this turn was rendered.
    Cancelled,
}

/// Boxed, because nearly every evaluation succeeds and moves its result.
pub type Outcome<T> = Result<T, Box<Fault>>;

pub fn raised<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Box::new(Fault::Raised(message.into())))
}

pub fn unsupported<T>(reason: impl Into<String>) -> Outcome<T> {
    Err(Box::new(Fault::Unsupported(reason.into())))
}

/// The message of a caught panic.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_default())
}
