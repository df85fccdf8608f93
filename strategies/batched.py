"""Render every prompt, then let the tokenizers library encode them in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from strategies.chat.backend import NO_SEPARATE_RENDERING
from strategies.chat.failures import is_failure
from strategies.conversations.counts import Counts, OnError, Progress
from strategies.errors import TurnError
from strategies.plain import reference_turn
from strategies.runtime.parallelism import library_threads

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation

BATCH_CHARACTERS = 2_000_000
"""A batch is encoded when its prompts hold this many characters. The library keeps some 150
bytes for each token of a batch, so this number limits memory for every dataset."""


@dataclass(frozen=True, slots=True)
class Batched:
    """The plain call in two steps: render every prompt, then encode the prompts in batches."""

    name: str = "batched"
    summary: str = "render, then the library's batch encoding on its own threads"

    def availability(self, chat: ChatTokenizer) -> str | None:
        """Return None, unless rendering and encoding cannot be taken apart."""
        if not chat.renders_plainly:
            return NO_SEPARATE_RENDERING
        if chat.backend is None:
            return "it has no tokenizers backend, and so no batch encoding"
        return None

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[_Counter]:
        """Yield the counter; the library starts its threads when it first needs them."""
        yield _Counter(chat, workers)


@dataclass(slots=True)
class _Counter:
    chat: ChatTokenizer
    workers: int
    parts: dict[str, float] = field(default_factory=dict)

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        counts: Counts = [[None] * len(conversation.turns) for conversation in conversations]
        batch: list[_Turn] = []
        encoding = 0.0

        def encode() -> None:
            nonlocal encoding
            started = perf_counter()
            for turn, length in zip(batch, self._lengths(batch, on_error), strict=True):
                counts[turn.place][turn.index] = length
            if progress:
                progress(len(batch))
            batch.clear()
            encoding += perf_counter() - started

        started = perf_counter()
        with library_threads(self.workers):
            characters = 0
            try:
                for place, conversation in enumerate(conversations):
                    for index, prompt in self.chat.prompts(conversation, on_error):
                        if prompt is None:
                            if progress:
                                progress(1)
                            continue
                        batch.append(_Turn(place, index, conversation, prompt))
                        characters += len(prompt)
                        if characters >= BATCH_CHARACTERS:
                            encode()
                            characters = 0
            except TurnError:
                # An earlier turn may fail to encode, and the error must name the first that fails.
                encode()
                raise
            encode()
        self.parts = {"render": perf_counter() - started - encoding, "encode": encoding}
        return counts

    def _lengths(self, batch: Sequence[_Turn], on_error: OnError) -> Sequence[int | None]:
        try:
            return self.chat.lengths([turn.prompt for turn in batch])
        except BaseException as error:
            if not is_failure(error):
                raise
            # One prompt that the model cannot encode fails the whole batch. The reference
            # finds which one, and why.
            return [
                reference_turn(self.chat, turn.conversation, turn.index, on_error) for turn in batch
            ]


@dataclass(frozen=True, slots=True)
class _Turn:
    place: int
    index: int
    conversation: Conversation
    prompt: str
