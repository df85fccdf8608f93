"""Datasets, from a file or from memory, as conversations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import get_args

from strategies.conversations.conversation import Conversation, ToolArguments
from strategies.conversations.detect import detect
from strategies.conversations.reading import Record, read_records, records_of
from strategies.errors import InputError, placed


def read_conversations(
    path: str | PathLike[str], *, tool_arguments: ToolArguments = "objects"
) -> list[Conversation]:
    """Read a dataset from a file. The first record shows which format it has.

    Parameters
    ----------
    path
        MLCommons endpoints JSONL (one row per message), OpenAI chat records or ShareGPT
        records, as JSONL, JSON (each may be gzipped) or Parquet.
    tool_arguments
        ``"objects"`` parses tool-call arguments that are JSON strings, as serving
        frameworks do before they render. ``"as-given"`` leaves them as they are, for the
        few templates that concatenate strings.

    Returns
    -------
    list of Conversation
        In file order, at least one, each with at least one turn.

    Raises
    ------
    InputError
        One line with file, line and field, for the first mistake in the file. Nothing is
        dropped silently. Also if `tool_arguments` is neither of the two.
    """
    _check_mode(tool_arguments)
    file = Path(path)
    return _conversations(read_records(file), str(file), tool_arguments)


def parse_conversations(
    data: bytes, *, name: str = "data", tool_arguments: ToolArguments = "objects"
) -> list[Conversation]:
    """Read a dataset that is in memory already, as `read_conversations` reads a file.

    Parameters
    ----------
    data
        The bytes of a whole file, in any format, and gzipped or not.
    name
        The name that errors use. As with a file, an ending ``.jsonl`` or ``.ndjson`` says
        that each line is one JSON object.
    tool_arguments
        As for `read_conversations`.

    Returns
    -------
    list of Conversation
        In the order of the data, at least one, each with at least one turn.

    Raises
    ------
    InputError
        One line with name, line and field, for the first mistake in the data.
    """
    _check_mode(tool_arguments)
    return _conversations(records_of(data, name), name, tool_arguments)


def _check_mode(tool_arguments: str) -> None:
    if tool_arguments not in get_args(ToolArguments):
        known = " or ".join(map(repr, get_args(ToolArguments)))
        raise InputError(f"must be {known}, got {tool_arguments!r}", field="tool_arguments")


def _conversations(
    records: Iterator[Record], name: str, tool_arguments: ToolArguments
) -> list[Conversation]:
    first = next(records, None)
    if first is None:
        raise InputError("holds no conversations: the file is empty", file=name)
    with placed(file=name, line=first[0]):
        form = detect(first[1])
    with placed(file=name):
        conversations = list(form.read(chain([first], records), tool_arguments))
    if not conversations:
        raise InputError("holds no conversations", file=name)
    return conversations
