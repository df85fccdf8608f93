"""Parts of a file of rows: Parquet, or an Arrow stream."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import IO, Protocol

from strategies.conversations import records
from strategies.conversations.arrow_lines import json_lines
from strategies.conversations.arrow_records import ArrowRows
from strategies.conversations.arrow_stream import arrow_stream_batches
from strategies.conversations.conversation import Conversation
from strategies.conversations.detect import form_named
from strategies.conversations.direct import (
    DirectConversations,
    Part,
    left_to_python,
    read_directly,
)
from strategies.conversations.opened import OpenedFile
from strategies.conversations.parquet_records import parquet_batches
from strategies.conversations.parts import Batch
from strategies.conversations.records import Needs, Record, Unread
from strategies.errors import InputError


class RowParts:
    """Reads rows part by part.

    Parameters
    ----------
    file
        The file.
    """

    def __init__(self, file: OpenedFile) -> None:
        self._file = file

    def parquet(self, stream: IO[bytes]) -> Generator[Batch]:
        """Yield the parts of a Parquet file in order."""
        if self._file.once:
            stream = self._file.held.enter_context(self._copied(stream))
        yield from self._by_rows(stream, parquet_batches)

    def arrow_stream(self, stream: IO[bytes]) -> Generator[Batch]:
        """Yield the parts of an Arrow stream in order."""
        yield from self._by_rows(stream, arrow_stream_batches)

    def _by_rows(self, stream: IO[bytes], batches: _RowBatches) -> Generator[Batch]:
        file, assembly = self._file, self._file.assembly
        digest = ""
        if not file.once:
            digest = file.sha256()
            if file.start.offset and digest != file.start.digest:
                raise InputError("is not the file that was read before", file=file.name)
            stream.seek(0)
        row = file.start.offset
        most = records.MAX_DOCUMENT_BYTES
        if not file.once:
            most = max(most, records.MOST_PACKED * file.size)
        rows: list[Record | Unread] = []
        for batch in batches(stream, file.name, file.needs, before=row, most=most):
            row += len(batch)
            # Rows of one message each are put together in Python.
            direct = None if rows else self._read_rows(batch)
            conversations: Sequence[Conversation]
            if direct is not None:
                conversations = direct
            else:
                items = list(batch)
                form = assembly.form or file.form_of(items)
                if form is not None and not form.whole:
                    rows += items
                    continue
                conversations = assembly.add_whole(items)
            rejects = assembly.take_rejects()
            yield Batch(conversations, rejects, file.place(row, digest), file.taken)
        if rows:
            yield Batch(assembly.add_whole(rows), assembly.take_rejects(), None, file.size)

    def _copied(self, stream: IO[bytes]) -> IO[bytes]:
        """Return a pipe of Parquet as a file: what it holds is said at its end."""
        name = self._file.name
        self._file.notes.append(f"{name}: Parquet of a pipe is copied to a temporary file first")
        import tempfile

        copy = tempfile.TemporaryFile()  # noqa: SIM115  # closed with what is held
        left = records.MAX_DOCUMENT_BYTES
        while block := stream.read(records.PART_BYTES):
            left -= len(block)
            if left < 0:
                copy.close()
                limit = records.MAX_DOCUMENT_BYTES >> 30
                raise InputError(
                    f"Parquet of more than {limit} GiB cannot be read from a pipe; name the file",
                    file=self._file.name,
                )
            copy.write(block)
        copy.seek(0)
        return copy

    def _read_rows(self, rows: ArrowRows) -> DirectConversations | None:
        """Return the conversations of rows, if the core reads them."""
        assembly = self._file.assembly
        whole = assembly.form is None or assembly.form.whole
        if not (self._file.directly and whole) or left_to_python(self._file.options):
            return None
        lines = json_lines(rows)
        if lines is None:
            return None
        known = Part(rows.before, assembly.groups, self._file.form)
        direct = read_directly(lines, self._file.name, self._file.options, known)
        if isinstance(direct, str) or not form_named(direct.records.format).whole:
            return None
        return direct if self._file.takes(direct) else None


class _RowBatches(Protocol):
    """Reads a container of rows, as `parquet_batches` does."""

    def __call__(
        self, stream: IO[bytes], name: str, needs: Needs, *, before: int = 0, most: int
    ) -> Iterator[ArrowRows]:
        """Yield the rows, a few at a time."""
