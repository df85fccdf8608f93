//! Counts prompts that grow, one call after the other, in time that goes with what is new.

use std::sync::atomic::AtomicBool;

use super::prompt::Cuts;
use super::remembered::Remembered;
use super::source::Prompt;
use crate::engine::memory::Memory;
use crate::fault::Fault;
use crate::tokenizer::SpanLengths;
use crate::tokenizer::markers::is_token;

/// Nobody stops a call: it is as long as what is new.
static GO_ON: AtomicBool = AtomicBool::new(false);

/// Where the last prompt was cut, and how many tokens there are up to each cut.
#[derive(Debug, Default)]
pub struct Running {
    cuts: Cuts,
    /// Tokens up to each cut and to the end, markers included.
    sums: Vec<u64>,
}

impl Running {
    /// The number of tokens of a prompt.
    ///
    /// After an error nothing is known of the prompt before any more: the next one keeps nothing.
    ///
    /// # Errors
    ///
    /// If the tokenizer fails on a span.
    pub fn count(
        &mut self,
        prompt: Prompt,
        tokenizer: &dyn SpanLengths,
        memory: &Remembered,
    ) -> Result<u32, Fault> {
        let mut added = Vec::new();
        let cut = self.cuts.cut(prompt, tokenizer.cutter(), |span| {
            added.push(span);
            // Nobody asks for the numbers.
            0
        });
        self.sums.truncate(cut.kept);
        let mut sum = self.sums.last().copied().unwrap_or(0);
        let counted = memory.with_worker(|worker| {
            for span in added {
                let count = memory.count(span, || {
                    let mut memory = Memory {
                        worker,
                        stop: &GO_ON,
                    };
                    tokenizer.count_span(span.before, span.text, span.after, &mut memory)
                })?;
                sum += u64::from(count) + u64::from(is_token(span.after));
                self.sums.push(sum);
            }
            Ok(())
        });
        let sum = counted.and_then(|()| u32::try_from(sum).map_err(|error| error.to_string()));
        sum.map_err(|reason: String| {
            *self = Self::default();
            Fault::Unsupported(format!("the tokenizer fails on its text: {reason}"))
        })
    }

    /// Number of spans of the last prompt.
    #[must_use]
    pub fn spans(&self) -> usize {
        self.sums.len()
    }
}
