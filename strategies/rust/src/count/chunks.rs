//! Chunks: the pieces of work that workers take, whole conversations or runs of their turns.

use std::cmp::Reverse;
use std::ops::Range;

use super::source::{Source, Turn};

/// Turns that are cut before their spans are encoded: this bounds the memory that they take.
const BATCH: usize = 1 << 15;

/// Work for a turn beyond the bytes that are new in its prompt, in bytes.
const TURN: usize = 4096;

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
/// A chunk takes as much work as the last of its prompts is long, because each turn goes on from
/// the turn before. So a conversation is split only if its later part is worth to make its first
/// prompt again. The heaviest chunks come first, so that no worker begins a long one when the
/// others end.
pub fn chunks(
    source: &dyn Source,
    turns: &[usize],
    conversations: Range<usize>,
    workers: usize,
) -> Vec<Chunk> {
    let weigh = |conversation: usize, turn: usize| source.weight(Turn { conversation, turn });
    let total: usize = conversations
        .clone()
        .filter(|conversation| turns[*conversation] > 0)
        .map(|conversation| {
            let last = turns[conversation] - 1;
            weigh(conversation, last) + TURN * turns[conversation]
        })
        .sum();
    let most = if workers <= 1 {
        usize::MAX
    } else {
        total / (workers * 4) + 1
    };
    let mut chunks = Vec::new();
    for conversation in conversations {
        let mut chunk = Chunk::empty(conversation, 0);
        let mut again = 0;
        for turn in 0..turns[conversation] {
            let prompt = weigh(conversation, turn);
            chunk.end = turn + 1;
            chunk.weight = prompt + TURN * (chunk.end - chunk.first);
            let own = chunk.weight.saturating_sub(again);
            if own >= most && own >= 2 * again {
                chunks.push(chunk);
                chunk = Chunk::empty(conversation, turn + 1);
                again = prompt;
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
    use std::sync::atomic::AtomicBool;

    use super::{BATCH, chunks, next_batch};
    use crate::count::source::{Reader, Source, Turn};

    /// Conversations of this many turns, each of which adds so many bytes to the prompt.
    struct Sizes(Vec<usize>, usize);

    impl Source for Sizes {
        fn turns(&self) -> Vec<usize> {
            self.0.clone()
        }

        fn weight(&self, turn: Turn) -> usize {
            (turn.turn + 1) * self.1
        }

        fn reader<'s>(&'s self, _: usize, _: &'s AtomicBool) -> Box<dyn Reader + 's> {
            unreachable!("nothing is read")
        }
    }

    fn lengths(sizes: &Sizes, workers: usize) -> Vec<usize> {
        let turns = sizes.turns();
        let chunks = chunks(sizes, &turns, 0..turns.len(), workers);
        assert!(chunks.is_sorted_by(|one, two| one.weight >= two.weight));
        let mut pieces: Vec<_> = chunks
            .iter()
            .map(|chunk| (chunk.conversation, chunk.first, chunk.end))
            .collect();
        pieces.sort_unstable();
        let mut covered = vec![0; turns.len()];
        for (conversation, first, end) in &pieces {
            assert_eq!(covered[*conversation], *first);
            covered[*conversation] = *end;
        }
        assert_eq!(covered, turns);
        pieces.iter().map(|(_, first, end)| end - first).collect()
    }

    #[test]
    fn batches_are_whole_conversations_and_at_least_one() {
        assert_eq!(next_batch(&[BATCH - 1, 1, 1], 0), 0..2);
        assert_eq!(next_batch(&[BATCH * 2, 1, 1], 0), 0..1);
        assert_eq!(next_batch(&[BATCH * 2, 1, 1], 1), 1..3);
    }

    #[test]
    fn conversations_stay_whole_if_there_are_enough_or_one_worker() {
        assert_eq!(lengths(&Sizes(vec![50; 20], 500), 2), [50; 20]);
        assert_eq!(lengths(&Sizes(vec![400, 0], 500), 1), [400]);
    }

    #[test]
    fn a_conversation_of_many_turns_is_split() {
        let pieces = lengths(&Sizes(vec![400], 100), 2);
        assert!(
            pieces.len() >= 4 && pieces.iter().all(|turns| *turns <= 100),
            "{pieces:?}"
        );
    }

    #[test]
    fn a_conversation_of_long_turns_is_split_into_few() {
        let pieces = lengths(&Sizes(vec![400], 100_000), 2);
        assert!(pieces.len() <= 3, "{pieces:?}");
    }
}
