"""Pick a strategy by what the tokenizer allows and how much the data repeats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from strategies.contract import Counter, DirectCounter
from strategies.conversations.counts import Column, Columns, Counts, OnError, Progress
from strategies.counting import columns_with, count_with
from strategies.errors import UnavailableError
from strategies.registry import get
from strategies.words import many

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation
    from strategies.conversations.direct import DirectConversations

SAMPLED_CONVERSATIONS = 3
SAMPLED_TURNS = 8
"""Turns of each that are looked at, from the first: later turns only add to amplification."""
WORTH_SPLICING = 1.2
"""Below this amplification, cutting costs more than it saves. On single-turn data (1.0 to 1.1)
splicing and batch encoding take the same time within noise."""


@dataclass(frozen=True, slots=True)
class Auto:
    """The native core; else splicing, if prompts repeat; else batches; else the plain call."""

    name: str = "auto"
    summary: str = "picks one of the others from the tokenizer and the data, and says which"

    def availability(self, chat: ChatTokenizer) -> str | None:  # noqa: ARG002  # the plain call always can
        """Return None."""
        return None

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[_Counter]:
        """Yield the counter. It sees the data first, then opens the strategy that it picks."""
        with ExitStack() as stack:
            yield _Counter(chat, workers, stack)


@dataclass(slots=True)
class _Counter:
    serves: ClassVar[bool] = True
    """Whatever it picks is given conversations as it needs them."""

    chat: ChatTokenizer
    workers: int
    stack: ExitStack
    opened: dict[str, Counter] = field(default_factory=dict)
    no_native: str | None = None
    """Why the native core could not be opened; None if it was not tried, or could."""
    note: str | None = None
    parts: dict[str, float] = field(default_factory=dict)

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        name, why, counter = self._picked(conversations)
        counts = count_with(counter, self.chat, conversations, progress=progress, on_error=on_error)
        self._tell(name, why, counter)
        return counts

    def count_direct(
        self,
        conversations: DirectConversations,
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts | None:
        """Count conversations that the core has read; None if the picked strategy cannot.

        Parameters
        ----------
        conversations
            As the dataset has them.
        progress, on_error
            As for `count`.
        """
        name, why, counter = self._picked(conversations)
        if not isinstance(counter, DirectCounter):
            return None
        counts = counter.count_direct(conversations, progress=progress, on_error=on_error)
        if counts is not None:
            self._tell(name, why, counter)
        return counts

    def count_columns(
        self,
        conversations: Sequence[Conversation],
        wanted: AbstractSet[Column],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Columns:
        """Return the counts, and the columns that the picked strategy finds with them.

        Parameters
        ----------
        conversations, wanted
            As for `strategies.contract.ColumnsCounter`.
        progress, on_error
            As for `count`.
        """
        name, why, counter = self._picked(conversations)
        columns = columns_with(
            counter, self.chat, conversations, wanted, progress=progress, on_error=on_error
        )
        self._tell(name, why, counter)
        return columns

    def _picked(self, conversations: Sequence[Conversation]) -> tuple[str, str, Counter]:
        """Return the name of the strategy to use, why, and its counter."""
        name, why = pick(conversations, self.chat, self.workers, self.no_native)
        try:
            counter = self._counter(name)
        except UnavailableError as error:
            if name != "rust":
                raise
            # Only when the core has loaded the tokenizer does it show whether both agree.
            self.no_native = str(error)
            name, why = pick(conversations, self.chat, self.workers, self.no_native)
            counter = self._counter(name)
        return name, why, counter

    def _tell(self, name: str, why: str, counter: Counter) -> None:
        tried = f"{self.no_native}; " if self.no_native else ""
        self.note = f"picked {name}: {tried}{why}"
        self.parts = dict(getattr(counter, "parts", {}))

    def _counter(self, name: str) -> Counter:
        if name not in self.opened:
            context = get(name).open(self.chat, workers=self.workers)
            self.opened[name] = self.stack.enter_context(context)
        return self.opened[name]


def pick(
    conversations: Sequence[Conversation],
    chat: ChatTokenizer,
    workers: int,
    no_native: str | None = None,
) -> tuple[str, str]:
    """Return the name of the strategy to use, and why.

    Parameters
    ----------
    conversations
        The conversations to count. A few are rendered to see how much they repeat.
    chat
        The tokenizer to count with.
    workers
        Threads or processes.
    no_native
        Why the native core could not be opened, if that has been tried.
    """
    if no_native is None and get("rust").availability(chat) is None:
        return "rust", "the native core can load this tokenizer"
    reason = get("spliced").availability(chat)
    if reason is None and chat.coded is not None:
        return "spliced", f"the renderer {chat.coded.renderer.name} counts message by message"
    if reason is None:
        import random

        from strategies.repetition import amplification

        # Seeded, so that the same input always picks the same strategy.
        some = random.Random(0).sample(  # noqa: S311  # no secret
            range(len(conversations)), min(SAMPLED_CONVERSATIONS, len(conversations))
        )
        starts = [
            replace(conversations[i], turns=conversations[i].turns[:SAMPLED_TURNS])
            for i in sorted(some)
        ]
        factor = amplification(starts, chat).factor
        first = f"the first turns of {many(len(some), 'conversation')}"
        sampled = f"amplification {factor:.1f} in {first}"
        if factor >= WORTH_SPLICING:
            return "spliced", sampled
        reason = sampled
    if get("batched").availability(chat) is None:
        return "batched", reason
    if workers > 1:
        return "process-pool", reason
    return "sequential", reason
