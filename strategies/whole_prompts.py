"""Render every prompt, then have batches of whole prompts encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from strategies.conversations.counts import Counts, OnError, Progress
from strategies.errors import TurnError
from strategies.runtime.parallelism import library_threads

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation

BATCH_CHARACTERS = 2_000_000
"""A batch is encoded when its prompts hold this many characters. The library keeps some 150
bytes for each token of a batch, so this number limits memory for every dataset."""


@dataclass(frozen=True, slots=True)
class RenderedTurn:
    """A turn with its prompt."""

    place: int
    index: int
    conversation: Conversation
    prompt: str


Encode: TypeAlias = Callable[[Sequence[RenderedTurn], OnError], Sequence[int | None]]
"""Returns the tokens of each prompt; None for one that fails and is skipped."""


@dataclass(slots=True)
class WholePrompts:
    """A counter that renders with Jinja2, and has whole prompts encoded.

    Parameters
    ----------
    chat
        The tokenizer, whose templates are rendered.
    workers
        Threads that the tokenizers library may use.
    encode
        Encodes a batch.
    """

    chat: ChatTokenizer
    workers: int
    encode: Encode
    parts: dict[str, float] = field(default_factory=dict)

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        """Return the ISL of every turn; see `strategies.contract.Counter`.

        Parameters
        ----------
        conversations
            The conversations to count.
        progress
            Called with the number of turns done since its last call.
        on_error
            Whether a turn without an ISL fails the call or is skipped.
        """
        counts: Counts = [[None] * len(conversation.turns) for conversation in conversations]
        batch: list[RenderedTurn] = []
        encoding = 0.0

        def encode() -> None:
            nonlocal encoding
            started = perf_counter()
            for turn, length in zip(batch, self.encode(batch, on_error), strict=True):
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
                        batch.append(RenderedTurn(place, index, conversation, prompt))
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
