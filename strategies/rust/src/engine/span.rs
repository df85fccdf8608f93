//! What an engine counts.

/// A text between two markers, without what those strip from it.
#[derive(Debug, Clone, Copy)]
pub struct Span<'t> {
    pub text: &'t str,
    /// Whether it is the beginning of the prompt.
    pub first: bool,
    /// Whether it goes on a text that was cut at one of the places that the engine knows.
    pub goes_on: bool,
}
