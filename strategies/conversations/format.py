"""A dataset format: how to recognize its records, how to read them, and examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from strategies.conversations.conversation import Conversation, ToolArguments
from strategies.conversations.reading import Record


@dataclass(frozen=True, slots=True)
class Example:
    """Records of a format, and the conversations that they hold.

    Parameters
    ----------
    name
        The subject of the example, in a few words.
    records
        The JSON objects of a file, in order.
    conversations
        The conversations that the records become, complete with ids, messages, tools and
        turns. Arguments of tool calls are objects.
    """

    name: str
    records: tuple[dict[str, Any], ...]
    conversations: tuple[Conversation, ...]


@dataclass(frozen=True, slots=True)
class BrokenExample:
    """Records that must be refused, and the place that the error must name.

    Parameters
    ----------
    name
        The mistake, in a few words.
    records
        The JSON objects of a file, in order. The first one shows the format.
    line
        Number of the record that is wrong, from 1.
    field
        Place in that record, such as ``messages[0].role``.
    reason
        Beginning of the error's text after the field.
    """

    name: str
    records: tuple[dict[str, Any], ...]
    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Format:
    """A dataset format.

    Parameters
    ----------
    name, summary
        For errors and documentation.
    matches
        Whether a file has this format if this is its first record. No record may match two
        formats.
    read
        Turns records into conversations. It raises `InputError` with line and field; errors
        that the records raise themselves already have both.
    examples
        Files of this format, at least one.
    broken
        Files that must be refused, at least one.
    """

    name: str
    summary: str
    matches: Callable[[dict[str, Any]], bool]
    read: Callable[[Iterable[Record], ToolArguments], Iterator[Conversation]]
    examples: tuple[Example, ...]
    broken: tuple[BrokenExample, ...]


def is_metadata(record: dict[str, Any]) -> bool:
    """Whether a record describes its file and holds nothing of a conversation."""
    return record.get("_type") == "dataset_metadata"
