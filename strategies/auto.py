"""Pick a strategy by what the tokenizer allows and what the data repeats."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from strategies.amplification import amplification
from strategies.contract import Counter, Counts, OnError, Progress
from strategies.registry import get

if TYPE_CHECKING:
    from strategies.chat import ChatTokenizer
    from strategies.conversation import Conversation

SAMPLED_CONVERSATIONS = 3
SAMPLED_TURNS = 8
"""First turns of each: amplification only grows with the turns that follow."""
WORTH_SPLICING = 1.2
"""Below this amplification, cutting saves less than it costs. On single-turn data (1.0 to 1.1)
splicing and batch encoding are within each other's noise."""


@dataclass(frozen=True, slots=True)
class Auto:
    """The native core; else splicing where prompts repeat; else batches, else the plain call."""

    name: str = "auto"
    summary: str = "picks one of the others from the tokenizer and the data, and says which"

    def availability(self, chat: ChatTokenizer) -> str | None:  # noqa: ARG002  # the plain call is always left
        """Return None."""
        return None

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[_Counter]:
        """Yield the counter; what it picks is opened when it has seen the data."""
        with ExitStack() as stack:
            yield _Counter(chat, workers, stack)


@dataclass(slots=True)
class _Counter:
    chat: ChatTokenizer
    workers: int
    stack: ExitStack
    opened: dict[str, Counter] = field(default_factory=dict)
    note: str | None = None
    parts: dict[str, float] = field(default_factory=dict)

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        name, why = pick(conversations, self.chat, self.workers)
        if name not in self.opened:
            context = get(name).open(self.chat, workers=self.workers)
            self.opened[name] = self.stack.enter_context(context)
        counter = self.opened[name]
        counts = counter.count(conversations, progress=progress, on_error=on_error)
        self.note = f"picked {name}: {why}"
        self.parts = dict(getattr(counter, "parts", {}))
        return counts


def pick(
    conversations: Sequence[Conversation], chat: ChatTokenizer, workers: int
) -> tuple[str, str]:
    """Return the name of the strategy to use, and why."""
    if get("rust").availability(chat) is None:
        return "rust", "the native core can load this tokenizer"
    reason = get("spliced").availability(chat)
    if reason is None:
        # Seeded, so that the same input is counted in the same way again.
        some = random.Random(0).sample(  # noqa: S311  # no secret
            range(len(conversations)), min(SAMPLED_CONVERSATIONS, len(conversations))
        )
        starts = [
            replace(conversations[i], turns=conversations[i].turns[:SAMPLED_TURNS])
            for i in sorted(some)
        ]
        factor = amplification(starts, chat).factor
        sampled = f"amplification {factor:.1f} in the first turns of {len(some)} conversations"
        if factor >= WORTH_SPLICING:
            return "spliced", sampled
        reason = sampled
    if get("batched").availability(chat) is None:
        return "batched", reason
    if workers > 1:
        return "process-pool", reason
    return "sequential", reason
