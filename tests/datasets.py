"""What the tests of dataset formats share: records, files of them, generated records."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from strategies import Conversation, Conversations, InputError, read_conversations
from strategies.conversations.datasets import parse_dataset
from strategies.conversations.files import open_file
from strategies.conversations.options import ReadOptions
from strategies.conversations.reading import items_of
from strategies.conversations.records import Record, Unread

Row = dict[str, Any]

USER: Row = {"role": "user", "content": "hi"}
ANSWER: Row = {"role": "assistant", "content": "yes?"}
SYSTEM: Row = {"role": "system", "content": "Be brief."}
TOOL: Row = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def records_of(data: bytes | IO[bytes], name: str) -> Iterator[Record]:
    """Yield the records of a dataset; raises for one that cannot be read."""
    for item in items_of(data, name):
        if isinstance(item, Unread):
            raise item.error
        yield item


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a file, likewise."""
    with open_file(path) as stream:
        yield from records_of(stream, str(path))


def call(arguments: Any = "{}") -> Row:
    return {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}


def read(folder: Path, records: list[Any], /, **options: Any) -> Conversations:
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return read_conversations(path, **options)


def refusal(folder: Path, records: list[Any]) -> str:
    """Return what the error says after the file's path; it is one line."""
    with pytest.raises(InputError) as caught:
        read(folder, records)
    text = str(caught.value)
    assert text.startswith(f"{folder / 'data.jsonl'}:")
    assert len(text.splitlines()) == 1
    assert len(text) < 1000
    return text.removeprefix(str(folder / "data.jsonl"))


def outcome(path: Path, **options: Any) -> str:
    """Return "read", or the text of the only error that reading may raise."""
    try:
        if options:
            conversations = parse_dataset(path.read_bytes(), str(path), ReadOptions(**options))
        else:
            conversations = read_conversations(path)
    except InputError as error:
        return str(error)
    assert all(conversation.turns for conversation in conversations)
    return "read"


def changed(record: Row, **changes: Any) -> Row:
    """Return the record with some fields changed; the value `...` removes a field."""
    merged = {**record, **changes}
    return {key: value for key, value in merged.items() if value is not ...}


def said(who: str, value: Any) -> Row:
    return {"from": who, "value": value}


def rows(*messages: Row, conversation: Any = "a", first: int = 1) -> list[Row]:
    return [
        {"conversation_id": conversation, "turn": turn, **message}
        for turn, message in enumerate(messages, first)
    ]


def exactly(conversation: Conversation) -> str:
    """Return all that a template sees as a text that shows orders of keys and types of numbers."""
    return json.dumps([conversation.messages, conversation.tools])


def as_parquet(records: list[Row]) -> bytes:
    """Write records as Parquet. Values that a struct cannot hold become JSON strings."""
    sink = io.BytesIO()
    pq.write_table(_table(records), sink)
    return sink.getvalue()


def as_arrow(records: list[Row]) -> bytes:
    """Write records as an Arrow stream, likewise."""
    return arrow_stream(_table(records))


def _table(records: list[Row]) -> pa.Table:
    columns = dict.fromkeys(key for record in records for key in record)
    stored = [{key: _storable(record.get(key), key) for key in columns} for record in records]
    return pa.Table.from_pylist(stored)


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def arrow_stream(table: pa.Table, rows: int = 2, **options: Any) -> bytes:
    sink = io.BytesIO()
    how = pa.ipc.IpcWriteOptions(**options)
    with pa.ipc.new_stream(sink, table.schema, options=how) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue()


def _storable(value: Any, key: str) -> Any:
    if key in {"arguments", "tools"} and not isinstance(value, (str, type(None))):
        return json.dumps(value)
    if isinstance(value, dict):
        return {inner: _storable(item, inner) for inner, item in value.items()}
    return [_storable(item, key) for item in value] if isinstance(value, list) else value


def with_argument_strings(messages: list[Row]) -> list[Row]:
    copy: list[Row] = json.loads(json.dumps(messages))
    for message in copy:
        for called in message.get("tool_calls", ()):
            called["function"]["arguments"] = json.dumps(called["function"]["arguments"])
    return copy


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(texts, values, max_size=3)


@st.composite
def called_functions(draw: st.DrawFn) -> Row:
    return {
        "id": draw(texts),
        "type": "function",
        "function": {"name": draw(texts), "arguments": draw(objects)},
    }


@st.composite
def replies(draw: st.DrawFn) -> Row:
    reply: Row = {"role": "assistant"}
    calls = draw(st.lists(called_functions(), max_size=2))
    if calls:
        reply["tool_calls"] = calls
    if not calls or draw(st.booleans()):
        reply["content"] = draw(texts)
    if draw(st.booleans()):
        reply["reasoning_content"] = draw(texts)
    return reply


@st.composite
def exchanges(draw: st.DrawFn) -> list[Row]:
    """Return messages as clients and servers exchange them, in the order of endpoints rows."""
    messages: list[Row] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(texts.filter(bool))})
    messages.append({"role": "user", "content": draw(texts)})
    for _ in range(draw(st.integers(0, 3))):
        reply = draw(replies())
        messages.append(reply)
        if "tool_calls" in reply:
            messages += [
                {"role": "tool", "tool_call_id": called["id"], "content": draw(texts)}
                for called in reply["tool_calls"]
            ]
        else:
            messages.append({"role": "user", "content": draw(texts)})
    if draw(st.booleans()):
        messages.append(draw(replies()))
    return messages


datasets = st.lists(
    st.tuples(exchanges(), st.none() | st.lists(objects, min_size=1, max_size=2)),
    min_size=1,
    max_size=3,
)
Dataset = list[tuple[list[Row], list[Row] | None]]
in_files = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
