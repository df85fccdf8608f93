//! The messages that the filters of a template pick, as far as they were looked at.

use std::sync::Arc;

use crate::render::added::Added;
use crate::render::program::Args;

/// The messages that a filter has picked so far.
pub struct Pick<'a> {
    /// Of the filter: no other one has them in the same place.
    pub args: &'a Args,
    pub start: usize,
    /// Up to where it was looked.
    pub seen: usize,
    pub places: Arc<Added<usize>>,
}

impl<'a> Pick<'a> {
    pub fn new(args: &'a Args, start: usize) -> Self {
        Self {
            args,
            start,
            seen: start,
            places: Arc::default(),
        }
    }
}
