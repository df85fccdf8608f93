"""Datasets, from a file or from memory, as conversations."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import IO

from strategies.conversations.conversation import Conversation, ToolArguments
from strategies.conversations.counts import OnError
from strategies.conversations.detect import detect, formats
from strategies.conversations.fields import Reader
from strategies.conversations.files import open_file
from strategies.conversations.format import Format, Group, unread
from strategies.conversations.known_fields import MESSAGE, RECORD, ROW
from strategies.conversations.options import ReadOptions, Records, UnknownFields
from strategies.conversations.reading import items_of
from strategies.conversations.records import Needs, Record, Unread
from strategies.conversations.requests import join_requests
from strategies.errors import InputError, IslWarning, placed
from strategies.words import many


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that was not read, or the rows of a conversation that were not.

    Parameters
    ----------
    line, field, reason
        Where and why; the line and the field are None if the mistake has no such place.
    conversation
        Id of the conversation, if it is known.
    record
        The record as text, if there is one.
    """

    line: int | None
    field: str | None
    reason: str
    conversation: str | None = None
    record: str | None = None


class Conversations(list[Conversation]):
    """The conversations of a dataset, and what a user should know about reading them.

    Parameters
    ----------
    conversations
        In the order of the data.
    warnings
        One line each.
    rejects
        The records that were left out, if `on_error` is ``"skip"``.
    """

    def __init__(
        self,
        conversations: Iterable[Conversation] = (),
        warnings: tuple[str, ...] = (),
        rejects: tuple[Reject, ...] = (),
    ) -> None:
        super().__init__(conversations)
        self.warnings = warnings
        self.rejects = rejects


def read_conversations(
    path: str | PathLike[str],
    *,
    tool_arguments: ToolArguments = "objects",
    unknown_fields: UnknownFields = "refuse",
    on_error: OnError = "raise",
    records: Records = "conversation",
) -> Conversations:
    """Read a dataset from a file. The first record shows which format it has.

    What a user should know about the reading is in the ``warnings`` of the result, and each is
    issued as an `IslWarning`.

    Parameters
    ----------
    path
        MLCommons endpoints JSONL (one row per message), OpenAI chat records or ShareGPT
        records, as JSONL, JSON (each may be gzipped) or Parquet.
    tool_arguments
        ``"objects"`` parses tool-call arguments that are JSON strings, as serving
        frameworks do before they render. ``"as-given"`` leaves them as they are, for the
        few templates that concatenate strings.
    unknown_fields
        ``"refuse"`` fails at a field that is neither read nor known to be harmless.
        ``"ignore"`` leaves such fields out, and a warning names them.
    on_error
        ``"raise"`` fails at the first record that cannot be read. ``"skip"`` leaves such
        records out; a warning counts them, and they are in ``rejects`` of the result. Of rows
        of one message, the whole conversation is left out.
    records
        ``"conversation"`` if each record holds a conversation with all its requests.
        ``"request"`` if each is one request, as in logs of servers: it has one turn, at its
        end. Requests that share their beginning become one conversation.

    Returns
    -------
    Conversations
        A list in file order, at least one, each with at least one turn.

    Raises
    ------
    InputError
        One line with file, line and field, for the first mistake in the file. Nothing is
        dropped silently. Also if an option has no such value, or if no record can be read.
    """
    options = ReadOptions(tool_arguments, unknown_fields, on_error, records)
    with open_file(Path(path)) as stream:
        read = parse_dataset(stream, str(path), options)
    return _told(read)


def parse_conversations(
    data: bytes,
    *,
    name: str = "data",
    tool_arguments: ToolArguments = "objects",
    unknown_fields: UnknownFields = "refuse",
    on_error: OnError = "raise",
    records: Records = "conversation",
) -> Conversations:
    """Read a dataset that is in memory already, as `read_conversations` reads a file.

    Parameters
    ----------
    data
        The bytes of a whole file, in any format, and gzipped or not.
    name
        The name that errors use. As with a file, an ending ``.jsonl`` or ``.ndjson`` says
        that each line is one JSON object.
    tool_arguments, unknown_fields, on_error, records
        As for `read_conversations`.

    Returns
    -------
    Conversations
        A list in the order of the data, at least one, each with at least one turn.

    Raises
    ------
    InputError
        One line with name, line and field, for the first mistake in the data.
    """
    options = ReadOptions(tool_arguments, unknown_fields, on_error, records)
    return _told(parse_dataset(data, name, options))


def _told(conversations: Conversations) -> Conversations:
    for warning in conversations.warnings:
        warnings.warn(warning, IslWarning, stacklevel=3)
    return conversations


def parse_dataset(data: bytes | IO[bytes], name: str, options: ReadOptions) -> Conversations:
    """Read a dataset, and issue no warning.

    Parameters
    ----------
    data
        The bytes of a whole file, or a stream of them that can seek.
    name
        As for `parse_conversations`.
    options
        How to read it.

    Raises
    ------
    InputError
        As `parse_conversations` does.
    """
    # Closed before the stream is: it may be in the middle of it if something is refused.
    with closing(items_of(data, name, _needs())) as items:
        return _Dataset(name, options).read(items)


def _needs() -> Needs:
    read = frozenset({"_type"}).union(*(form.fields for form in formats()))
    return Needs(
        skipped=RECORD.harmless - read,
        read=read | RECORD.refused.keys() | ROW.refused.keys(),
        skipped_in_messages=MESSAGE.harmless,
        messages=frozenset({"messages", "conversations", "conversation", "prompt", "completion"}),
    )


@dataclass(slots=True)
class _Dataset:
    """A dataset that is being read."""

    name: str
    options: ReadOptions
    left_out: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    torn: set[str] = field(default_factory=set)
    first: InputError | None = None

    def read(self, items: Iterator[Record | Unread]) -> Conversations:
        """Return the conversations."""
        form, rest = self._format(items)
        read = self._groups(form, rest) if form is not None else iter(())
        if self.options.records == "request":
            # Joined one by one, so that what requests share is in memory once.
            conversations = join_requests(each for each, _ in read)
        else:
            conversations = self._whole(read)
        if not conversations:
            raise self._nothing()
        return Conversations(conversations, self._warnings(), tuple(self.rejects))

    def _groups(
        self, form: Format, items: Iterator[Record | Unread]
    ) -> Iterator[tuple[Conversation, str | None]]:
        """Yield each conversation, with the name of its group if there may be more of it."""
        for number, group in enumerate(form.groups(items), len(self.rejects) + 1):
            try:
                conversation = self._conversation(form, group, number)
            except InputError as error:
                self._refuse(error, group)
                if group.name is not None:
                    self.torn.add(group.name)
                continue
            yield conversation, group.name

    def _whole(self, read: Iterable[tuple[Conversation, str | None]]) -> list[Conversation]:
        found = list(read)
        return [conversation for conversation, name in found if name not in self.torn]

    def _format(
        self, items: Iterator[Record | Unread]
    ) -> tuple[Format | None, Iterator[Record | Unread]]:
        """Return the format of the first record that has one, and the records from there on."""
        for item in items:
            if isinstance(item, Unread):
                self._refuse(item.error, unread(item))
                continue
            try:
                with placed(line=item.line):
                    form = detect(item.value)
            except InputError as error:
                self._refuse(error, Group((item,)))
                continue
            if self.options.records == "request" and not form.whole:
                raise InputError(
                    f"read as {form.name}: {form.summary}; such a record is no request, so "
                    "--records request does not fit",
                    file=self.name,
                )
            return form, chain([item], items)
        return None, items

    def _conversation(self, form: Format, group: Group, number: int) -> Conversation:
        reader = Reader(self.options)
        try:
            if group.error is not None:
                raise group.error
            with placed(line=group.records[0].line):
                conversation = form.read(tuple(_read_fields(form, group)), number, reader)
            # Checked last: a record of another shape is told what it lacks.
            for line, value in group.records:
                with placed(line=line):
                    reader.check(value, form.fields, form.known)
        except InputError as error:
            if number > len(self.rejects) + 1 or not group.records:
                raise
            # If nothing was read so far, the file may have been taken for the wrong format.
            taken = f"{error.reason} (read as {form.name})"
            raise InputError(taken, line=error.line, field=error.field) from None
        self.left_out.update(reader.left_out)
        return conversation

    def _refuse(self, error: InputError, group: Group) -> None:
        """Fail, or keep the record and its reason."""
        error = error.at(file=self.name)
        if self.options.on_error == "raise":
            raise error from None
        self.first = self.first or error
        self.rejects.append(
            Reject(error.line, error.field, error.reason, _name(group), _text(group, error.line))
        )

    def _nothing(self) -> InputError:
        if self.first is None:
            return InputError("holds no conversations: the file is empty", file=self.name)
        return InputError(
            f"no record can be read, the first because {_place(self.first)}", file=self.name
        )

    def _warnings(self) -> tuple[str, ...]:
        told = []
        if self.left_out:
            fields = ", ".join(
                f"{name} ({many(count, 'record')})" for name, count in sorted(self.left_out.items())
            )
            told.append(f"fields were left out: {fields}")
        if self.first is not None:
            were = "was" if len(self.rejects) == 1 else "were"
            records = many(len(self.rejects), "record")
            told.append(f"{records} {were} not read, the first: {_place(self.first)}")
        return tuple(told)


def _read_fields(form: Format, group: Group) -> Iterator[Record]:
    for line, value in group.records:
        yield Record(line, {name: each for name, each in value.items() if name in form.fields})


def _place(error: InputError) -> str:
    line = f"line {error.line}" if error.line is not None else None
    return ": ".join(part for part in (line, error.field, error.reason) if part)


def _name(group: Group) -> str | None:
    if group.name is not None:
        return group.name
    for record in group.records:
        for key in ("id", "conversation_id"):
            name = record.value.get(key)
            if isinstance(name, (str, int, float)) and not isinstance(name, bool):
                return str(name)
    return None


def _text(group: Group, line: int | None) -> str | None:
    """Return the record of a line as text; of several, the one that is wrong."""
    if group.text is not None or not group.records:
        return group.text
    records = {record.line: record for record in group.records}
    record = records.get(line or 0, group.records[0])
    try:
        return json.dumps(record.value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return None
