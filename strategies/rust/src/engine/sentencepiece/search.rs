//! Searches a text for those of a set that stand at its start.

use crate::engine::trie::Trie;

/// Finds some texts, none of which is there twice.
///
/// # Errors
///
/// If there are too many.
pub fn trie(mut texts: Vec<(&[u8], u32)>) -> Result<Trie, String> {
    texts.sort_unstable();
    Trie::new(&texts).ok_or_else(|| "its SentencePiece model is too large".to_owned())
}

/// Length of the longest text of a trie with which `text` begins.
#[must_use]
pub fn longest(trie: &Trie, text: &[u8]) -> Option<usize> {
    let mut longest = None;
    trie.prefixes(text, |length, _| longest = Some(length));
    longest
}
