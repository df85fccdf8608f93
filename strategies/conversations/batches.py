"""Batches of whole conversations, one in each row: from Arrow, or from lists and NumPy arrays.

Engines such as Ray Data and `datasets` pass data on in batches. A batch knows neither its file nor
its place in it. So each row shows its format by itself, and has to bring an id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from strategies.conversations import records
from strategies.conversations.arrow_lines import json_lines
from strategies.conversations.arrow_records import (
    NO_PYTHON_VALUE,
    ArrowRows,
    arrow_rows,
    arrow_values,
    needed_columns,
    parts_of,
    without_union_nulls,
)
from strategies.conversations.assembly import read_group
from strategies.conversations.conversation import Conversation
from strategies.conversations.detect import (
    ANTHROPIC,
    detect,
    form_named,
    form_of,
    form_of_rows,
    needs,
)
from strategies.conversations.direct import (
    DirectConversations,
    Part,
    left_to_python,
    read_directly,
)
from strategies.conversations.fields import Reader, says_nothing
from strategies.conversations.json_text import shown
from strategies.conversations.options import ReadOptions
from strategies.conversations.records import NOT_CONVERTED, Needs, Record, Unread
from strategies.conversations.whole import IDS, record_name
from strategies.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

Item: TypeAlias = tuple[Record | Unread, dict[str, Any]]
"""A row, and its values in the columns that may hold its id."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a batch.

    Parameters
    ----------
    items
        The rows. They are read when they are asked for.
    rows
        The same as Arrow data, if they are such.
    names
        A table of the columns that may hold their ids; None if they are no Arrow data.
    """

    items: Iterable[Item]
    rows: ArrowRows | None = None
    names: Any = None


class ArrowBatch:
    """An Arrow table or record batch.

    Parameters
    ----------
    batch
        The table or record batch.
    """

    def __init__(self, batch: Any) -> None:
        import pyarrow as pa

        self._kind = type(batch)
        self._table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        self.names: list[str] = self._table.schema.names

    def pieces(self, needed: Needs, ids: Sequence[str]) -> Iterator[Piece]:
        """Yield the rows, a few together, so that not all are Python objects at once.

        Parameters
        ----------
        needed
            What is needed of the records.
        ids
            The columns that may hold ids.
        """
        table = needed_columns(self._table, needed)
        names = self._table.select(ids)
        if self._table.num_rows and not table.num_columns:
            detect({})
        start = 0
        # The columns of a table may be cut at different rows.
        for part in parts_of(table.to_batches()):
            _check_values(part.columns)
            rows = ArrowRows(part, start, "", needed)
            yield Piece(_items(rows, held := names.slice(start, len(rows))), rows, held)
            start += len(rows)

    def like_it(self, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, str]) -> Any:
        """Return columns as a table or record batch.

        Parameters
        ----------
        columns
            Values by name.
        kinds
            Arrow's name of the type of each column.
        """
        import pyarrow as pa

        arrays = [pa.array(values, kinds[name]) for name, values in columns.items()]
        return self._kind.from_arrays(arrays, names=list(columns))


class PythonBatch:
    """A mapping from the names of columns to lists or NumPy arrays.

    Parameters
    ----------
    batch
        The mapping.

    Raises
    ------
    InputError
        If a column is something else, or their lengths differ.
    """

    def __init__(self, batch: Mapping[str, Any]) -> None:
        self._columns = {name: batch[name] for name in batch}
        self.names = list(self._columns)
        lengths = set()
        for name, column in self._columns.items():
            if not (isinstance(column, (list, tuple)) or _is_array(column)):
                kind = type(column).__name__
                raise InputError(f"must be a list or a NumPy array, got {kind}", field=shown(name))
            lengths.add(len(column))
        if len(lengths) > 1:
            raise InputError("the columns of the batch have different lengths")
        self._rows = lengths.pop() if lengths else 0
        self._arrays = any(map(_is_array, self._columns.values()))

    def pieces(self, needed: Needs, ids: Sequence[str]) -> Iterator[Piece]:
        """Yield the rows, a few together.

        Parameters
        ----------
        needed, ids
            As for `ArrowBatch.pieces`.
        """
        columns = {
            name: _of_array(name, column) if _is_array(column) else column
            for name, column in self._columns.items()
            if name not in needed.skipped or name in ids
        }
        fields = {name: each for name, each in columns.items() if name not in needed.skipped}
        for start in range(0, self._rows, records.PARQUET_BATCH_ROWS):
            places = range(start, min(start + records.PARQUET_BATCH_ROWS, self._rows))
            yield Piece(
                (_python_row(fields, place, needed), {name: columns[name][place] for name in ids})
                for place in places
            )

    def like_it(self, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, str]) -> Any:
        """Return columns as lists; as NumPy arrays, if there are such in the batch.

        Parameters
        ----------
        columns, kinds
            As for `ArrowBatch.like_it`. A NumPy array with nulls holds Python objects.
        """
        if not self._arrays:
            return {name: list(values) for name, values in columns.items()}
        import numpy as np

        plain = {
            name: kinds[name] == "string" or None in values for name, values in columns.items()
        }
        return {
            name: np.array(values, dtype=object if plain[name] else kinds[name])
            for name, values in columns.items()
        }


def batch_of(batch: Any) -> ArrowBatch | PythonBatch:
    """Return a batch that can be read.

    Raises
    ------
    InputError
        If it is none.
    """
    if isinstance(batch, Mapping):
        return PythonBatch(batch)
    import pyarrow as pa

    if isinstance(batch, (pa.Table, pa.RecordBatch)):
        return ArrowBatch(batch)
    kind = type(batch).__name__
    raise InputError(
        f"a batch is an Arrow table or record batch, or a dict of lists or NumPy arrays; got {kind}"
    )


def _check_values(columns: Iterable[Any]) -> None:
    # Nulls take no bytes, but each becomes a Python object.
    if records.BYTES_PER_VALUE * arrow_values(columns) > records.MAX_DOCUMENT_BYTES:
        limit = records.MAX_DOCUMENT_BYTES >> 30
        raise InputError(f"a few rows of the batch unpack to more than {limit} GiB")


def _items(rows: ArrowRows, names: Any) -> Iterator[Item]:
    found = arrow_rows(rows.batch, rows.before, rows.name, rows.needs)
    yield from zip(found, _values(names), strict=True)


def _values(names: Any) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = names.to_pylist()
    except NO_PYTHON_VALUE:
        # The record says so, too.
        return [{}] * names.num_rows
    # Of a table without columns, Arrow makes no rows.
    return rows or [{}] * names.num_rows


def _python_row(columns: Mapping[str, Any], place: int, needed: Needs) -> Record | Unread:
    record: dict[str, Any] = {}
    try:
        for name, column in columns.items():
            value = column[place]
            if needed.converts(name):
                record[name] = without_union_nulls(value, name, name)
            elif not says_nothing(value):
                record[name] = NOT_CONVERTED
    except InputError as error:
        return Unread(error.at(line=place + 1))
    return Record(place + 1, record)


def _is_array(column: Any) -> bool:
    # Without an import of NumPy, which a batch of lists does not need.
    return type(column).__module__ == "numpy" and type(column).__name__ == "ndarray"


def _of_array(name: str, column: Any) -> list[Any]:
    """Return a NumPy array as a list of plain values.

    Raises
    ------
    InputError
        For an array of floats with numbers. It may stand for whole numbers and nulls: NumPy has
        no other place for the nulls.
    """
    if column.dtype.kind == "f":
        if any(number == number for number in column.tolist()):  # noqa: PLR0124  # NaN does not
            raise InputError(
                "floats in a NumPy array may have been whole numbers beside a null; give batches "
                "of Arrow",
                field=shown(name),
            )
        return [None] * len(column)
    return [_plain(value) for value in column.tolist()]


def _plain(value: Any) -> Any:
    """Return a value without the NumPy arrays in it."""
    if _is_array(value):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value


@dataclass(slots=True)
class BatchReader:
    """Reads conversations out of batches.

    Parameters
    ----------
    options
        How to read a record.
    id_column
        The column with the ids; None if they are in the fields that a format has for them.
    directly
        Whether the native core may read rows.
    left_out
        The fields that nobody knows, and how many records had them so far.
    refused
        Why records were not read, if such are left out.
    """

    options: ReadOptions
    id_column: str | None = None
    directly: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    refused: list[InputError] = field(default_factory=list)

    def read(self, batch: ArrowBatch | PythonBatch) -> Iterator[Sequence[Conversation]]:
        """Yield the conversations of a batch, a few together.

        Raises
        ------
        InputError
            With the id, or with the row of the batch from 1, for a record that cannot be read.
            For one that has no id, also if such records are left out. Also if there is no column
            of ids, or a column appears twice.
        """
        needed, ids = (
            needs(self.options.messages_field),
            [name for name in IDS if name in batch.names],
        )
        if self.id_column is not None:
            self._check_id_column(batch.names)
            ids = [self.id_column]
            if needed.read is None or self.id_column not in needed.read:
                # Nobody else need know it.
                needed = replace(needed, skipped=needed.skipped | {self.id_column})
        for piece in batch.pieces(needed, ids):
            direct = self._read_directly(piece) if self.directly else None
            yield list(self._conversations(piece.items)) if direct is None else direct

    def _read_directly(self, piece: Piece) -> DirectConversations | None:
        """Return the conversations of some rows, if the core reads them."""
        rows = piece.rows
        if rows is None or left_to_python(self.options) or not _all_named(piece.names):
            return None
        name = self.options.format or form_of_rows(rows.batch.schema.names)
        form = None if name is None else form_named(name)
        if form is None or not form.whole:
            return None
        if self.id_column is not None:
            rows = _with_ids(rows, piece.names.column(0))
        lines = json_lines(rows)
        if lines is None or (self.options.format is None and ANTHROPIC in lines):
            return None
        known = Part(rows.before, rows.before, form.name)
        direct = read_directly(lines, "", self.options, known)
        return None if isinstance(direct, str) else direct

    def _check_id_column(self, names: list[str]) -> None:
        if names.count(str(self.id_column)) != 1:
            there = "several such columns" if self.id_column in names else "no such column"
            known = ", ".join(map(shown, names[:8])) or "none"
            raise InputError(
                f"the batch has {there}; its columns: {known}", field=shown(str(self.id_column))
            )

    def _conversations(self, items: Iterable[Item]) -> Iterator[Conversation]:
        for item, ids in items:
            line = item.error.line if isinstance(item, Unread) else item.line
            place = f"row {line} of the batch"
            try:
                name = record_name(ids, tuple(ids))
                if name is not None:
                    place = f"conversation {name!r}"
                if isinstance(item, Unread):
                    raise item.error
                if name is not None:
                    yield self._conversation(item, name)
                    continue
            except InputError as error:
                refused = InputError(error.reason, file=place, field=error.field)
                if self.options.on_error == "raise":
                    raise refused from None
                self.refused.append(refused)
                continue
            raise InputError(_NO_ID, file=place)

    def _conversation(self, record: Record, name: str) -> Conversation:
        form = form_of(record.value, self.options)
        if not form.whole:
            raise InputError(
                f"read as {form.name}: {form.summary}; a batch takes whole conversations, one in "
                "each row, so put the rows of a conversation together first"
            )
        if self.id_column is not None:
            fields = record.value | dict.fromkeys(IDS, name)
            record = Record(record.line, fields)
        groups = list(form.groups([record], set()))
        if len(groups) != 1:
            held = "several conversations" if groups else "no request to a model"
            raise InputError(f"read as {form.name}: holds {held}; a row has to hold one")
        if groups[0].error is not None:
            raise groups[0].error
        reader = Reader(self.options)
        read = read_group(form, groups[0].records, record.line, reader)
        self.left_out.update(reader.left_out)
        return read


def _all_named(names: Any) -> bool:
    """Whether each row has an id in one of the columns for it, and that is a text or a number."""
    import pyarrow.compute as pc
    from pyarrow import types

    named = None
    for column in names.columns:
        kind = column.type
        if not (types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind)):
            return False
        valid = column.is_valid()
        named = valid if named is None else pc.or_(named, valid)
    return named is not None and bool(pc.all(named).as_py())


def _with_ids(rows: ArrowRows, ids: Any) -> ArrowRows:
    """Return rows with other ids in place of those that their fields may have."""
    batch = rows.batch.drop_columns([name for name in IDS if name in rows.batch.schema.names])
    return replace(rows, batch=batch.append_column(IDS[0], ids.combine_chunks()))


_NO_ID = (
    "has no id, and a batch does not know its place in the file; name a column of ids with "
    "id_column"
)
