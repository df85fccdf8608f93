"""Asking a counter, whether or not it knows how to skip turns that fail."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from strategies.contract import Counter
from strategies.conversations.counts import Counts, OnError, Progress

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation


def count_with(
    counter: Counter,
    chat: ChatTokenizer,
    conversations: Sequence[Conversation],
    *,
    progress: Progress | None = None,
    on_error: OnError = "raise",
) -> Counts:
    """Return the counts of `counter`; the parameters are those of `Counter.count`.

    A strategy of another package may have no `on_error`. It is then asked for the turns that
    can be rendered, and the others are None.
    """
    if on_error == "raise":
        return counter.count(conversations, progress=progress)
    parameters = inspect.signature(counter.count).parameters.values()
    if any(p.name == "on_error" or p.kind is p.VAR_KEYWORD for p in parameters):
        return counter.count(conversations, progress=progress, on_error=on_error)
    rendered = [
        [prompt is not None for _, prompt in chat.prompts(conversation, "skip")]
        for conversation in conversations
    ]
    kept = [
        replace(conversation, turns=_where(conversation.turns, can))
        for conversation, can in zip(conversations, rendered, strict=True)
    ]
    counted = counter.count(kept, progress=progress)
    return [_spread(lengths, can) for lengths, can in zip(counted, rendered, strict=True)]


def _where(turns: tuple[int, ...], can: list[bool]) -> tuple[int, ...]:
    return tuple(turn for turn, kept in zip(turns, can, strict=True) if kept)


def _spread(lengths: list[int | None], can: list[bool]) -> list[int | None]:
    """Put each count at its turn; raises if there are more or fewer counts than turns."""
    if len(lengths) != sum(can):
        raise ValueError(f"{len(lengths)} counts for {sum(can)} turns")
    remaining = iter(lengths)
    return [next(remaining) if kept else None for kept in can]
