//! Chunks: the pieces of work that workers take, whole conversations or runs of their turns.

use std::cmp::Reverse;
use std::ops::Range;

use super::source::{Source, Turn};

/// Turns that are cut before their spans are encoded: this bounds the memory that they take.
const BATCH: usize = 1 << 15;

/// Work for a turn beyond the bytes of its prompt, in bytes.
const TURN: usize = 256;

/// Consecutive turns of one conversation.
#[derive(Debug, Clone, Copy)]
pub struct Chunk {
    pub conversation: usize,
    pub first: usize,
    /// One past the last turn.
    pub end: usize,
    weight: usize,
}

impl Chunk {
    fn empty(conversation: usize, first: usize) -> Self {
        Self {
            conversation,
            first,
            end: first,
            weight: 0,
        }
    }
}

/// The conversations from `first` on that make up the next batch: at least one.
pub fn next_batch(turns: &[usize], first: usize) -> Range<usize> {
    let (mut end, mut size) = (first, 0);
    while end < turns.len() && (end == first || size + turns[end] <= BATCH) {
        size += turns[end];
        end += 1;
    }
    first..end
}

/// Splits the turns of some conversations so that each chunk is a small part of a worker's share.
///
/// The heaviest chunks come first, so that no worker begins a long one when the others end.
pub fn chunks(
    source: &dyn Source,
    turns: &[usize],
    conversations: Range<usize>,
    workers: usize,
) -> Vec<Chunk> {
    let weigh =
        |conversation: usize, turn: usize| source.weight(Turn { conversation, turn }) + TURN;
    let total: usize = conversations
        .clone()
        .map(|conversation| {
            (0..turns[conversation])
                .map(|turn| weigh(conversation, turn))
                .sum::<usize>()
        })
        .sum();
    // One worker takes whole conversations, because each turn goes on from the turn before.
    let most = if workers <= 1 {
        usize::MAX
    } else {
        total / (workers * 4) + 1
    };
    let mut chunks = Vec::new();
    for conversation in conversations {
        let mut chunk = Chunk::empty(conversation, 0);
        for turn in 0..turns[conversation] {
            chunk.weight += weigh(conversation, turn);
            chunk.end = turn + 1;
            if chunk.weight >= most {
                chunks.push(chunk);
                chunk = Chunk::empty(conversation, turn + 1);
            }
        }
        if chunk.end > chunk.first {
            chunks.push(chunk);
        }
    }
    chunks.sort_by_key(|chunk| Reverse(chunk.weight));
    chunks
}

#[cfg(test)]
mod tests {
    use super::{BATCH, next_batch};

    #[test]
    fn batches_are_whole_conversations_and_at_least_one() {
        assert_eq!(next_batch(&[BATCH - 1, 1, 1], 0), 0..2);
        assert_eq!(next_batch(&[BATCH * 2, 1, 1], 0), 0..1);
        assert_eq!(next_batch(&[BATCH * 2, 1, 1], 1), 1..3);
    }
}
