//! Cuts the growing prompts of one conversation, searching only what is new in each.
//!
//! A turn's prompt mostly starts with the previous turn's, so the search for markers resumes
//! near the first difference.

use super::spans::{Span, Spans};
use crate::tokenizer::markers::{Cutter, EDGE, Marker};

/// The prompt that is cut, and what is known from the prompt before it.
#[derive(Debug, Default)]
pub struct GrowingPrompt {
    text: String,
    /// End of each marker in `text`, and which it is.
    cuts: Vec<(usize, Marker)>,
    /// Number of bytes at the start that are those of the prompt before.
    common: usize,
}

/// How many spans a prompt shares with the prompt before it, and how many follow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutTurn {
    pub kept: usize,
    pub added: usize,
}

impl GrowingPrompt {
    /// Length of the prompt in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Takes the next prompt, writing only what differs from the one before.
    pub fn take(&mut self, prompt: &str) {
        let mut common = common_prefix(self.text.as_bytes(), prompt.as_bytes());
        while !prompt.is_char_boundary(common) {
            common -= 1;
        }
        // The bytes before it are the same in both, so it is a boundary in the old text, too.
        self.text.truncate(common);
        self.text.push_str(&prompt[common..]);
        self.common = common;
    }

    /// Cuts the prompt and appends the numbers of its new spans to `numbers`.
    pub fn cut(&mut self, cutter: &Cutter, spans: &Spans, numbers: &mut Vec<u32>) -> CutTurn {
        // To decide on a marker the search read no further than the longest token from its
        // start, so if that lies in the common part it decides in the same way again.
        let safe = self.common.saturating_sub(cutter.longest());
        let kept = self.cuts.partition_point(|cut| cut.0 <= safe);
        self.cuts.truncate(kept);
        let (mut from, mut before) = self.cuts.last().copied().unwrap_or((0, EDGE));
        let already = numbers.len();
        let text = self.text.as_str();
        loop {
            let cut = cutter.next(text, from);
            let (end, after) = cut.map_or((text.len(), EDGE), |cut| (cut.start, cut.marker));
            numbers.push(spans.number(Span {
                before,
                text: &text[from..end],
                after,
            }));
            let Some(cut) = cut else { break };
            self.cuts.push((cut.end, cut.marker));
            from = cut.end;
            before = cut.marker;
        }
        CutTurn {
            kept,
            added: numbers.len() - already,
        }
    }
}

/// Number of equal bytes at the start of both.
fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    const BLOCK: usize = 4096;
    let len = left.len().min(right.len());
    let mut at = 0;
    while at + BLOCK <= len && left[at..at + BLOCK] == right[at..at + BLOCK] {
        at += BLOCK;
    }
    at + left[at..len]
        .iter()
        .zip(&right[at..len])
        .take_while(|(one, two)| one == two)
        .count()
}

#[cfg(test)]
mod tests {
    use super::common_prefix;

    #[test]
    fn common_prefixes() {
        assert_eq!(common_prefix(b"", b"a"), 0);
        assert_eq!(common_prefix(b"ab", b"ac"), 1);
        let long = vec![7; 10_000];
        let mut other = long.clone();
        assert_eq!(common_prefix(&long, &other), 10_000);
        other[9_000] = 1;
        assert_eq!(common_prefix(&long, &other), 9_000);
    }
}
