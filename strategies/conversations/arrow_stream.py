"""Records out of Arrow streams, which `datasets` writes when a dataset is saved to a folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from strategies.conversations import records
from strategies.conversations.arrow_records import (
    NO_PYTHON_VALUE,
    arrow_rows,
    needed_columns,
    unpacked_bytes,
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
) -> Iterator[list[Record | Unread]]:
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
    import pyarrow as pa

    watched = _Watched(stream)
    try:
        number = unpacked = 0
        for batch in pa.ipc.open_stream(pa.PythonFile(watched, "r")):
            # Offsets that point out of it would be followed.
            batch.validate(full=True)
            passed = min(max(before - number, 0), batch.num_rows)
            number += passed
            with placed(file=name):
                table = needed_columns(pa.Table.from_batches([batch.slice(passed)]), needs)
            for piece in table.to_batches(max_chunksize=records.PARQUET_BATCH_ROWS):
                unpacked = unpacked_bytes(piece, unpacked, most, name, number)
                yield list(arrow_rows(piece, number, name, needs))
                number += piece.num_rows
        if watched.ended or stream.read(1):
            # Arrow takes the end of the bytes for the end of the rows, and stops at the first one.
            raise InputError(
                "breaks off after this row, or goes on as another stream; write it again",
                file=name,
                line=number,
            )
    except (pa.ArrowException, OSError, MemoryError, *NO_PYTHON_VALUE) as error:
        # The error may quote names of columns, which are as untrusted as the values.
        raise InputError(f"cannot be read as an Arrow stream: {error}", file=name) from None


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
