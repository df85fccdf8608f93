"""One plain call per turn, one after the other: the baseline of every speedup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strategies.conversations.counts import Counts, OnError, Progress
from strategies.plain import reference_counts

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Sequential:
    """One `apply_chat_template` per turn over the whole history, on one core."""

    name: str = "sequential"
    summary: str = "one apply_chat_template per turn, one thread"

    def availability(self, chat: ChatTokenizer) -> str | None:  # noqa: ARG002  # the reference always can
        """Return None."""
        return None

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[_Counter]:  # noqa: ARG002  # it uses one core only
        """Yield the counter; there is nothing to start."""
        yield _Counter(chat)


@dataclass(frozen=True, slots=True)
class _Counter:
    chat: ChatTokenizer

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        return reference_counts(conversations, self.chat, progress=progress, on_error=on_error)
