//! Cuts the growing prompts of one conversation, searching only what is new in each.
//!
//! A turn's prompt mostly starts with the previous turn's, so the search for markers resumes
//! near the first difference.

use super::source::Prompt;
use super::spans::Span;
use crate::tokenizer::markers::{Cutter, EDGE, Marker};

/// Where the prompt before was cut.
#[derive(Debug, Default)]
pub struct Cuts {
    /// End of each marker in it, and which it is.
    cuts: Vec<(usize, Marker)>,
}

/// How many spans a prompt shares with the prompt before it, and how many follow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutTurn {
    pub kept: usize,
    pub added: usize,
}

impl Cuts {
    /// Cuts the prompt and calls `visit` with its new spans.
    pub fn cut<'t>(
        &mut self,
        prompt: Prompt<'t>,
        cutter: &Cutter,
        mut visit: impl FnMut(Span<'t>),
    ) -> CutTurn {
        // To decide on a marker the search read no further than the longest token from its
        // start, so if that lies in the common part it decides in the same way again.
        let safe = prompt.kept.saturating_sub(cutter.longest());
        let kept = self.cuts.partition_point(|cut| cut.0 <= safe);
        self.cuts.truncate(kept);
        let (mut from, mut before) = self.cuts.last().copied().unwrap_or((0, EDGE));
        let mut added = 0;
        let text = prompt.text;
        loop {
            let cut = cutter.next(text, from);
            let (end, after) = cut.map_or((text.len(), EDGE), |cut| (cut.start, cut.marker));
            visit(Span {
                before,
                text: &text[from..end],
                after,
            });
            added += 1;
            let Some(cut) = cut else { break };
            self.cuts.push((cut.end, cut.marker));
            from = cut.end;
            before = cut.marker;
        }
        CutTurn { kept, added }
    }
}
