"""Rows of Arrow data reach the native core as JSON lines that say what Python's records say."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.samples import sample_bytes
from strategies import InputError, count_turns, read_conversations
from strategies.conversations import records
from strategies.conversations.arrow_lines import json_lines
from strategies.conversations.arrow_records import ArrowRows
from strategies.conversations.batches import BatchReader, batch_of
from strategies.conversations.dataset_stream import DatasetStream
from strategies.conversations.detect import formats, needs
from strategies.conversations.direct import DirectConversations
from strategies.conversations.options import ReadOptions
from strategies.conversations.parts import Batch
from strategies.conversations.records import EVERYTHING, Needs, Record
from tests.datasets import ANSWER, TOOL, USER, Row, as_parquet, call, changed, said, texts

NAMES = ("id", "content", "tools", "arguments", "documents", "role", 'a "b"\\\n', "é")
"""Some of them hold what templates write out as it is, so that nulls in it are refused."""


def rows_of(batch: pa.RecordBatch, needed: Needs = EVERYTHING) -> ArrowRows:
    return ArrowRows(batch, 3, "data.parquet", needed)


def said_by(lines: bytes) -> list[str]:
    """Return the objects of lines as texts that show the order of keys and the types of numbers."""
    return [json.dumps(json.loads(line)) for line in lines.split(b"\n")]


def records_of(rows: ArrowRows) -> list[str]:
    found = list(rows)
    assert all(isinstance(each, Record) for each in found)
    assert [each.line for each in found if isinstance(each, Record)] == list(
        range(rows.before + 1, rows.before + len(rows) + 1)
    )
    return [json.dumps(each.value) for each in found if isinstance(each, Record)]


fields = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
plain_types = st.sampled_from(
    [pa.string(), pa.large_string(), pa.int8(), pa.uint64(), pa.bool_(), pa.null()]
)
certain_types = plain_types.filter(lambda kind: kind != pa.null())
odd_types = st.sampled_from(
    [pa.float64(), pa.binary(), pa.date32(), pa.map_(pa.string(), pa.int8())]
)


def nested(inner: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    structs = st.tuples(fields, st.lists(inner, min_size=3, max_size=3)).map(
        lambda drawn: pa.struct(list(zip(drawn[0], drawn[1], strict=False)))
    )
    fixed = st.tuples(inner, st.integers(0, 2)).map(lambda drawn: pa.list_(*drawn))
    return structs | inner.map(pa.list_) | inner.map(pa.large_list) | fixed


kinds = st.recursive(plain_types | odd_types, nested, max_leaves=6)
usual_kinds = st.recursive(certain_types, nested, max_leaves=6)


def values_of(kind: pa.DataType, nulls: bool) -> st.SearchStrategy[Any]:
    values: st.SearchStrategy[Any]
    if pa.types.is_null(kind):
        return st.none()
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        each = (values_of(field.type, nulls) for field in kind)
        values = st.tuples(*each).map(lambda drawn: dict(zip(names, drawn, strict=True)))
    elif pa.types.is_map(kind):
        values = st.just([("a", 1)])
    elif pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        values = st.lists(values_of(kind.value_type, nulls), min_size=size, max_size=size)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values = st.lists(values_of(kind.value_type, nulls), max_size=3)
    elif pa.types.is_boolean(kind):
        values = st.booleans()
    elif pa.types.is_integer(kind):
        values = st.integers(-128, 127) if kind == pa.int8() else st.integers(0, 2**64 - 1)
    elif pa.types.is_floating(kind):
        values = st.just(1.5)
    elif pa.types.is_binary(kind):
        values = st.just(b"a")
    elif pa.types.is_date(kind):
        values = st.just(0)
    else:
        values = (
            st.sampled_from(["", "a", '"', "\\", "\\n", "\n\r\t", "\x1b[0m\x00", "é😀"]) | texts
        )
    return values | st.none() if nulls else values


@st.composite
def batches(
    draw: st.DrawFn, types: st.SearchStrategy[pa.DataType], *, nulls: bool = True
) -> pa.RecordBatch:
    """Return a slice of a record batch, whose values lie anywhere in the buffers."""
    length = draw(st.integers(1, 6))
    columns = {}
    for name in draw(fields):
        kind = draw(types)
        values = draw(st.lists(values_of(kind, nulls), min_size=length, max_size=length))
        column = pa.array(values, kind)
        if pa.types.is_string(kind) and draw(st.booleans()):
            column = column.dictionary_encode()
        columns[name] = column
    start = draw(st.integers(0, length - 1))
    return pa.RecordBatch.from_pydict(columns).slice(start, draw(st.integers(1, length - start)))


@settings(max_examples=120, deadline=None)
@given(batches(kinds))
def test_lines_say_what_records_say_or_there_are_none(batch: pa.RecordBatch) -> None:
    rows = rows_of(batch)
    lines = json_lines(rows)
    if lines is not None:
        assert said_by(lines) == records_of(rows)


@settings(max_examples=50, deadline=None)
@given(batches(usual_kinds, nulls=False))
def test_usual_types_have_lines(batch: pa.RecordBatch) -> None:
    lines = json_lines(rows_of(batch))
    assert lines is not None
    assert said_by(lines) == records_of(rows_of(batch))


def one_column(column: Any, name: str = "content") -> ArrowRows:
    return rows_of(pa.RecordBatch.from_arrays([column], [name]))


TEXTS = pa.array(["a", "b", "c"])
NULLS = pa.array([False, True, False])


@pytest.mark.parametrize(
    "column",
    [
        pa.StructArray.from_arrays([TEXTS], ["x"], mask=NULLS),
        pa.ListArray.from_arrays([0, 1, 2, 3], TEXTS, mask=NULLS),
        pa.LargeListArray.from_arrays([0, 1, 2, 3], TEXTS, mask=NULLS),
        pa.FixedSizeListArray.from_arrays(TEXTS, 1, mask=NULLS),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(["a", None, "c"])),
    ],
)
def test_what_lies_under_a_null_is_not_read(column: Any) -> None:
    rows = one_column(column)
    lines = json_lines(rows)
    assert lines is not None
    assert said_by(lines) == records_of(rows)
    assert b"b" not in lines


def test_a_table_that_was_filtered_has_lines() -> None:
    table = pa.Table.from_pylist([{"messages": [USER] * n, "id": n} for n in range(9)])
    (batch,) = table.filter(pa.array([n % 3 == 1 for n in range(9)])).combine_chunks().to_batches()
    lines = json_lines(rows_of(batch))
    assert lines is not None
    assert [json.loads(line)["id"] for line in lines.splitlines()] == [1, 4, 7]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1.0]),
        pa.array([b"a"]),
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())),
        pa.StructArray.from_arrays([TEXTS, TEXTS], ["x", "x"]),
        pa.array([{}], pa.struct([])),
        pa.array([1]).dictionary_encode(),
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([None], pa.string())]),
        TEXTS.slice(0, 0),
    ],
)
def test_what_may_be_something_else_in_python_has_no_lines(column: Any) -> None:
    assert json_lines(one_column(column)) is None


def test_a_null_that_a_template_may_write_out_has_no_lines() -> None:
    column = pa.array([{"x": 1, "y": None}])
    assert json_lines(one_column(column)) == b'{"content":{"x":1}}'
    assert json_lines(one_column(column, "tools")) is None
    inner = pa.array([[{"name": "f", "arguments": {"x": None}}]])
    assert json_lines(one_column(inner)) is None


def test_a_column_that_nobody_reads_is_looked_at_for_values() -> None:
    def lines(value: Any) -> bytes | None:
        return json_lines(rows_of(pa.RecordBatch.from_pylist([{"id": 1, "odd": value}]), needs()))

    assert lines("") == lines([]) == lines(None) == b'{"id":1}'
    assert lines("x") is lines([1]) is lines(0) is None


def test_a_dictionary_does_not_unpack_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 100), pa.array(["x" * 100]))
    assert json_lines(one_column(column)) is not None
    monkeypatch.setattr(records, "MAX_RECORD_BYTES", 9999)
    assert json_lines(one_column(column)) is None


# --- the same conversations, rejects, warnings and errors, whoever reads ---------------------


def read(path: Path, options: ReadOptions, *, directly: bool) -> Any:
    """Return all that is read, or what is wrong; and how many parts the core has read."""
    with DatasetStream(path, options, directly=directly) as dataset:
        try:
            parts = list(dataset)
        except InputError as error:
            return str(error), 0
        found = [each for part in parts for each in part.conversations]
        shown = [json.dumps([each.messages, each.tools]) for each in found]
        rejects = [each for part in parts for each in part.rejects]
        direct = sum(isinstance(part.conversations, DirectConversations) for part in parts)
        assert sum(part.turns for part in parts) == count_turns(found)
        return (found, shown, rejects, dataset.warnings), direct


CHAT: Row = {"id": "a", "messages": [USER, {**ANSWER, "weight": 1.0}, USER], "score": 0.5}
CALLS: Row = {
    "id": 7,
    "messages": [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call('{"a": [null, 1.0]}')]},
        {"role": "tool", "tool_call_id": "c1", "content": "\x1b[1m2\x07"},
    ],
    "tools": [TOOL],
}
SHARED: Row = {"id": "s", "conversations": [said("human", "hi"), said("gpt", "yes?")]}
STRING: Row = {"id": "j", "messages": json.dumps([USER, ANSWER, USER])}
GOOD: dict[str, list[Row]] = {
    "chat": [CHAT, changed(CHAT, id="b", messages=[USER])],
    "calls": [CALLS, changed(CALLS, id=8, tools=None)],
    "shared": [SHARED],
    "string": [STRING, changed(STRING, messages=f" {json.dumps([USER])}\n")],
    "wildchat": [{"conversation_id": "w", "conversation": [USER], "model": "m"}],
}
ODD: dict[str, list[Row]] = {
    "parts": [
        {"id": "p", "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}
    ],
    "no role": [CHAT, {"id": "n", "messages": [{"content": "a"}]}],
    "no messages": [CHAT, {"id": "n", "messages": None}],
    "unknown": [CHAT, changed(CHAT, odd="x")],
    "string is none": [STRING, changed(STRING, messages="[")],
    "string of nothing": [STRING, changed(STRING, messages=" ")],
    "string with a key twice": [
        {"id": "t", "messages": '[{"role": "user", "content": "a", "content": "b"}]'}
    ],
    "rows": [
        {"conversation_id": "r", "turn": 1, "role": "user", "content": "a"},
        {"conversation_id": "r", "turn": 2, "role": "assistant", "content": "b"},
    ],
}


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
@pytest.mark.parametrize("name", [*GOOD, *ODD])
def test_a_dataset_is_read_alike(tmp_path: Path, name: str, kind: str) -> None:
    data = as_parquet(GOOD.get(name) or ODD[name])
    path = tmp_path / f"data.{kind}"
    if kind == "parquet":
        path.write_bytes(data)
    else:
        table = pq.read_table(io.BytesIO(data))
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table)
    for options in (
        ReadOptions(),
        ReadOptions(on_error="skip", unknown_fields="ignore", tool_arguments="as-given"),
    ):
        direct, parts = read(path, options, directly=True)
        python, _ = read(path, options, directly=False)
        assert direct == python
        assert bool(parts) == (name in GOOD)


def batch_outcome(table: pa.Table, options: ReadOptions, *, directly: bool) -> Any:
    """Return what `read` does, of a batch."""
    reader = BatchReader(options, directly=directly)
    try:
        found = list(reader.read(batch_of(table)))
    except InputError as error:
        return str(error), 0
    direct = sum(isinstance(part, DirectConversations) for part in found)
    each = [conversation for part in found for conversation in part]
    shown = [json.dumps([one.messages, one.tools]) for one in each]
    return (each, shown, reader.left_out, list(map(str, reader.refused))), direct


def named(rows: Sequence[Row]) -> list[Row]:
    return [{"id": f"r{place}", **row} for place, row in enumerate(rows)]


def tables_of(rows: Sequence[Row]) -> list[pa.Table]:
    try:
        return [pq.read_table(io.BytesIO(as_parquet(list(rows))))]
    except pa.ArrowException:
        return []  # Arrow cannot hold these records together


@pytest.mark.parametrize("form", formats(), ids=lambda form: form.name)
def test_a_batch_of_any_formats_is_read_alike(form: Any) -> None:
    """Each row of a batch shows its format by itself, also if the one before it has another."""
    others = [[changed(CHAT, score=None)], [SHARED], []]
    for example in (*form.examples, *form.broken):
        for other in others:
            for table in tables_of(named([*other, *example.records])):
                options = ReadOptions(**{"on_error": "skip", **example.options})
                direct, _ = batch_outcome(table, options, directly=True)
                python, _ = batch_outcome(table, options, directly=False)
                assert direct == python


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("id_column", [None, "id", "hash"])
def test_a_batch_is_read_alike_and_directly(name: str, id_column: str | None) -> None:
    rows = [{**row, "hash": f"h{place}"} for place, row in enumerate(GOOD[name])]
    table = pq.read_table(io.BytesIO(as_parquet(rows)))
    if id_column == "id" and "id" not in table.schema.names:
        return
    outcomes = []
    for directly in (True, False):
        reader = BatchReader(ReadOptions(), id_column, directly=directly)
        (found,) = reader.read(batch_of(table))
        assert isinstance(found, DirectConversations) == directly
        outcomes.append([*found])
    assert outcomes[0] == outcomes[1]
    wanted = [str(row[id_column]) for row in rows] if id_column else None
    assert wanted is None or [each.id for each in outcomes[0]] == wanted


def test_tools_that_may_be_anthropics_are_read_alike() -> None:
    schema = {"type": "object", "properties": {"input_schema": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    table = pa.Table.from_pylist([{"id": "a", "messages": [USER], "tools": json.dumps([tool])}])
    outcomes = [batch_outcome(table, ReadOptions(), directly=each)[0] for each in (True, False)]
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("column", [[None], [True], [1.5], [""], ["a", None], [7, None]])
def test_ids_of_a_batch_are_checked_alike(column: list[Any]) -> None:
    table = pa.table({"id": column, "messages": [[USER]] * len(column)})
    outcomes = [batch_outcome(table, ReadOptions(), directly=each)[0] for each in (True, False)]
    assert outcomes[0] == outcomes[1]


def test_parts_are_bounded_by_bytes_and_hold_many_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.parquet"
    lines = sample_bytes("small").splitlines()
    path.write_bytes(as_parquet([json.loads(line) for line in lines]))
    monkeypatch.setattr(records, "PARQUET_BATCH_ROWS", 4)
    with DatasetStream(path, ReadOptions(), directly=True) as dataset:
        few = list(dataset)
    monkeypatch.setattr(records, "ARROW_PART_BYTES", 2**14)
    with DatasetStream(path, ReadOptions(), directly=True) as dataset:
        many = list(dataset)
    assert len(few) < 3 < len(many) < len(lines)
    expected = list(read_conversations(path))
    assert [each for part in many for each in part.conversations] == expected
    assert [each for part in few for each in part.conversations] == expected
    places = [part.place.offset for part in many if part.place is not None]
    assert places[-1] == len(expected)
    assert places == [
        sum(len(part.conversations) for part in many[: n + 1]) for n in range(len(many))
    ]


def test_rows_before_an_error_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"messages": [[USER]] * 600}), path)
    monkeypatch.setattr(records, "MAX_DOCUMENT_BYTES", 2**16)
    monkeypatch.setattr(records, "MOST_PACKED", 0)
    parts: list[Batch] = []
    with (
        DatasetStream(path, ReadOptions(), directly=True) as dataset,
        pytest.raises(InputError, match=r":513: the file unpacks to more than"),
    ):
        parts.extend(dataset)
    assert sum(len(part.conversations) for part in parts) == 512
