"""Conversations put together from the records of a dataset, whole or part by part."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from strategies.conversations.conversation import Conversation
from strategies.conversations.detect import form_of
from strategies.conversations.fields import Reader
from strategies.conversations.format import Format, Group, unread
from strategies.conversations.lacking import check_lacks
from strategies.conversations.located import located, renamed
from strategies.conversations.options import ReadOptions
from strategies.conversations.records import Record, Unread
from strategies.conversations.requests import Beginnings
from strategies.conversations.supplied import supplied
from strategies.errors import InputError, placed
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
    file
        The file, if the dataset has several.
    """

    line: int | None
    field: str | None
    reason: str
    conversation: str | None = None
    record: str | None = None
    file: str | None = None


@dataclass(slots=True)
class Assembly:
    """What is known of a dataset while its conversations are put together.

    Parameters
    ----------
    name
        Of the file, for errors.
    options
        How it is read.
    form
        Its format; None before the first record that shows one.
    groups
        Number of groups of records so far, also of those that were refused.
    any_read
        Whether one of them was a conversation.
    finished
        Ids of complete conversations, if the format needs them.
    torn
        Ids of conversations of which a part was refused.
    left_out
        How many records have each field that was left out.
    rejected, first
        How many were refused, and where and why the first was.
    several
        Whether the dataset has several files.
    read_before
        Whether one of the files before this one holds a conversation.
    empty
        The files before this one that hold none.
    told_before
        A warning, if the records of a file before this one seem to be requests of a log.
    beginnings
        What the first conversations of the file begin with.
    """

    name: str
    options: ReadOptions
    form: Format | None = None
    groups: int = 0
    any_read: bool = False
    finished: set[str] = field(default_factory=set)
    torn: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    first: str | None = None
    several: bool = False
    read_before: bool = False
    empty: tuple[str, ...] = ()
    told_before: str | None = None
    beginnings: Beginnings = field(default_factory=Beginnings)
    _rejects: list[Reject] = field(default_factory=list)

    @property
    def form_name(self) -> str | None:
        """Name of the format; None before the first record that shows one."""
        return None if self.form is None else self.form.name

    def add(self, items: Iterable[Record | Unread]) -> Iterator[tuple[Conversation, str | None]]:
        """Yield the conversations of more records.

        Parameters
        ----------
        items
            Records in the order of the file. The last conversation among them is complete.

        Yields
        ------
        Conversation
            The next one.
        str or None
            The name of its group, if there may be more of it.

        Raises
        ------
        InputError
            For the first mistake, unless such records are to be skipped.
        """
        form, rest = self._format(iter(items))
        if form is None:
            return
        for group in form.groups(rest, self.finished):
            self.groups += 1
            try:
                conversation = self._conversation(form, group, self.groups)
            except InputError as error:
                self._refuse(error, group)
                if group.name is not None:
                    self.torn.add(group.name)
                continue
            self.any_read = True
            yield conversation, group.name

    def add_whole(self, items: Iterable[Record | Unread]) -> list[Conversation]:
        """Return the conversations of more records, but none of which a part was refused.

        Parameters and errors are those of `add`.
        """
        found = list(self.add(items))
        return [conversation for conversation, name in found if name not in self.torn]

    def look_at(self, conversations: Sequence[Conversation]) -> None:
        """Look whether the records of the file seem to be requests of a log.

        Parameters
        ----------
        conversations
            The next ones that were read. Only the first ones of a file are looked at.
        """
        if self.told_before is None and self.options.records == "conversation":
            self.beginnings.add(conversations)

    @property
    def like_requests(self) -> str | None:
        """A warning, if records seem to be requests of a log; of several files, for the first."""
        if self.told_before is not None:
            return self.told_before
        found = self.beginnings.warning
        return f"{self.name}: {found}" if found and self.several else found

    def take_rejects(self) -> list[Reject]:
        """Return the records that were refused since the last call."""
        taken, self._rejects = self._rejects, []
        return taken

    def following(self, name: str) -> Assembly:
        """Return what is known of the dataset when its next file begins.

        Parameters
        ----------
        name
            Of that file. It may have another format.
        """
        return Assembly(
            name,
            self.options,
            groups=self.groups,
            finished=self.finished,
            left_out=self.left_out,
            rejected=self.rejected,
            first=self.first,
            several=True,
            read_before=self.read_before or self.any_read,
            empty=self.empty if self.any_read else (*self.empty, self.name),
            told_before=self.like_requests,
        )

    def check_found(self) -> None:
        """Raise `InputError` if all is read and there was no conversation."""
        if not (self.any_read or self.read_before):
            raise self._nothing()

    def _nothing(self) -> InputError:
        if self.several and self.first is None:
            number = len(self.empty) + 1
            return InputError(
                f"holds no conversations, and neither does any of {number} files", file=self.name
            )
        if self.first is None and self.form is not None:
            reason = f"holds no conversations (read as {self.form.name})"
            return InputError(reason, file=self.name)
        if self.first is None:
            return InputError("holds no conversations: the file is empty", file=self.name)
        return InputError(f"no record can be read, the first because {self.first}", file=self.name)

    def warnings(self) -> tuple[str, ...]:
        """Return what a user should know about the reading so far, one line each."""
        told = []
        if self.left_out:
            fields = ", ".join(
                f"{name} ({many(count, 'record')})" for name, count in sorted(self.left_out.items())
            )
            told.append(f"fields were left out: {fields}")
        if self.first is not None:
            were = "was" if self.rejected == 1 else "were"
            records = many(self.rejected, "record")
            told.append(f"{records} {were} not read, the first: {self.first}")
        empty = self.empty if self.any_read or not self.several else (*self.empty, self.name)
        told += [f"{name} holds no conversations" for name in empty]
        if (like_requests := self.like_requests) is not None:
            told.append(like_requests)
        return tuple(told)

    def _format(
        self, items: Iterator[Record | Unread]
    ) -> tuple[Format | None, Iterator[Record | Unread]]:
        """Return the format of the first record that has one, and the records from there on."""
        if self.form is not None:
            return self.form, items
        for item in items:
            if isinstance(item, Unread):
                self.groups += 1
                self._refuse(item.error, unread(item))
                continue
            try:
                with placed(line=item.line):
                    form = form_of(item.value, self.options)
            except InputError as error:
                self.groups += 1
                self._refuse(error, Group((item,)))
                continue
            self._check_form(form)
            self.form = form
            return form, chain([item], items)
        return None, items

    def _check_form(self, form: Format) -> None:
        """Refuse options that do not fit a format of one row for each message."""
        if form.whole:
            return
        read = f"read as {form.name}: {form.summary}; such a record is no"
        if self.options.records == "request":
            reason = f"{read} request, so --records request does not fit"
            raise InputError(reason, file=self.name)
        if self.options.messages_field is not None:
            reason = f"{read} conversation, so --messages-field does not fit"
            raise InputError(reason, file=self.name)

    def _conversation(self, form: Format, group: Group, number: int) -> Conversation:
        reader = Reader(self.options)
        try:
            if group.error is not None:
                raise group.error
            with placed(line=group.records[0].line):
                conversation = read_group(form, group.records, number, reader)
        except InputError as error:
            if self.any_read or not group.records or self.options.format is not None:
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
        file = self.name if self.several else None
        self.first = self.first or _place(error, file)
        self.rejected += 1
        name, text = _name(group), _text(group, error.line)
        self._rejects.append(Reject(error.line, error.field, error.reason, name, text, file))


def read_group(
    form: Format, group: tuple[Record, ...], number: int, reader: Reader
) -> Conversation:
    """Return the conversation that some records hold.

    Parameters
    ----------
    form
        Their format.
    group
        The records of one conversation, in the order of the file.
    number
        Its place in the dataset, from 1.
    reader
        How the dataset is read. It notes what is left out.

    Raises
    ------
    InputError
        With the field; with the line, if there are several records.
    """
    check_lacks(form, reader.options)
    path = reader.options.messages_field
    if path is None:
        return _read_group(form, group, number, reader)
    found = tuple(Record(line, located(value, path, reader)) for line, value in group)
    try:
        return _read_group(form, found, number, reader)
    except InputError as error:
        place = renamed(error.field, path)
        raise InputError(error.reason, line=error.line, field=place) from None


def _read_group(
    form: Format, group: tuple[Record, ...], number: int, reader: Reader
) -> Conversation:
    read = tuple(_read_fields(form, group))
    conversation = form.read(read, number, reader)
    # Checked last: a record of another shape is told what it lacks.
    for line, value in group:
        with placed(line=line):
            reader.check(value, form.fields, form.known)
    return supplied(conversation, reader.options) if reader.options.supplies else conversation


def _read_fields(form: Format, group: tuple[Record, ...]) -> Iterator[Record]:
    for line, value in group:
        yield Record(line, {name: each for name, each in value.items() if name in form.fields})


def _place(error: InputError, file: str | None) -> str:
    line = f"line {error.line}" if error.line is not None else None
    return ": ".join(part for part in (file, line, error.field, error.reason) if part)


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
