"""Records out of Arrow: of a batch, only what is needed becomes Python values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from strategies.conversations.json_text import shown
from strategies.conversations.records import (
    BYTES_PER_VALUE,
    NOT_CONVERTED,
    Needs,
    Record,
    Unread,
)
from strategies.errors import InputError, one_line

NO_PYTHON_VALUE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""Errors of pyarrow for a value that Python cannot hold, such as text that is not UTF-8."""


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


def unpacked_bytes(batch: Any, before: int, most: int, name: str, row: int) -> int:
    """Return how many bytes an Arrow batch and those before it unpack to.

    Parameters
    ----------
    batch
        A record batch.
    before
        Bytes of the batches before it.
    most
        The most bytes that all may have.
    name
        The file, for the error.
    row
        Number of rows before the batch.

    Raises
    ------
    InputError
        With the first row of the batch, if there are more bytes.
    """
    # Nulls take no bytes, but each becomes a Python object.
    unpacked: int = before + max(batch.nbytes, BYTES_PER_VALUE * arrow_values(batch.columns))
    if unpacked > most:
        raise InputError(
            f"the file unpacks to more than {most >> 30} GiB; split it", file=name, line=row + 1
        )
    return unpacked


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
        title: _present(batch.column(title))
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
        free_form = free_form or key in _FREE_FORM
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


_FREE_FORM = frozenset(
    {"arguments", "parameters", "tools", "functions", "documents", "chat_template_kwargs"}
)
