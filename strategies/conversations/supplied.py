"""Tools and a system prompt that a user supplies for logs that lack them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from strategies.conversations.conversation import Conversation, Tool
from strategies.conversations.files import read_file
from strategies.conversations.json_text import parse_json
from strategies.conversations.options import ReadOptions
from strategies.errors import InputError, placed

_INSTRUCTING = ("system", "developer")
"""Roles of a first message that tells the model what to do."""


def supplied(conversation: Conversation, options: ReadOptions) -> Conversation:
    """Return a conversation with the tools and the system prompt that it lacks.

    Parameters
    ----------
    conversation
        As the dataset has it.
    options
        Bring tools, a system prompt, both or neither.

    Raises
    ------
    InputError
        If it has its own already: one of the two would be lost.
    """
    tools, system = options.tools, options.system
    if tools is not None:
        if conversation.tools is not None:
            raise InputError(_has_its_own("tools", "tools"), field="tools")
        conversation = replace(conversation, tools=tuple(tools))
    if system is None:
        return conversation
    first = conversation.messages[0]
    if first.get("role") in _INSTRUCTING:
        raise InputError(_has_its_own("a system prompt", "system"), field="messages[0]")
    return replace(
        conversation,
        messages=({"role": "system", "content": system}, *conversation.messages),
        turns=tuple(k + 1 for k in conversation.turns),
        continued=frozenset(k + 1 for k in conversation.continued),
    )


def _has_its_own(what: str, option: str) -> str:
    return (
        f"the conversation has {what} of its own; leave out --{option}, or count the conversations "
        "that lack them as a dataset of their own"
    )


def tools_in(path: Path) -> list[Tool]:
    """Return the tools in a file: a JSON array.

    Raises
    ------
    InputError
        With the file, if it cannot be read or is no such array.
    """
    with placed(file=path):
        try:
            found = parse_json(_text_in(path))
        except ValueError as error:
            place = error.lineno if isinstance(error, json.JSONDecodeError) else None
            reason = error.msg if isinstance(error, json.JSONDecodeError) else error
            raise InputError(f"not JSON: {reason}", line=place) from None
        if not isinstance(found, list):
            raise InputError("must be an array of tools, as requests have it in their field tools")
    return found


def system_in(path: Path) -> str:
    """Return the system prompt in a file: all of its text, also a line end after it.

    Raises
    ------
    InputError
        With the file, if it cannot be read, or holds nothing.
    """
    text = _text_in(path)
    if not text:
        raise InputError("is empty; leave out --system", file=path)
    return text


def _text_in(path: Path) -> str:
    try:
        # A mark at the start is none of the text.
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("not UTF-8 text", file=path) from None
