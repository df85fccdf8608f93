"""The data model: conversations whose turns are prefix lengths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from strategies.conversations.json_text import Doubled, shown
from strategies.errors import InputError

Message: TypeAlias = dict[str, Any]
Tool: TypeAlias = dict[str, Any]

ToolArguments: TypeAlias = Literal["objects", "as-given"]
"""Whether templates get arguments of tool calls that are JSON strings as parsed objects, as
servers pass them on, or as they are."""

MAX_DEPTH = 200
"""Deepest nesting of lists and objects in a message. Rendering recurses, so there is a limit."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in order, each held once; a client turn is a prefix length.

    Parameters
    ----------
    id
        Name used in results and errors.
    messages
        OpenAI chat messages.
    tools
        Tool definitions that every turn offers, or None.
    turns
        Strictly increasing prefix lengths, one per client turn: the prompt of a turn is
        rendered from ``messages[:k]``.
    template_kwargs
        Variables for the template that this conversation's requests bring, over those of the
        tokenizer; or None.
    continued
        Those of the turns whose request continues the last message, and asks for no new one.
    tool_arguments
        Whether arguments of tool calls that are JSON strings are to be parsed.
    requests
        Ids of the requests, one per turn, if the dataset has one record per request.
    line
        The line or row of the dataset on which it starts, from 1; for errors.
    profile
        The profile that its messages are written by already; None as long as they are as the
        dataset has them.

    Raises
    ------
    InputError
        If a turn is no prefix of the messages, or a value is not plain JSON data. The
        error's field names the place.
    """

    id: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] | None
    turns: tuple[int, ...]
    template_kwargs: Mapping[str, Any] | None = None
    continued: frozenset[int] = frozenset()
    tool_arguments: ToolArguments = field(default="objects", compare=False)
    requests: tuple[str, ...] | None = field(default=None, compare=False, repr=False)
    line: int | None = field(default=None, compare=False, repr=False)
    profile: str | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.profile is not None:
            # It is made of one that was checked.
            return
        if not isinstance(self.id, str):
            raise InputError("must be a string", field="id")
        _check_text(self.id, "id")
        for i, message in enumerate(self.messages):
            if not isinstance(message, dict):
                raise InputError("a message must be an object", field=f"messages[{i}]")
            check_plain(message, f"messages[{i}]")
        for i, tool in enumerate(self.tools or ()):
            if not isinstance(tool, dict):
                raise InputError("a tool must be an object", field=f"tools[{i}]")
            check_plain(tool, f"tools[{i}]")
        check_plain(self.template_kwargs, "template_kwargs")
        previous = 0
        for k in self.turns:
            if not previous < k <= len(self.messages):
                raise InputError(
                    f"turns must increase strictly within 1..{len(self.messages)}, got {k} "
                    f"after {previous}",
                    field="turns",
                )
            previous = k


def client_turns(messages: Sequence[Message]) -> tuple[int, ...]:
    """Return the prefix lengths at which a client sent this conversation to a server.

    The client asks before an assistant message, if a user or a tool has said something since
    the last answer. So a greeting of the assistant makes no turn, and neither does the second
    of two assistant messages in a row: they are one answer. The client asks once more at the
    end if the last message is not the assistant's.
    """
    turns = []
    asked = False
    for k, message in enumerate(messages):
        if message["role"] != "assistant":
            asked |= message["role"] in _ASKING
        elif asked:
            turns.append(k)
            asked = False
    if messages and messages[-1]["role"] != "assistant":
        turns.append(len(messages))
    return tuple(turns)


_ASKING = frozenset({"user", "tool", "function"})


def count_turns(conversations: Sequence[Conversation]) -> int:
    """Return the number of client turns over all conversations."""
    return sum(len(conversation.turns) for conversation in conversations)


def check_plain(value: object, field: str, depth: int = 0) -> None:
    """Raise `InputError` unless `value` is data that JSON and UTF-8 can carry.

    Anything else would reach a template as some placeholder text, or fail only in the
    tokenizer. In both cases no server would see the same count.

    Parameters
    ----------
    value
        The value, with all that is in it.
    field
        Its place in a record, for the error.
    depth
        How many lists and objects it is inside of; at most `MAX_DEPTH`.
    """
    if value is None or isinstance(value, (bool, int)):
        return
    if isinstance(value, str):
        _check_text(value, field)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(f"{value} is not a JSON number", field=field)
    elif depth >= MAX_DEPTH:
        raise InputError(f"nested deeper than {MAX_DEPTH} levels", field=field)
    elif isinstance(value, dict):
        if isinstance(value, Doubled):
            raise InputError(f"key {shown(min(value.doubled))} appears twice", field=field)
        for key, item in value.items():
            if not isinstance(key, str):
                raise InputError("object keys must be strings", field=field)
            _check_text(key, field)
            check_plain(item, f"{field}.{shown(key)}", depth + 1)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            check_plain(item, f"{field}[{i}]", depth + 1)
    else:
        raise InputError(f"{type(value).__name__} is not JSON data", field=field)


def _check_text(text: str, field: str) -> None:
    # ASCII is checked first because it is a flag in CPython's string header.
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"lone surrogate U+{ord(text[error.start]):04X} at character {error.start}: "
            "no valid Unicode text",
            field=field,
        ) from None
