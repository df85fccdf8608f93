"""Records out of Parquet: only the columns that are needed become Python values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import IO, Any

from strategies.conversations import records
from strategies.conversations.json_text import shown
from strategies.conversations.records import NOT_CONVERTED, Needs, Record, Unread
from strategies.errors import InputError, one_line


def read_parquet(stream: IO[bytes], name: str, needs: Needs) -> Iterator[Record | Unread]:
    """Yield the rows of a Parquet file, also those that cannot be read, each for itself.

    Parameters and errors are those of `parquet_batches`; all rows together may unpack to no more
    than `MAX_DOCUMENT_BYTES`.
    """
    most = records.MAX_DOCUMENT_BYTES
    for batch in parquet_batches(stream, name, needs, most=most):
        yield from batch


def parquet_batches(
    stream: IO[bytes], name: str, needs: Needs, *, before: int = 0, most: int
) -> Iterator[list[Record | Unread]]:
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
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Of a column of a row group, one page at a time is in memory.
        with pq.ParquetFile(stream, buffer_size=_PAGE_BYTES) as file:
            titles = file.schema_arrow.names
            wanted = [title for title in titles if title not in needs.skipped]
            for column, count in Counter(wanted).items():
                if count > 1:
                    raise InputError("column appears twice", file=name, field=shown(column))
            paths = [file.schema.column(i).path for i in range(len(file.schema.names))]
            columns = _needed_paths(paths, wanted, needs)
            groups, number = _groups_from(file.metadata, before)
            unpacked = 0
            rows = records.PARQUET_BATCH_ROWS
            for batch in file.iter_batches(rows, row_groups=groups, columns=columns):
                # Nulls take no bytes: a few hundred bytes may unpack to any number of nulls.
                values = records.BYTES_PER_VALUE * _arrow_values(batch.columns)
                unpacked += max(batch.nbytes, values)
                if unpacked > most:
                    raise InputError(
                        f"the file unpacks to more than {most >> 30} GiB; split it",
                        file=name,
                        line=number + 1,
                    )
                passed = min(max(before - number, 0), batch.num_rows)
                number += passed
                yield list(_rows(batch.slice(passed), number, name, needs))
                number += batch.num_rows - passed
    except (pa.ArrowException, MemoryError, *_NO_PYTHON_VALUE) as error:
        # The error may quote names of columns, which are as untrusted as the values.
        raise InputError(f"cannot be read as Parquet: {error}", file=name) from None


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


_NO_PYTHON_VALUE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""Errors of pyarrow for a value that Python cannot hold, such as text that is not UTF-8."""


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


def _arrow_values(columns: Iterable[Any]) -> int:
    """Return how many Python objects Arrow arrays become."""
    from pyarrow import types

    count = 0
    for column in columns:
        count += len(column)
        if types.is_struct(column.type):
            count += _arrow_values(column.flatten())
        elif types.is_map(column.type):
            # Keys and items belong to the whole array; this one is a slice of it.
            start, stop = column.offsets[0].as_py(), column.offsets[-1].as_py()
            pairs = (column.keys, column.items)
            count += _arrow_values(half.slice(start, stop - start) for half in pairs)
        elif types.is_nested(column.type) and not types.is_union(column.type):
            count += _arrow_values([column.flatten()])
    return count


def _rows(batch: Any, before: int, name: str, needs: Needs) -> Iterator[Record | Unread]:
    converted = [title for title in batch.schema.names if needs.converts(title)]
    present = {
        title: _present(batch.column(title))
        for title in batch.schema.names
        if not needs.converts(title)
    }
    values = batch.select(converted)
    try:
        rows = values.to_pylist(maps_as_pydicts="strict")
    except _NO_PYTHON_VALUE:
        rows = None
    for i in range(batch.num_rows):
        line = before + i + 1
        try:
            # Converted one by one if there is a bad value somewhere, to name its place.
            row = _row(values.slice(i, 1)) if rows is None else rows[i]
            record = {k: _without_union_nulls(v, k, k) for k, v in row.items()}
        except InputError as error:
            yield Unread(error.at(file=name, line=line))
            continue
        record |= {title: NOT_CONVERTED for title, rows_with in present.items() if rows_with[i]}
        yield Record(line, record)


def _row(row: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for title, column in zip(row.schema.names, row.columns, strict=True):
        try:
            (values[title],) = column.to_pylist(maps_as_pydicts="strict")
        except _NO_PYTHON_VALUE as error:
            reason = f"cannot be read: {one_line(error)}"
            raise InputError(reason, field=shown(title)) from None
    return values


def _present(column: Any) -> list[bool]:
    """Return in which rows a column has a value that is neither null nor empty."""
    import pyarrow.compute as pc
    from pyarrow import types

    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind):
        lengths = pc.binary_length(column)
    elif types.is_list(kind) or types.is_large_list(kind):
        lengths = pc.list_value_length(column)
    else:
        return [bool(each) for each in column.is_valid().to_pylist()]
    return [bool(length) for length in lengths.to_pylist()]


def _without_union_nulls(value: Any, key: str, field: str, *, free_form: bool = False) -> Any:
    """Drop the nulls that Parquet adds to objects.

    A Parquet struct has the same keys in every row; a key that a row lacks comes back as
    null. In messages and calls a null means the same as a missing key. In arguments, tools,
    documents and kwargs it does not: templates write them out whole, so that the prompt would
    differ.
    """
    if isinstance(value, dict):
        free_form = free_form or key in _FREE_FORM
        if free_form and None in value.values():
            raise InputError(
                "a null in a Parquet struct may be a missing key; "
                "store arguments and tools as JSON strings",
                field=field,
            )
        return {
            k: _without_union_nulls(v, k, f"{field}.{k}", free_form=free_form)
            for k, v in value.items()
            if v is not None
        }
    if isinstance(value, list):
        return [
            _without_union_nulls(v, key, f"{field}[{i}]", free_form=free_form)
            for i, v in enumerate(value)
        ]
    return value


_FREE_FORM = frozenset(
    {"arguments", "parameters", "tools", "functions", "documents", "chat_template_kwargs"}
)
