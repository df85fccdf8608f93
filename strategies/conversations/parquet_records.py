"""Records out of Parquet: only the columns that are needed become Python values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from strategies.conversations import records
from strategies.conversations.arrow_records import (
    ArrowRows,
    arrow_failures,
    from_row,
    parts_of,
    wanted_titles,
)
from strategies.conversations.records import Needs, Record, Unread
from strategies.errors import placed


def read_parquet(stream: IO[bytes], name: str, needs: Needs) -> Iterator[Record | Unread]:
    """Yield the rows of a Parquet file, also those that cannot be read, each for itself.

    All rows together may unpack to no more than `MAX_DOCUMENT_BYTES`.

    Parameters
    ----------
    stream, name, needs
        As for `parquet_batches`.

    Raises
    ------
    InputError
        As `parquet_batches` does.
    """
    most = records.MAX_DOCUMENT_BYTES
    for batch in parquet_batches(stream, name, needs, most=most):
        yield from batch


def parquet_batches(
    stream: IO[bytes], name: str, needs: Needs, *, before: int = 0, most: int
) -> Iterator[ArrowRows]:
    """Yield the rows of a Parquet file, a few at a time.

    Parameters
    ----------
    stream
        The file, at its start.
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
    import pyarrow.parquet as pq

    with (
        arrow_failures(name, "Parquet"),
        # Of a column of a row group, one page at a time is in memory. What is buffered before it is
        # asked for would stay until the end (findings/pyarrow-keeps-what-it-has-read.sh).
        pq.ParquetFile(stream, buffer_size=_PAGE_BYTES, pre_buffer=False) as file,
    ):
        with placed(file=name):
            wanted = wanted_titles(file.schema_arrow.names, needs)
        paths = [file.schema.column(i).path for i in range(len(file.schema.names))]
        columns = _needed_paths(paths, wanted, needs)
        groups, passed = _groups_from(file.metadata, before)
        read = file.iter_batches(records.PARQUET_BATCH_ROWS, row_groups=groups, columns=columns)
        row = before
        rows = from_row(read, passed, before, most, name)
        for part in parts_of(rows, records.ARROW_PART_BYTES // records.FIRST_PART):
            yield ArrowRows(part, row, name, needs, "Parquet")
            row += part.num_rows


_PAGE_BYTES = 1 << 20


def _groups_from(metadata: Any, row: int) -> tuple[list[int], int]:
    """Return the row groups from a row on, and the number of rows before them."""
    before = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if before + rows > row:
            return list(range(group, metadata.num_row_groups)), before
        before += rows
    return [], before


def _needed_paths(paths: list[str], wanted: list[str], needs: Needs) -> list[str]:
    """Return the paths of the leaves to read.

    Of a column of which only the name is needed, one leaf says in which rows it has a value.
    """
    needed, seen = [], set()
    for path in paths:
        # The title of a column may have dots in it.
        title = next((t for t in wanted if path == t or path.startswith(f"{t}.")), None)
        if title is None or (title in seen and not needs.converts(title)):
            continue
        if title in needs.messages and _field_of_message(path, title) in needs.skipped_in_messages:
            continue
        seen.add(title)
        needed.append(path)
    return needed


def _field_of_message(path: str, title: str) -> str:
    """Return the field in the path of a leaf such as ``messages.list.element.content``."""
    below = path[len(title) + 1 :].split(".")
    return below[2] if len(below) > 2 else ""
