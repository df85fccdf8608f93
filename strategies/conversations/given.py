"""Conversations as callers give them: in a list, or from anything that yields them once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from strategies.conversations.conversation import Conversation
from strategies.errors import InputError


def given_conversations(conversations: Iterable[Conversation]) -> Sequence[Conversation]:
    """Return conversations that can be read more than once, from any iterable.

    Raises
    ------
    InputError
        If something else is given or yielded. Also if an iterator yields nothing: a generator
        that was read before looks the same, and would be counted as no data.
    """
    # Callers without type checks give whatever they have.
    given: Any = conversations
    if isinstance(given, Conversation):
        raise InputError("is one conversation; put it into a list", field="conversations")
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        kind = type(given).__name__
        raise InputError(f"{kind} is no list of conversations", field="conversations")
    read: Sequence[Any] = given if isinstance(given, (list, tuple)) else list(given)
    if not read and isinstance(given, Iterator):
        raise InputError(
            "the iterator yields nothing; if it was read before, make a list of it first",
            field="conversations",
        )
    for place, each in enumerate(read):
        if not isinstance(each, Conversation):
            raise InputError(
                f"must be a Conversation, got {type(each).__name__}",
                field=f"conversations[{place}]",
            )
    return read
