"""Fields in which a record may hold its messages a second time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strategies.conversations.fields import Reader
from strategies.errors import InputError

COPIES = ("conversations", "conversation", "prompt")
"""Fields that may hold what the messages of a record say."""


def check_copies(record: Mapping[str, Any], holder: str, reader: Reader) -> None:
    """Leave out what a record says beside its messages, and tell it.

    Parameters
    ----------
    record
        The record.
    holder
        The field that holds the messages.
    reader
        How the dataset is read.

    Raises
    ------
    InputError
        For a prompt beside the messages, unless it repeats one of them.
    """
    if holder != "prompt" and record.get("prompt"):
        _check_prompt(record["prompt"], record.get(holder))
    for copy in COPIES[:-1]:
        if copy != holder and record.get(copy):
            reader.leave_out(copy)


def _check_prompt(prompt: Any, messages: Any) -> None:
    if isinstance(messages, list) and any(
        isinstance(message, dict) and message.get("content") == prompt for message in messages
    ):
        return
    raise InputError("is no copy of a message; keep it or the messages", field="prompt")
