"""A record of a dataset, as its container has it, and the limits of reading untrusted data."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from strategies.errors import InputError

MAX_RECORD_BYTES = 256 * 2**20
"""Longest line of a JSONL file. The longest real conversations take a few megabytes."""

MAX_DOCUMENT_BYTES = 2 * 2**30
"""The most that is in memory as a whole, and that all lines or rows of a file may unpack to."""

BYTES_PER_VALUE = 32
"""The least that a value counts against these limits. Python needs more for an empty list."""

PART_BYTES = 1 << 21
"""Bytes of a part, unless a single conversation is longer."""

FIRST_PART_BYTES = 1 << 20
"""Bytes of the first part, which is held while a tokenizer is loaded."""

MOST_PACKED = 250
"""How many times its size a file may unpack to, if that is more than a document may have."""

PARQUET_BATCH_ROWS = 256
"""Rows that Arrow reads together. They are few, because one row can be a long conversation."""

ARROW_PART_BYTES = 1 << 20
"""Bytes of rows that are unpacked together, unless a single row has more."""

FIRST_PART = 8
"""The first part has one of so many bytes of the others: it is held while a tokenizer is loaded."""


class Record(NamedTuple):
    """An object of a dataset.

    Attributes
    ----------
    line
        The line on which it starts, or its row in a Parquet file, from 1.
    value
        The object.
    """

    line: int
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that its container cannot give; those after it can be read.

    Parameters
    ----------
    error
        The reason, with file and line.
    text
        The record as the file has it, if that is known.
    """

    error: InputError
    text: str | None = None


class _NotConverted:
    """Stands for a value that is there and was not read."""

    def __repr__(self) -> str:
        return "(not read)"


NOT_CONVERTED = _NotConverted()
"""The value of a column that nobody reads, in rows in which it has one."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a container need not convert into Python values.

    Parameters
    ----------
    skipped
        Fields of records that no format reads, and that cannot change a prompt.
    read
        Fields of records that some format reads or refuses. Of a field in neither set, only the
        name is needed, and whether it has a value.
    skipped_in_messages
        As `skipped`, for the messages in the fields `messages`.
    messages
        Fields of records that hold messages.
    """

    skipped: AbstractSet[str] = frozenset()
    read: AbstractSet[str] | None = None
    skipped_in_messages: AbstractSet[str] = frozenset()
    messages: AbstractSet[str] = field(default_factory=frozenset)

    def converts(self, name: str) -> bool:
        """Whether the values of a field are needed."""
        return self.read is None or name in self.read


EVERYTHING = Needs()
"""Every value is needed."""
