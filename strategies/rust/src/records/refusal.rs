//! Why a dataset is left to Python's readers.

/// A reason. It is no error of the dataset: Python's readers decide about that, and word it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(pub &'static str);

pub type Outcome<T> = Result<T, Refusal>;

pub fn refuse<T>(reason: &'static str) -> Outcome<T> {
    Err(Refusal(reason))
}
