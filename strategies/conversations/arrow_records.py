"""Records out of Arrow: of a batch, only what is needed becomes Python values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from strategies.conversations import records
from strategies.conversations.json_text import shown
from strategies.conversations.records import (
    NOT_CONVERTED,
    Needs,
    Record,
    Unread,
)
from strategies.errors import InputError, one_line

NO_PYTHON_VALUE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""Errors of pyarrow for a value that Python cannot hold, such as text that is not UTF-8."""


@dataclass(frozen=True, slots=True)
class ArrowRows:
    """Some rows of Arrow data. They become Python values when they are asked for.

    Parameters
    ----------
    batch
        A record batch.
    before
        How many rows stand before it in the file.
    name
        The file, for errors.
    needs
        Which columns are needed.
    container
        What the file is; empty if there is no file.
    """

    batch: Any
    before: int
    name: str
    needs: Needs
    container: str = ""

    def __len__(self) -> int:
        length: int = self.batch.num_rows
        return length

    def __iter__(self) -> Iterator[Record | Unread]:
        with arrow_failures(self.name, self.container):
            yield from arrow_rows(self.batch, self.before, self.name, self.needs)


@contextmanager
def arrow_failures(name: str, container: str, *others: type[Exception]) -> Iterator[None]:
    """Word what goes wrong in Arrow when a file is read.

    Parameters
    ----------
    name
        The file.
    container
        What it is.
    *others
        Further errors that the file may be to blame for.
    """
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, MemoryError, *NO_PYTHON_VALUE, *others) as error:
        # The error may quote names of columns, which are as untrusted as the values.
        raise InputError(f"cannot be read as {container}: {error}", file=name) from None


def parts_of(batches: Iterable[Any], first: int | None = None) -> Iterator[Any]:
    """Yield record batches again, small ones joined and large ones cut, and no empty ones.

    If the batches end with an error, the rows before it come first.

    Parameters
    ----------
    batches
        Record batches of one schema.
    first
        Bytes of the first part; None if it is no smaller than the others.
    """
    iterator = iter(batches)
    most = records.ARROW_PART_BYTES if first is None else first
    held: list[Any] = []
    size, failure = 0, None
    while True:
        try:
            batch = next(iterator, None)
        except Exception as error:
            batch, failure = None, error
        more = 0 if batch is None else unpacked_size(batch)
        if held and (batch is None or size + more > most):
            for joined in _joined(held):
                yield from _cut(joined, most)
            held, size, most = [], 0, records.ARROW_PART_BYTES
        if batch is None:
            break
        if batch.num_rows:
            held.append(batch)
            size += more
    if failure is not None:
        raise failure


def _joined(batches: list[Any]) -> list[Any]:
    import pyarrow as pa

    if len(batches) == 1 or not batches[0].num_columns:
        return batches
    try:
        joined: list[Any] = pa.Table.from_batches(batches).combine_chunks().to_batches()
    except pa.ArrowException:
        # Arrow cannot join every type, such as the texts of some dictionaries.
        return batches
    return joined


def _cut(batch: Any, most: int) -> Iterator[Any]:
    start = 0
    while start < batch.num_rows:
        part = batch.slice(start)
        while part.num_rows > 1 and unpacked_size(part) > most:
            part = part.slice(0, -(-part.num_rows // 2))
        yield part
        start += part.num_rows


def from_row(batches: Iterable[Any], before: int, row: int, most: int, name: str) -> Iterator[Any]:
    """Yield the rows of record batches from one on, as long as they unpack to few bytes.

    Parameters
    ----------
    batches
        The record batches.
    before
        Number of rows before them.
    row
        Number of rows to pass over, with those before them.
    most
        The most bytes that all batches may unpack to.
    name
        The file, for the error.

    Raises
    ------
    InputError
        With the first row of a batch, if there are more bytes.
    """
    unpacked = 0
    for batch in batches:
        unpacked += unpacked_size(batch)
        if unpacked > most:
            raise InputError(
                f"the file unpacks to more than {most >> 30} GiB; split it",
                file=name,
                line=before + 1,
            )
        yield batch.slice(min(max(row - before, 0), batch.num_rows))
        before += batch.num_rows


def unpacked_size(batch: Any) -> int:
    """Return how many bytes an Arrow record batch unpacks to."""
    # Nulls take no bytes, but each becomes a Python object.
    size: int = max(batch.nbytes, records.BYTES_PER_VALUE * arrow_values(batch.columns))
    return size


def arrow_values(columns: Iterable[Any]) -> int:
    """Return how many Python objects Arrow arrays become."""
    from pyarrow import types

    count = 0
    for column in columns:
        count += len(column)
        if types.is_struct(column.type):
            count += arrow_values(column.flatten())
        elif types.is_map(column.type):
            # Keys and items belong to the whole array; this one is a slice of it.
            start, stop = column.offsets[0].as_py(), column.offsets[-1].as_py()
            pairs = (column.keys, column.items)
            count += arrow_values(half.slice(start, stop - start) for half in pairs)
        elif types.is_nested(column.type) and not types.is_union(column.type):
            count += arrow_values([column.flatten()])
    return count


def needed_columns(table: Any, needs: Needs) -> Any:
    """Return an Arrow table with the columns that are needed, and copy none of their values.

    Of messages, the fields that nobody reads are left out.

    Raises
    ------
    InputError
        If a column that is needed appears twice.
    """
    wanted = wanted_titles(table.schema.names, needs)
    table = table.select(wanted)
    for place, title in enumerate(wanted):
        if title in needs.messages:
            column = _without_skipped_fields(table.column(place), needs)
            table = table.set_column(place, title, column)
    return table


def wanted_titles(titles: Iterable[str], needs: Needs) -> list[str]:
    """Return which columns are needed.

    Raises
    ------
    InputError
        If one of them appears twice.
    """
    wanted = [title for title in titles if title not in needs.skipped]
    for title, count in Counter(wanted).items():
        if count > 1:
            raise InputError("column appears twice", field=shown(title))
    return wanted


def _without_skipped_fields(messages: Any, needs: Needs) -> Any:
    import pyarrow as pa
    from pyarrow import types

    kind = messages.type
    if not (types.is_list(kind) or types.is_large_list(kind)):
        return messages
    if not types.is_struct(kind.value_type):
        return messages
    fields = [kind.value_type.field(i) for i in range(kind.value_type.num_fields)]
    kept = [field for field in fields if field.name not in needs.skipped_in_messages]
    if len(kept) in {0, len(fields)}:
        return messages
    make = pa.list_ if types.is_list(kind) else pa.large_list
    try:
        return messages.cast(make(pa.struct(kept)))
    except pa.ArrowException:
        # Arrow cannot cast every type to itself. What is left in is not read either.
        return messages


def arrow_rows(batch: Any, before: int, name: str, needs: Needs) -> Iterator[Record | Unread]:
    """Yield the rows of a record batch, also those that Python cannot hold, each for itself.

    Parameters
    ----------
    batch
        The record batch.
    before
        How many rows stand before it in the file.
    name
        The name that errors use.
    needs
        Which columns are needed.
    """
    converted = [title for title in batch.schema.names if needs.converts(title)]
    present = {
        title: rows_present(batch.column(title))
        for title in batch.schema.names
        if not needs.converts(title)
    }
    values = batch.select(converted)
    try:
        rows = values.to_pylist(maps_as_pydicts="strict")
    except NO_PYTHON_VALUE:
        rows = None
    for i in range(batch.num_rows):
        line = before + i + 1
        try:
            # Converted one by one if there is a bad value somewhere, to name its place.
            row = _row(values.slice(i, 1)) if rows is None else rows[i]
            record = {k: without_union_nulls(v, k, k) for k, v in row.items()}
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
        except NO_PYTHON_VALUE as error:
            reason = f"cannot be read: {one_line(error)}"
            raise InputError(reason, field=shown(title)) from None
    return values


def rows_present(column: Any) -> list[bool]:
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


def without_union_nulls(value: Any, key: str, field: str, *, free_form: bool = False) -> Any:
    """Drop the nulls that Parquet adds to objects.

    A Parquet struct has the same keys in every row; a key that a row lacks comes back as
    null. In messages and calls a null means the same as a missing key. In arguments, tools,
    documents and kwargs it does not: templates write them out whole, so that the prompt would
    differ.

    Parameters
    ----------
    value
        The value, with all that is in it.
    key
        The key of the object that it stands under.
    field
        Its place in the record, for errors.
    free_form
        Whether it is inside arguments, tools, documents or kwargs.

    Raises
    ------
    InputError
        For a null that may be a missing key, with the field.
    """
    if isinstance(value, dict):
        free_form = free_form or key in FREE_FORM
        if free_form and None in value.values():
            raise InputError(
                "a null in a Parquet struct may be a missing key; "
                "store arguments and tools as JSON strings",
                field=field,
            )
        return {
            k: without_union_nulls(v, k, f"{field}.{k}", free_form=free_form)
            for k, v in value.items()
            if v is not None
        }
    if isinstance(value, list):
        return [
            without_union_nulls(v, key, f"{field}[{i}]", free_form=free_form)
            for i, v in enumerate(value)
        ]
    return value


FREE_FORM = frozenset(
    {"arguments", "parameters", "tools", "functions", "documents", "chat_template_kwargs"}
)
"""Fields in which templates write out all that there is, nulls, too."""
