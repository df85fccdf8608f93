"""Datasets that the native core reads, from their bytes to its own data.

It reads files in which it is sure of everything. For any other file, also for one with a mistake,
Python's readers do it from the start: only they word errors and warnings.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import overload

from strategies import _native
from strategies.conversations import records
from strategies.conversations.conversation import Conversation, ToolArguments
from strategies.conversations.detect import detect, form_named
from strategies.conversations.format import Format
from strategies.conversations.json_records import read_lines
from strategies.conversations.known_fields import CALL, MESSAGE, RECORD, ROW
from strategies.conversations.options import ReadOptions
from strategies.conversations.reading import items_of
from strategies.conversations.records import Record
from strategies.errors import InputError


class DirectConversations(Sequence[Conversation]):
    """The conversations of a dataset that the core has read.

    One becomes a `Conversation` when it is asked for, and is then the one that Python's readers
    make. To count all of them, nobody has to ask.

    Attributes
    ----------
    records
        What the core has read.
    outlines
        Id and turns of each conversation.
    tool_arguments
        How arguments of tool calls were read.
    warnings, rejects
        None: a dataset that gives reason for them is not read by the core.
    """

    def __init__(self, read: _native.Records, tool_arguments: ToolArguments) -> None:
        self.records = read
        self.outlines: list[tuple[str, list[int]]] = read.outlines()
        self.warnings: tuple[str, ...] = ()
        self.rejects: tuple[()] = ()
        self.tool_arguments: ToolArguments = tool_arguments
        self._made: dict[int, Conversation] = {}

    def __len__(self) -> int:
        return len(self.outlines)

    @overload
    def __getitem__(self, place: int) -> Conversation: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Conversation]: ...
    def __getitem__(self, place: int | slice) -> Conversation | Sequence[Conversation]:
        places = range(len(self))[place]
        if isinstance(places, int):
            return self._conversation(places)
        return [self._conversation(each) for each in places]

    def __iter__(self) -> Iterator[Conversation]:
        return map(self._conversation, range(len(self)))

    @property
    def kinds(self) -> Mapping[str, int]:
        """How much of each kind of content there is, by the names of `strategies.traces`."""
        return self.records.kinds()

    def _conversation(self, place: int) -> Conversation:
        if place not in self._made:
            name, messages, tools, turns, line = self.records.conversation(place)
            self._made[place] = Conversation(
                name,
                tuple(messages),
                None if tools is None else tuple(tools),
                tuple(turns),
                tool_arguments=self.tool_arguments,
                line=line,
            )
        return self._made[place]


def outlines_of(conversations: Sequence[Conversation]) -> Sequence[tuple[str, Sequence[int]]]:
    """Return id and turns of each conversation. What the core has read is not converted."""
    if isinstance(conversations, DirectConversations):
        return conversations.outlines
    return [(conversation.id, conversation.turns) for conversation in conversations]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file.

    Parameters
    ----------
    lines, conversations
        How many there are before it.
    form
        The name of the format that an earlier part has shown.
    is_lines
        Whether the part has one record to a line; else it is an array.
    """

    lines: int
    conversations: int
    form: str | None
    is_lines: bool = True


def left_to_python(options: ReadOptions) -> str | None:
    """Return why the core reads no dataset in this way; None if it may read one."""
    if options.records != "conversation":
        return "each record is one request"
    if options.messages_field is not None or options.supplies:
        return "messages, tools or a system prompt come from elsewhere"
    return None


def read_directly(
    data: bytes, name: str, options: ReadOptions, part: Part | None = None
) -> DirectConversations | str:
    """Return the conversations of a dataset, or why Python's readers have to read it.

    Parameters
    ----------
    data
        Its bytes.
    name
        As for `parse_conversations`.
    options
        How to read it.
    part
        Which part of the file the bytes are; None if they are all of it.
    """
    if reason := left_to_python(options):
        return reason
    if len(data) > records.MAX_DOCUMENT_BYTES:
        return "it is larger than a dataset may be"
    form = None if part is None else part.form
    is_lines = part is not None and part.is_lines
    if form is None and options.format is not None:
        form = form_named(options.format).name
    if form is None and (shown := _form_shown(data, name, is_lines=is_lines)):
        # Found by the same rules as for Python's readers, so that both read the same.
        form = shown.name
    try:
        read = _native.Records(
            data,
            names_lines=bool({".jsonl", ".ndjson"}.intersection(PurePath(name).suffixes)),
            # Longer ones have room for more values than they may have.
            longest_line=records.MAX_RECORD_BYTES // records.BYTES_PER_VALUE,
            longest_document=records.MAX_DOCUMENT_BYTES // records.BYTES_PER_VALUE,
            parses_arguments=options.tool_arguments == "objects",
            harmless=_harmless(),
            is_lines=is_lines,
            before=(0, 0) if part is None else (part.lines, part.conversations),
            form=form,
        )
    except _native.RefusedError as error:
        return str(error)
    return DirectConversations(read, options.tool_arguments)


@cache
def _harmless() -> _native.Harmless:
    """Return the names of fields that the core may leave out, taken over once for all parts."""
    return _native.Harmless(RECORD.harmless, ROW.harmless, MESSAGE.harmless, CALL.harmless)


def _form_shown(data: bytes, name: str, *, is_lines: bool) -> Format | None:
    """Return the format that the first record shows; None if it shows none."""
    with suppress(InputError):
        items = read_lines(io.BytesIO(data), name) if is_lines else items_of(data, name)
        first = next(items, None)
        return detect(first.value) if isinstance(first, Record) else None
    return None
