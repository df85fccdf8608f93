"""Rows of Arrow data as JSON lines for the native core, written by Arrow's own kernels."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from strategies.conversations import records
from strategies.conversations.arrow_records import (
    FREE_FORM,
    NO_PYTHON_VALUE,
    ArrowRows,
    rows_present,
)


def json_lines(rows: ArrowRows) -> bytes | None:
    """Return rows as JSON, one to a line; None if only Python's readers know what they hold.

    A line is the object that the `Record` of that row holds, with its keys in their order.
    Nothing becomes a Python object on the way.

    Parameters
    ----------
    rows
        Rows of whole conversations, or what may be such.
    """
    import pyarrow as pa

    if not len(rows):
        return None
    try:
        columns = dict(_needed_columns(rows))
        lines = _lines(columns, _ESCAPES)
        if rare := _controls(lines, len(rows)):
            lines = _lines(columns, _ESCAPES | rare)
        text: bytes = lines.to_pybytes()
    except (_OddError, pa.ArrowException, *NO_PYTHON_VALUE):
        return None
    return text


class _OddError(Exception):
    """A value that may be something else in Python than it is in JSON, or an error there."""


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
"""How JSON writes the characters that texts often have. The backslash is the first one."""


def _needed_columns(rows: ArrowRows) -> Iterator[tuple[str, Any]]:
    """Yield name and values of the columns of a record."""
    titles = rows.batch.schema.names
    if len(set(titles)) < len(titles):
        raise _OddError
    for title in titles:
        column = rows.batch.column(title)
        if rows.needs.converts(title):
            yield title, column
        elif any(rows_present(column)):
            raise _OddError


def _lines(columns: Mapping[str, Any], escapes: Mapping[str, str]) -> Any:
    """Return the objects of rows as a buffer, one to a line, without a line break at the end."""
    import pyarrow as pa
    import pyarrow.compute as pc

    written = _Writer(escapes)
    fields = [
        written.field(name, _or_null(written.values(column, name)), "," if place else "")
        for place, (name, column) in enumerate(columns.items())
    ]
    if not fields:
        raise _OddError
    nothing = _text("")
    objects = pc.binary_join_element_wise(_text("{"), *fields, _text("}"), nothing)
    ends = pa.Array.from_buffers(pa.int32(), 2, [None, _int32s(0, len(objects))])
    (joined,) = pc.binary_join(pa.ListArray.from_arrays(ends, objects), _text("\n"))
    return joined.as_buffer()


def _controls(lines: Any, rows: int) -> dict[str, str]:
    """Return how to write the control characters that lines have beside their line breaks."""
    import pyarrow as pa
    import pyarrow.compute as pc

    characters = pa.Array.from_buffers(pa.uint8(), len(lines), [None, lines])
    space = pa.Array.from_buffers(pa.uint8(), 1, [None, pa.py_buffer(b" ")])[0]
    controls = pc.less(characters, space)
    if controls.true_count == rows - 1:
        return {}
    found = pc.unique(characters.filter(controls)).to_pylist()
    return {chr(each): f"\\u{each:04x}" for each in found if chr(each) not in _ESCAPES}


class _Writer:
    """Writes arrays as JSON texts, and nulls as nulls.

    Parameters
    ----------
    escapes
        How to write the characters that JSON has no place for in a text.
    """

    def __init__(self, escapes: Mapping[str, str]) -> None:
        self._escapes = escapes

    def field(self, name: str, values: Any, before: str = "") -> Any:
        """Return an array of fields of objects, with nulls where the values are null.

        Parameters
        ----------
        name
            Of the field.
        values
            As JSON.
        before
            What stands before the field.
        """
        import pyarrow.compute as pc

        name = json.dumps(name, ensure_ascii=False)
        return pc.binary_join_element_wise(_text(f"{before}{name}:"), values, _text(""))

    def values(self, array: Any, key: str, *, free_form: bool = False) -> Any:
        """Return an array of JSON texts.

        Parameters
        ----------
        array
            The values.
        key, free_form
            As for `without_union_nulls`.

        Raises
        ------
        _OddError
            For values of another type than most data have, if there are any.
        """
        written = self._written(array, key, free_form=free_form)
        if len(written) != len(array):
            raise _OddError
        return written

    def _written(self, array: Any, key: str, *, free_form: bool) -> Any:
        import pyarrow as pa
        from pyarrow import types

        kind = array.type
        if types.is_dictionary(kind):
            array = _unpacked(array)
            kind = array.type
        if types.is_string(kind) or types.is_large_string(kind):
            return self._texts(array.cast(pa.string()))
        if types.is_struct(kind):
            return self._objects(array, free_form=free_form or key in FREE_FORM)
        if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
            return self._lists(array, key, free_form=free_form)
        if types.is_integer(kind) or types.is_boolean(kind):
            return array.cast(pa.string())
        if array.null_count < len(array):
            raise _OddError
        return pa.nulls(len(array), pa.string())

    def _texts(self, array: Any) -> Any:
        import pyarrow.compute as pc

        for character, escape in self._escapes.items():
            array = pc.replace_substring(array, character, escape)
        return pc.binary_join_element_wise(_text('"'), array, _text('"'), _text(""))

    def _objects(self, array: Any, *, free_form: bool) -> Any:
        import pyarrow.compute as pc

        kind = array.type
        names = [kind.field(place).name for place in range(kind.num_fields)]
        if not names or len(set(names)) < len(names):
            raise _OddError
        # What stands under a null is null here.
        children = array.flatten()
        if free_form and any(child.null_count > array.null_count for child in children):
            raise _OddError
        fields = [
            self.field(name, self.values(child, name, free_form=free_form), ",")
            for name, child in zip(names, children, strict=True)
        ]
        # A field that is null is one that the object has not. To skip nulls is no option of the
        # kernel that could be taken: it skips whole rows (findings/pyarrow-join-skips-rows.sh).
        inner = pc.binary_join_element_wise(
            *fields, _text(""), null_handling="replace", null_replacement=""
        )
        inner = pc.binary_replace_slice(inner, 0, 1, "")
        objects = pc.binary_join_element_wise(_text("{"), inner, _text("}"), _text(""))
        return _with_nulls_of(array, objects)

    def _lists(self, array: Any, key: str, *, free_form: bool) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        items = _or_null(self.values(array.flatten(), key, free_form=free_form))
        zero = pa.Array.from_buffers(pa.int64(), 1, [None, pa.py_buffer(bytes(8))])
        lengths = pc.coalesce(pc.list_value_length(array).cast(pa.int64()), zero[0])
        ends = pc.cumulative_sum(pa.concat_arrays([zero, lengths])).cast(pa.int32())
        joined = pc.binary_join(pa.ListArray.from_arrays(ends, items), _text(","))
        lists = pc.binary_join_element_wise(_text("["), joined, _text("]"), _text(""))
        return _with_nulls_of(array, lists)


def _unpacked(array: Any) -> Any:
    """Return a dictionary's texts, each in every place that it has.

    Raises
    ------
    _OddError
        If they are no texts, or many times as large then.
    """
    import pyarrow.compute as pc
    from pyarrow import types

    kind = array.type.value_type
    if not (types.is_string(kind) or types.is_large_string(kind)):
        raise _OddError
    lengths = pc.binary_length(array.dictionary).take(array.indices)
    if (pc.sum(lengths).as_py() or 0) > records.MAX_RECORD_BYTES:
        raise _OddError
    return array.dictionary_decode()


def _or_null(values: Any) -> Any:
    import pyarrow.compute as pc

    return pc.coalesce(values, _text("null")) if values.null_count else values


def _with_nulls_of(array: Any, values: Any) -> Any:
    """Return values with nulls in the places in which an array has them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not array.null_count:
        return values
    return pc.if_else(array.is_valid(), values, pa.nulls(len(array), pa.string()))


def _text(text: str) -> Any:
    """Return a text as Arrow has it. From a Python value, pyarrow would make it with Pandas."""
    import pyarrow as pa

    data = text.encode()
    buffers = [None, _int32s(0, len(data)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), 1, buffers)[0]


def _int32s(*numbers: int) -> Any:
    import pyarrow as pa

    return pa.py_buffer(struct.pack(f"={len(numbers)}i", *numbers))
