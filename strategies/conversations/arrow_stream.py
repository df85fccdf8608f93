"""Records out of Arrow streams, which `datasets` writes when a dataset is saved to a folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from strategies.conversations import records
from strategies.conversations.arrow_records import (
    ArrowRows,
    arrow_failures,
    from_row,
    needed_columns,
    parts_of,
)
from strategies.conversations.records import Needs, Record, Unread
from strategies.errors import InputError, placed


def read_arrow_stream(stream: IO[bytes], name: str, needs: Needs) -> Iterator[Record | Unread]:
    """Yield the rows of an Arrow stream, also those that cannot be read, each for itself.

    Parameters
    ----------
    stream, name, needs
        As for `arrow_stream_batches`.

    Raises
    ------
    InputError
        As `arrow_stream_batches` does.
    """
    most = records.MAX_DOCUMENT_BYTES
    for batch in arrow_stream_batches(stream, name, needs, most=most):
        yield from batch


def arrow_stream_batches(
    stream: IO[bytes], name: str, needs: Needs, *, before: int = 0, most: int
) -> Iterator[ArrowRows]:
    """Yield the rows of an Arrow stream, a few at a time. One of its batches is in memory.

    Parameters
    ----------
    stream
        The file, at its start. It need not seek, and stays open.
    name
        The name that errors use.
    needs
        Which columns are needed, and which fields of messages.
    before
        Number of rows to pass over.
    most
        The most bytes that these rows may unpack to.

    Raises
    ------
    InputError
        With name and row, if nothing after this place can be read.
    """
    with arrow_failures(name, _CONTAINER, OSError):
        row = before
        read = from_row(_batches(stream, name, needs, before), before, 0, most, name)
        for part in parts_of(read, records.ARROW_PART_BYTES // records.FIRST_PART):
            yield ArrowRows(part, row, name, needs, _CONTAINER)
            row += part.num_rows


def _batches(stream: IO[bytes], name: str, needs: Needs, before: int) -> Iterator[Any]:
    """Yield the rows of an Arrow stream from one on, as record batches."""
    import pyarrow as pa

    watched = _Watched(stream)
    number = 0
    for batch in pa.ipc.open_stream(pa.PythonFile(watched, "r")):
        # Offsets that point out of it would be followed.
        batch.validate(full=True)
        passed = min(max(before - number, 0), batch.num_rows)
        number += batch.num_rows
        with placed(file=name):
            table = needed_columns(pa.Table.from_batches([batch.slice(passed)]), needs)
        yield from table.to_batches(max_chunksize=records.PARQUET_BATCH_ROWS)
    if watched.ended or stream.read(1):
        # Arrow takes the end of the bytes for the end of the rows, and stops at the first one.
        raise InputError(
            "breaks off after this row, or goes on as another stream; write it again",
            file=name,
            line=number,
        )


_CONTAINER = "an Arrow stream"


class _Watched:
    """A stream for Arrow, which notes whether its end was reached. Arrow cannot close it."""

    closed = False

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.ended = False

    def read(self, size: int) -> bytes:
        """Read some bytes; fewer only at the end."""
        data = self._stream.read(size)
        self.ended |= len(data) < size
        return data

    def close(self) -> None:
        """Do nothing."""
