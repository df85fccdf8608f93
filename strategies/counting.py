"""Ask a counter for counts, even if it cannot skip turns that fail."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TYPE_CHECKING

from strategies.chat.serving import serve_all
from strategies.contract import ColumnsCounter, Counter, DirectCounter
from strategies.conversations.counts import Column, Columns, Counts, OnError, Progress
from strategies.conversations.direct import DirectConversations
from strategies.conversations.given import given_conversations
from strategies.plain import reference_counts

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation

DIRECT = ("auto", "rust")
"""Strategies that count what the native core has read."""


def count_with(
    counter: Counter,
    chat: ChatTokenizer,
    conversations: Iterable[Conversation],
    *,
    progress: Progress | None = None,
    on_error: OnError = "raise",
) -> Counts:
    """Return the counts of a counter.

    The counter of another package may have no `on_error`. It is then asked
    only for the turns that can be rendered; the others are None.

    Parameters
    ----------
    counter
        An open counter.
    chat
        The tokenizer that it counts with.
    conversations
        The conversations to count; a generator is read once.
    progress
        Called with the number of turns done since the last call.
    on_error
        ``"raise"`` fails at a turn that has no ISL; ``"skip"`` counts it as None.

    Returns
    -------
    list of list of int or None
        For each conversation one count per turn, in tokens.

    Raises
    ------
    InputError
        If something else than conversations is given, or an iterator yields none.
    TurnError
        For a turn that fails, if `on_error` is ``"raise"``.
    ValueError
        If a counter without `on_error` returns too few or too many counts.
    """
    if isinstance(conversations, DirectConversations) and isinstance(counter, DirectCounter):
        direct = counter.count_direct(conversations, progress=progress, on_error=on_error)
        if direct is not None:
            return direct
    given = given_conversations(conversations)
    if getattr(counter, "serves", False):
        return _count(counter, chat, given, progress, on_error)
    served, refusal = serve_all(given, chat.serve, on_error)
    counts = _count(counter, chat, served, progress, on_error)
    if refusal is not None:
        raise refusal
    left_out = [len(one.turns) - len(two.turns) for one, two in zip(given, served, strict=True)]
    if progress and any(left_out):
        progress(sum(left_out))
    return [[*turns, *[None] * more] for turns, more in zip(counts, left_out, strict=True)]


def columns_with(
    counter: Counter,
    chat: ChatTokenizer,
    conversations: Sequence[Conversation],
    wanted: AbstractSet[Column],
    *,
    progress: Progress | None = None,
    on_error: OnError = "raise",
) -> Columns:
    """Return the counts of a counter, and the columns that it finds with them.

    Parameters
    ----------
    counter, chat, conversations
        As for `count_with`.
    wanted
        The columns beside the counts.
    progress, on_error
        As for `count_with`.

    Raises
    ------
    InputError
        As `count_with` does.
    TurnError
        As `count_with` does.
    """
    if wanted and isinstance(counter, ColumnsCounter):
        return counter.count_columns(conversations, wanted, progress=progress, on_error=on_error)
    counts = count_with(counter, chat, conversations, progress=progress, on_error=on_error)
    return Columns(counts, None, None, range(len(counts)) if wanted else ())


def _count(
    counter: Counter,
    chat: ChatTokenizer,
    conversations: Sequence[Conversation],
    progress: Progress | None,
    on_error: OnError,
) -> Counts:
    if on_error == "raise":
        return counter.count(conversations, progress=progress)
    parameters = inspect.signature(counter.count).parameters.values()
    if any(p.name == "on_error" or p.kind is p.VAR_KEYWORD for p in parameters):
        return counter.count(conversations, progress=progress, on_error=on_error)
    rendered = _renderable(chat, conversations)
    kept = [
        replace(conversation, turns=_where(conversation.turns, can))
        for conversation, can in zip(conversations, rendered, strict=True)
    ]
    counted = counter.count(kept, progress=progress)
    return [_spread(lengths, can) for lengths, can in zip(counted, rendered, strict=True)]


def _renderable(chat: ChatTokenizer, conversations: Sequence[Conversation]) -> list[list[bool]]:
    if chat.coded is not None:
        counts = reference_counts(conversations, chat, on_error="skip")
        return [[count is not None for count in turns] for turns in counts]
    return [
        [prompt is not None for _, prompt in chat.prompts(conversation, "skip")]
        for conversation in conversations
    ]


def _where(turns: tuple[int, ...], can: list[bool]) -> tuple[int, ...]:
    return tuple(turn for turn, kept in zip(turns, can, strict=True) if kept)


def _spread(lengths: list[int | None], can: list[bool]) -> list[int | None]:
    """Put each count at its turn; raises if there are more or fewer counts than turns."""
    if len(lengths) != sum(can):
        raise ValueError(f"{len(lengths)} counts for {sum(can)} turns")
    remaining = iter(lengths)
    return [next(remaining) if kept else None for kept in can]
