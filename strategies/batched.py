"""Render every prompt, then let the tokenizers library encode them in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from strategies.chat.failures import is_failure
from strategies.plain import reference_turn
from strategies.whole_prompts import RenderedTurn, WholePrompts

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.counts import OnError


@dataclass(frozen=True, slots=True)
class Batched:
    """The plain call in two steps: render every prompt, then encode the prompts in batches."""

    name: str = "batched"
    summary: str = "render, then the library's batch encoding on its own threads"

    def availability(self, chat: ChatTokenizer) -> str | None:
        """Return None, unless rendering and encoding cannot be taken apart."""
        if chat.no_separate_rendering is not None:
            return chat.no_separate_rendering
        if chat.backend is None:
            return "it has no tokenizers backend, and so no batch encoding"
        return None

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[WholePrompts]:
        """Yield the counter; the library starts its threads when it first needs them."""
        yield WholePrompts(chat, workers, partial(_lengths, chat))


def _lengths(
    chat: ChatTokenizer, batch: Sequence[RenderedTurn], on_error: OnError
) -> Sequence[int | None]:
    try:
        return chat.lengths([turn.prompt for turn in batch])
    except BaseException as error:
        if not is_failure(error):
            raise
        # One prompt that the model cannot encode fails the whole batch. The reference
        # finds which one, and why.
        return [reference_turn(chat, turn.conversation, turn.index, on_error) for turn in batch]
