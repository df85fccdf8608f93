"""Every dataset format is found, read from every container, and refused at the right place.

A format is one module with its own examples of files to read and of files to refuse. All tests
here run these examples. The special rules of a format have a test file of their own.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import Conversations, InputError, parse_conversations, read_conversations
from strategies.conversations.datasets import parse_dataset
from strategies.conversations.detect import detect, formats
from strategies.conversations.format import BrokenExample, Example, Format
from strategies.conversations.options import ReadOptions
from tests.datasets import (
    USER,
    Row,
    as_arrow,
    as_parquet,
    exactly,
    in_files,
    outcome,
    read,
    refusal,
    rows,
    said,
    values,
    zstd,
)

# Some formats tell that the data hold no answers.
pytestmark = pytest.mark.filterwarnings("ignore:fields were left out. answers")


def largest(form: Format) -> Example:
    return max(form.examples, key=lambda example: len(str(example.records)))


EXAMPLES = [
    pytest.param(form, example, id=f"{form.name}::{example.name}")
    for form in formats()
    for example in form.examples
]
BROKEN = [
    pytest.param(form, broken, id=f"{form.name}::{broken.name}")
    for form in formats()
    for broken in form.broken
]
LARGEST = [
    pytest.param(form, largest(form), id=f"{form.name}::{largest(form).name}") for form in formats()
]
FORMATS = [pytest.param(form, id=form.name) for form in formats()]

CONTAINERS: dict[str, Callable[[list[Row]], bytes]] = {
    "lines": lambda records: "\n".join(map(json.dumps, records)).encode(),
    "array": lambda records: b"[" + ",\n".join(map(json.dumps, records)).encode() + b"]",
    "gzip": lambda records: gzip.compress("\n".join(map(json.dumps, records)).encode(), mtime=0),
    "zstd": lambda records: zstd("\n".join(map(json.dumps, records)).encode()),
    "Parquet": as_parquet,
    "Arrow": as_arrow,
}
"""In each of them, record N is in line N."""


def packed(records: tuple[Row, ...], container: str) -> bytes:
    try:
        return CONTAINERS[container](list(records))
    except (pa.ArrowException, UnicodeEncodeError) as error:
        pytest.skip(f"Arrow cannot hold these records: {error}")


def read_with(path: Path, example: Example, **more: Any) -> Conversations:
    """Read a file as an example has to be read."""
    return parse_dataset(path.read_bytes(), str(path), ReadOptions(**{**example.options, **more}))


def without_nulls(value: Any) -> Any:
    """Drop nulls, which a Parquet struct cannot tell from missing keys."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_brings_examples_of_what_it_reads_and_of_what_it_refuses(form: Format) -> None:
    assert form.examples
    assert form.broken
    names = [example.name for example in form.examples]
    names += [broken.name for broken in form.broken]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("form", "example"), EXAMPLES + BROKEN)
def test_exactly_one_format_matches_the_first_record(
    form: Format, example: Example | BrokenExample
) -> None:
    assert [other.name for other in formats() if other.matches(example.records[0])] == [form.name]
    assert detect(example.records[0]) is form


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(("form", "example"), EXAMPLES)
def test_an_example_becomes_its_conversations_from_every_container(
    tmp_path: Path, form: Format, example: Example, container: str
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(packed(example.records, container))
    got = read_with(path, example)
    assert [conversation.id for conversation in got] == [c.id for c in example.conversations]
    assert [conversation.turns for conversation in got] == [c.turns for c in example.conversations]
    for mine, wanted in zip(got, example.conversations, strict=True):
        if container in {"Parquet", "Arrow"}:  # A struct has its keys in one order for all rows.
            assert without_nulls([*mine.messages]) == without_nulls([*wanted.messages])
            assert mine.tools == wanted.tools
        else:
            assert exactly(mine) == exactly(wanted)
    if not example.options:
        assert read_conversations(path) == got
        assert parse_conversations(path.read_bytes(), name="data.jsonl") == got
    as_given = read_with(path, example, tool_arguments="as-given")
    assert [len(each.turns) for each in as_given] == [len(each.turns) for each in got], form.name


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(("form", "broken"), BROKEN)
def test_a_broken_example_is_refused_with_its_line_and_field(
    tmp_path: Path, form: Format, broken: BrokenExample, container: str
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(packed(broken.records, container))
    place = f":{broken.line}: {broken.field}: {broken.reason}"
    line = outcome(path, **broken.options)
    assert line.startswith(f"{path}{place}"), form.name
    assert len(line.splitlines()) == 1
    with pytest.raises(InputError) as caught:
        parse_dataset(path.read_bytes(), "what was sent", ReadOptions(**broken.options))
    assert str(caught.value).startswith(f"what was sent{place}")


DAMAGES = [
    pytest.param('{{"{name}": [], "{name}": [], {rest}', "appears twice", id="a key twice"),
    pytest.param('{{"{name}": [{{"a": 1, "a": 1}}], {rest}', "key a appears", id="a key inside"),
    pytest.param('{{"{name}": [{{"a": NaN}}], {rest}', "nan is not a JSON number", id="NaN"),
    pytest.param('{{"{name}": [{{"a": -Infinity}}], {rest}', "-inf is not", id="Infinity"),
    pytest.param('{{"{name}": [{{"a": {huge}}}], {rest}', "inf is not a", id="a huge number"),
]
"""What is no JSON, or is read differently by different readers."""


def write_damaged(path: Path, example: Example, damage: str, name: str) -> int:
    """Write an example with a damaged field in its last record; return its line."""
    lines = [json.dumps(record) for record in example.records]
    lines[-1] = damage.format(name=name, rest=lines[-1][1:], huge="9" * 5000)
    path.write_text("\n".join(lines))
    return len(lines)


@pytest.mark.parametrize(("form", "example"), EXAMPLES)
@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_what_is_no_json_is_refused_and_never_mended(
    tmp_path: Path, form: Format, example: Example, damage: str, reason: str
) -> None:
    path = tmp_path / "data.jsonl"
    last = write_damaged(path, example, damage, "documents")
    line = outcome(path, **example.options)
    assert line.startswith(f"{path}:{last}: documents"), form.name
    assert reason in line or "documents" not in form.fields


@pytest.mark.parametrize(("form", "example"), EXAMPLES)
@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_what_is_no_json_refuses_nothing_in_a_field_that_is_not_read(
    tmp_path: Path, form: Format, example: Example, damage: str, reason: str
) -> None:
    path = tmp_path / "data.jsonl"
    write_damaged(path, example, damage, "metadata")
    damaged = read_with(path, example)
    path.write_text("\n".join(map(json.dumps, example.records)))
    assert damaged == read_with(path, example), (form.name, reason)


@pytest.mark.parametrize("depth", [150, 300, 900])
@pytest.mark.parametrize("place", ["role", "content", "x", "tools", "system", "id", "from"])
@pytest.mark.parametrize(("form", "example"), LARGEST)
def test_deep_nesting_never_ends_in_a_traceback(
    tmp_path: Path, form: Format, example: Example, place: str, depth: int
) -> None:
    deep: Row = {place: json.loads("[" * depth + "]" * depth)}
    record = example.records[-1]
    inside = {
        key: [{**item, **deep} for item in value]
        for key, value in record.items()
        if isinstance(value, list) and all(isinstance(item, dict) for item in value)
    }
    for changed in ({**record, **deep}, {**record, **inside}):
        path = tmp_path / "data.jsonl"
        path.write_text("\n".join(map(json.dumps, [*example.records[:-1], changed])))
        assert len(outcome(path, **example.options).splitlines()) == 1, form.name


# --- which format -----------------------------------------------------------------------

known_fields = st.sampled_from(
    [
        "messages",
        "conversations",
        "conversation",
        "conversation_id",
        "turn",
        "role",
        "_type",
        "id",
        "prompt",
    ]
)


@given(st.dictionaries(known_fields, values | st.just("dataset_metadata")))
def test_no_record_matches_two_formats(record: Row) -> None:
    assert sum(form.matches(record) for form in formats()) <= 1


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [USER]},
        {"conversation_id": "x", "messages": [USER]},
        {"_type": "chat", "messages": [USER]},
        {"conversations": [said("human", "hi")]},
        {"conversations": [USER]},
        {"conversation_id": "x", "turn": 1, "conversation": [USER]},
        {"prompt": [USER]},
        {"conversation_id": "x", "prompt": [USER]},
        [USER],
        [said("human", "hi")],
        {"conversation_id": "x", "conversations": [said("human", "hi")]},
        rows(USER)[0],
    ],
)
def test_the_first_record_says_the_format(tmp_path: Path, record: Row) -> None:
    assert read(tmp_path, [record])[0].messages == (USER,)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"prompt": "x"},
        {"\x1b[31m": 1},
        {"prompt": 5},
    ],
)
def test_an_unknown_format_lists_the_known_ones(tmp_path: Path, record: Row) -> None:
    message = refusal(tmp_path, [record])
    assert message.startswith(":1: unknown format (fields: ")
    assert "\x1b" not in message
    for known in ("MLCommons endpoints", "OpenAI chat", "ShareGPT"):
        assert known in message


@pytest.mark.parametrize(
    ("name", "path"),
    [("simulations", "'.simulations[]'"), ("it's", """'.["it'"'"'s"][]'""")],
)
def test_a_document_that_holds_records_says_how_to_get_them_out(
    tmp_path: Path, name: str, path: str
) -> None:
    record = {"info": {}, "tasks": [], name: [{"messages": [USER]}]}
    found = refusal(tmp_path, [record])
    assert found == (
        f":1: unknown format (fields: {', '.join(sorted(record))}): its list {name} holds records; "
        f"write them one a line first, as jq -c {path} does"
    )
    others: list[Row] = [{name: []}, {name: [{"x": 1}]}, {name: {"messages": [USER]}}]
    for other in others:
        assert "known are" in refusal(tmp_path, [{"info": {}, **other}])


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"timestamp": 0, "input_length": 6, "output_length": 5, "hash_ids": [46]}, "hash_ids"),
        ({"chat_id": 1, "input_length": 6, "output_length": 1, "hash_ids": []}, "hash_ids"),
        ({"TIMESTAMP": "x", "ContextTokens": 374, "GeneratedTokens": 44}, "ContextTokens"),
        ({"Timestamp": 5, "Model": "m", "Request tokens": 4, "Response tokens": 1}, "Request tok"),
    ],
)
def test_a_trace_without_text_is_refused_in_a_sentence_that_says_so(
    tmp_path: Path, record: Row, place: str
) -> None:
    message = refusal(tmp_path, [record])
    assert message.startswith(f":1: {place}")
    assert ": this trace has no text, only " in message
    assert message.endswith(": ISLs cannot be counted from it")


def test_a_trace_with_a_text_of_an_unknown_name_is_not_called_textless(tmp_path: Path) -> None:
    record = {"timestamp": 0, "input_length": 6, "hash_ids": [46], "prompt": "What is 1 + 1?"}
    assert refusal(tmp_path, [record]).startswith(":1: unknown format (fields: ")


@pytest.mark.parametrize(
    "table",
    [
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.97,4808,10\n",
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,m,4,1,5,Conv\n",
    ],
)
def test_a_table_of_lengths_is_refused_in_such_a_sentence(tmp_path: Path, table: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(table)
    with pytest.raises(InputError) as caught:
        read_conversations(path)
    reason = "this trace has no text, only lengths: ISLs cannot be counted from it"
    assert str(caught.value) == f"{path}: {reason}"


@pytest.mark.parametrize("empty", ["", "\n\n", "[]"])
def test_an_empty_file_holds_no_conversations(tmp_path: Path, empty: str) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(empty)
    with pytest.raises(InputError) as caught:
        read_conversations(path)
    assert str(caught.value) == f"{path}: holds no conversations: the file is empty"


def test_data_in_memory_need_no_file_and_are_called_by_their_name() -> None:
    data = json.dumps({"messages": [USER]}).encode()
    (conversation,) = parse_conversations(data)
    assert conversation.messages == (USER,)
    with pytest.raises(InputError, match=r"^data:2: messages: is missing$"):
        parse_conversations(data + b'\n{"text": "x"}')
    with pytest.raises(InputError, match=r"^standard input: holds no conversations: the file is"):
        parse_conversations(b"", name="standard input")
    with pytest.raises(InputError, match=r"^sent\.gz: cannot be read: "):
        parse_conversations(gzip.compress(data)[:-9], name="sent.gz")
    with pytest.raises(InputError, match=r"^sent: cannot be read as Parquet: "):
        parse_conversations(b"PAR1", name="sent")
    mistyped: Any = "object"
    with pytest.raises(InputError, match="tool_arguments: must be 'objects' or 'as-given', got"):
        parse_conversations(data, tool_arguments=mistyped)


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_what_concerns_the_file_has_no_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "d.jsonl.gz"
    if damage == "cut":
        packed = gzip.compress(json.dumps({"messages": [USER]}).encode() + b"\n" * 9999)
        path.write_bytes(packed[:-9])
    with pytest.raises(InputError) as caught:
        read_conversations(path)
    assert str(caught.value).startswith(f"{path}: ")


# --- any damage is either harmless or one line ------------------------------------------


def richest(form: Format) -> list[Row]:
    """Return the records of the largest example."""
    return list(largest(form).records)


OPTIONS = {form.name: largest(form).options for form in formats()}
ROWS = next(form for form in formats() if form.name == "MLCommons endpoints")
SEEDS = {
    **{form.name: CONTAINERS["lines"](richest(form)) for form in formats()},
    # For damage to the container, one format is enough.
    **{name: pack(richest(ROWS)) for name, pack in CONTAINERS.items() if name != "lines"},
}
damages = st.lists(
    st.tuples(
        st.sampled_from(["flip", "delete", "insert", "cut", "repeat"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, damage: list[tuple[str, float, int]]) -> bytes:
    result = bytearray(data)
    for kind, place, byte in damage:
        if not result:
            break
        at = int(place * len(result))
        if kind == "flip":
            result[at] ^= 1 << (byte & 7)
        elif kind == "delete":
            del result[at : at + 1 + byte % 8]
        elif kind == "insert":
            result[at:at] = bytes([byte])
        elif kind == "cut":
            del result[at:]
        else:
            result[at:at] = result[at : at + byte]
    return bytes(result)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_damaged_below_can_be_read_before(tmp_path: Path, seed: str) -> None:
    path = tmp_path / "d"
    path.write_bytes(SEEDS[seed])
    assert outcome(path, **OPTIONS.get(seed, {})) == "read"


@pytest.mark.parametrize("seed", SEEDS)
@settings(in_files, max_examples=150)
@given(damage=damages)
def test_a_damaged_file_is_read_or_refused_in_one_line(
    tmp_path: Path, seed: str, damage: list[tuple[str, float, int]]
) -> None:
    path = tmp_path / "d"
    path.write_bytes(damaged(SEEDS[seed], damage))
    line = outcome(path, **OPTIONS.get(seed, {}))
    assert line == "read" or line.startswith(str(path))
    assert len(line.splitlines()) == 1


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to every value inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in inner:
        found.append((*path, key))
        if isinstance(item, (dict, list)):
            found += places(item, (*path, key))
    return found


@pytest.mark.parametrize("form", FORMATS)
@settings(in_files, max_examples=150)
@given(data=st.data(), value=values | st.just(...))
def test_a_value_of_another_type_anywhere_is_read_or_refused_in_one_line(
    tmp_path: Path, form: Format, data: st.DataObject, value: Any
) -> None:
    records = json.loads(json.dumps(richest(form)))
    *way, last = data.draw(st.sampled_from(places(records)))
    inside = records
    for key in way:
        inside = inside[key]
    if value is ...:
        del inside[last]
    else:
        inside[last] = value
    path = tmp_path / "d"
    path.write_text("\n".join(map(json.dumps, records)))
    line = outcome(path, **OPTIONS[form.name])
    assert line == "read" or line.startswith(str(path))
    assert len(line.splitlines()) == 1
