"""A dataset file, read part by part, so that memory is bounded whatever its size."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import IO, Self, cast

from strategies.conversations import records
from strategies.conversations.array_parts import ArrayParts
from strategies.conversations.assembly import Assembly
from strategies.conversations.beginning import Begun, is_one_line
from strategies.conversations.containers import (
    LOOKED_AT_BYTES,
    Container,
    container_of,
    unpacked,
)
from strategies.conversations.datasets import all_of
from strategies.conversations.detect import form_named
from strategies.conversations.direct import DirectConversations, read_directly
from strategies.conversations.files import Pipe, shown_path
from strategies.conversations.json_records import START_BYTES, begins_lines, head_of_array
from strategies.conversations.line_parts import LineParts
from strategies.conversations.opened import OpenedFile, failures
from strategies.conversations.options import ReadOptions
from strategies.conversations.parts import Batch, Place
from strategies.conversations.reading import items_of
from strategies.conversations.row_parts import RowParts


class DatasetStream:
    """A dataset file that is read part by part.

    Use it as a context manager, and iterate it once.

    Parameters
    ----------
    path
        The file.
    options
        How to read it. Requests that are joined to conversations, and rows of one message of
        which some may be skipped, are read as one part: what belongs together may be anywhere.
        So is a JSON document, unless it is an array of records.
    directly
        Whether the native core may read it.
    start
        A place of an earlier reading of the same file with the same options.
    finished
        Ids of the conversations before that place, if their format has one row per message.
    assembly
        What is known of the dataset when this file begins; None if it is the first one.
    notes
        Where notes are added; None for a list of its own.

    Attributes
    ----------
    assembly
        What is known of the dataset.
    container
        What it is in; None before its first part is read.
    notes
        What else is worth a line, but no warning.

    Raises
    ------
    InputError
        If the file cannot be read, or is another one before the place to start at.
    """

    def __init__(
        self,
        path: Path,
        options: ReadOptions,
        *,
        directly: bool = False,
        start: Place | None = None,
        finished: Iterable[str] = (),
        assembly: Assembly | None = None,
        notes: list[str] | None = None,
    ) -> None:
        start = start or Place()
        self.path = path
        self.assembly = assembly or first_assembly(shown_path(path), options, start, finished)
        self.notes: list[str] = [] if notes is None else notes
        self._file = OpenedFile(
            path, options, self.assembly, start, directly=directly, notes=self.notes
        )
        self._reading: Generator[Batch] | None = None
        self.container: Container | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reading is not None:
            # It is in the middle of the file if something was refused.
            self._reading.close()
        self._file.held.close()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know about the dataset so far, one line each."""
        return self.assembly.warnings()

    @property
    def size(self) -> int:
        """Bytes of the file; 0 of a pipe."""
        return self._file.size

    @property
    def form(self) -> str | None:
        """Name of the format; None before the first record that shows it."""
        return self._file.form

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes of the file; of a pipe, of those that have come."""
        return self._file.sha256()

    def stop(self) -> None:
        """Let a thread that waits for a pipe get an error, because nobody needs the rest."""
        self._file.stop()

    @property
    def not_read(self) -> int:
        """How many records were refused so far."""
        return self.assembly.rejected

    def __iter__(self) -> Iterator[Batch]:
        """Return the parts of the file in order.

        Raises
        ------
        InputError
            As `read_conversations` does, when the mistake is reached. If there is no conversation
            at all, at the end.
        """
        self._reading = self._read()
        return self._reading

    def _read(self) -> Generator[Batch]:
        with failures(self._file.name), closing(self._parts()) as parts:
            for batch in parts:
                self.assembly.look_at(batch.conversations)
                told = self.assembly.like_requests
                place = batch.place and replace(batch.place, like_requests=told)
                one = [replace(batch, place=place)]
                # Nobody else may hold it when it is counted.
                del batch
                yield one.pop()
        if not self.assembly.several:
            self.assembly.check_found()

    def _parts(self) -> Generator[Batch]:
        file, stream = self._file, self._file.stream
        container = container_of(file.begins(), file.name)
        self.container = container
        rows = RowParts(file)
        by_rows = {"Parquet": rows.parquet, "an Arrow stream": rows.arrow_stream}
        if container in by_rows:
            if file.options.records == "request":
                yield self._whole(stream)
            else:
                yield from by_rows[container](stream)
            return
        if container != "JSON":
            file.packed = stream if isinstance(stream, Pipe) else Pipe(stream)
            stream = unpacked(cast("IO[bytes]", file.packed), container)
        text = Begun(stream)
        if container != "JSON":
            container_of(text.begins(LOOKED_AT_BYTES), file.name, container)
        start, packed = text.begins(START_BYTES), container != "JSON"
        lines = begins_lines(start, file.name) or is_one_line(text)
        head = None if lines else head_of_array(start)
        with io.BufferedReader(text, START_BYTES) as buffered:
            if file.options.records == "request":
                yield self._whole(cast("IO[bytes]", buffered))
            elif lines:
                yield from LineParts(file).read(buffered, packed=packed)
            elif head is not None:
                yield from ArrayParts(file).read(buffered, head, packed=packed)
            else:
                yield self._whole(cast("IO[bytes]", buffered))

    def _whole(self, stream: IO[bytes]) -> Batch:
        """Read all as one part."""
        file, assembly = self._file, self.assembly
        data = stream.read(records.MAX_DOCUMENT_BYTES + 1)
        if len(data) > records.MAX_DOCUMENT_BYTES:
            raise file.too_large()
        # The core numbers the conversations of a document from its start.
        if file.directly and not assembly.groups:
            direct = read_directly(data, file.name, file.options)
            if isinstance(direct, DirectConversations):
                assembly.form = form_named(direct.records.format)
                assembly.groups += len(direct)
                assembly.any_read = True
                return Batch(direct, (), None, file.size)
        conversations = all_of(assembly, items_of(data, file.name, file.needs))
        return Batch(conversations, assembly.take_rejects(), None, file.size)


def first_assembly(
    name: str, options: ReadOptions, start: Place, finished: Iterable[str]
) -> Assembly:
    """Return what is known of a dataset when its reading begins.

    Parameters
    ----------
    name
        Of the file, for errors.
    options
        How it is read.
    start
        A place of an earlier reading.
    finished
        Ids of the conversations before that place, if their format has one row per message.
    """
    assembly = Assembly(
        name,
        options,
        form=form_named(start.form) if start.form else None,
        read_before=start.read_before,
        empty=tuple(start.empty),
        told_before=start.like_requests,
    )
    assembly.groups, assembly.any_read = start.groups, start.any_read
    assembly.finished.update(finished)
    assembly.rejected, assembly.first = start.rejected, start.first
    assembly.left_out.update(start.left_out)
    return assembly
