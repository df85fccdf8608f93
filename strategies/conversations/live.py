"""Traces that hold what a client sends, and wait for the server's own answers between."""

from __future__ import annotations

from collections.abc import Sequence

from strategies.conversations.conversation import Message
from strategies.conversations.fields import Reader

_NO_ANSWERS = (
    "answers, which are not in the data: prompts that hold such answers are counted without them"
)


def live_turns(
    parts: Sequence[Sequence[Message]], reader: Reader
) -> tuple[list[Message], tuple[int, ...]]:
    """Return all messages, and the prefix lengths at which a client sent them.

    A benchmark puts the answer that the server gives into the next request. If the data hold no
    answers, this is told.

    Parameters
    ----------
    parts
        The messages that are new in each request; each has some.
    reader
        How the dataset is read.
    """
    messages: list[Message] = []
    turns = []
    for part in parts:
        if messages and not any(each["role"] == "assistant" for each in (messages[-1], part[0])):
            reader.leave_out(_NO_ANSWERS)
        messages += part
        turns.append(len(messages))
    return messages, tuple(turns)
