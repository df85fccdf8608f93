//! A tokenizer: how it is read, where it cuts, and how it counts a text.

pub mod load;
pub mod markers;
#[cfg(test)]
pub mod testing;
pub mod words;
