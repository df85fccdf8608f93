"""One bad record is one bad record: it is left out, counted, told, and kept with its reason."""

from __future__ import annotations

import gzip
import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.bundled import tokenizer_path
from strategies import (
    Conversations,
    InputError,
    IslWarning,
    parse_conversations,
    read_conversations,
)
from strategies.conversations import records as record_limits
from tests.conftest import Bench
from tests.datasets import TOOL, USER, Row, call, rows

GOOD = {"id": "good", "messages": [USER]}
ANSWER = {"role": "assistant", "content": "yes?"}
TOKENIZER = str(tokenizer_path("bpe-chatml"))


def skipping(data: str | bytes, name: str = "data.jsonl", **options: Any) -> Conversations:
    text = data.encode() if isinstance(data, str) else data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IslWarning)
        return parse_conversations(text, name=name, on_error="skip", **options)


def lines(*records: Any) -> str:
    return "".join(f"{r if isinstance(r, str) else json.dumps(r)}\n" for r in records)


BAD = [
    pytest.param("{", None, "not JSON: ", id="cut off"),
    pytest.param('{"a":' * 10**5, None, "not JSON: nested too deeply", id="nested"),
    pytest.param("7", None, "expected an object", id="a number"),
    pytest.param("[1]", None, "expected an object", id="a list of numbers"),
    pytest.param("{}", "messages", "is missing", id="empty"),
    pytest.param({"messages": []}, "messages", "must be a non-empty", id="no messages"),
    pytest.param({"messages": [ANSWER]}, None, "conversation 'conver", id="an answer only"),
    pytest.param({"messages": [{"role": "a"}]}, "messages[0].role", "unknown", id="role"),
    pytest.param({**GOOD, "mood": 1}, "mood", "is not known", id="unknown field"),
    pytest.param({**GOOD, "images": ["a"]}, "images", "media cannot", id="media"),
    pytest.param({**GOOD, "tools": {}}, "tools", "must be an array", id="tools"),
    pytest.param(
        {"messages": [{**USER, "content": "\ud800"}]}, "messages[0].content", "lone", id="s"
    ),
    pytest.param('{"messages": [], "messages": 1}', "messages", "must be a non-em", id="key twice"),
    pytest.param({**GOOD, "id": True}, "id", "must be a string", id="id"),
]


@pytest.mark.parametrize(("bad", "field", "reason"), BAD)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "between", "last"])
def test_a_bad_line_is_left_out_wherever_it_is(
    bad: Any, field: str | None, reason: str, place: int
) -> None:
    records: list[Any] = [GOOD, {**GOOD, "id": "two"}]
    records.insert(place, bad)
    if place == 0 and bad == "{}":
        field, reason = None, "unknown format"
    got = skipping(lines(*records))
    assert [conversation.id for conversation in got] == ["good", "two"]
    (reject,) = got.rejects
    assert (reject.line, reject.field) == (place + 1, field)
    assert reject.reason.startswith(reason)
    assert reject.record is not None
    if isinstance(bad, dict):
        assert json.loads(reject.record) == bad
    else:
        assert reject.record[:12] == bad[:12]
    (warning,) = got.warnings
    assert warning.startswith(f"1 record was not read, the first: line {place + 1}: ")


def test_records_without_an_id_are_numbered_as_if_nothing_was_left_out() -> None:
    got = skipping(lines({"messages": [USER]}, "{", {"messages": [USER]}))
    assert [conversation.id for conversation in got] == ["conversation-1", "conversation-3"]


@pytest.mark.parametrize(
    "data",
    [
        lines(GOOD) + '{"messages": "\xff"}\n',
        lines(GOOD).encode() + b'{"messages": "\xff"}\n' + lines(GOOD).encode(),
        gzip.compress(lines(GOOD, "{", GOOD).encode()),
        json.dumps([GOOD, 7, GOOD]),
        json.dumps([GOOD, {"messages": [{}]}, GOOD], indent=1),
    ],
    ids=["latin", "not UTF-8", "gzip", "array", "pretty array"],
)
def test_every_container_goes_on_after_a_bad_record(data: str | bytes) -> None:
    got = skipping(data, "data")
    assert {conversation.id for conversation in got} == {"good"}
    assert len(got.rejects) == 1


def test_what_breaks_the_file_is_no_bad_record() -> None:
    for data in (
        json.dumps([GOOD])[:-1] + ', {"messages" 1}]',
        gzip.compress(lines(GOOD).encode())[:-9],
        b"PAR1",
    ):
        with pytest.raises(InputError):
            skipping(data, "data")


def test_a_bad_row_of_parquet_is_left_out(tmp_path: Path) -> None:
    texts = pa.StringArray.from_buffers(
        3, pa.py_buffer(b"\0\0\0\0\1\0\0\0\3\0\0\0\4\0\0\0"), pa.py_buffer(b"a\xff\xfeb")
    )
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"messages": [[USER]] * 3, "system": texts}), path)
    with pytest.warns(IslWarning, match="1 record was not read, the first: line 2: system: cannot"):
        got = read_conversations(path, on_error="skip")
    assert [c.messages[0]["content"] for c in got] == ["a", "b"]


GOOD_ROWS = rows(USER, ANSWER, conversation="good")
ROWS: list[Any] = [
    pytest.param(rows(USER, {**ANSWER, "role": "a"}, USER), [], id="in the middle"),
    pytest.param(rows(USER, ANSWER, {**USER, "mood": 1}), [], id="at the end"),
    pytest.param(rows(USER, first=2), [], id="without its beginning"),
    pytest.param([*rows(USER, ANSWER), "{"], ["{"], id="cut off at the end"),
    pytest.param([rows(USER)[0], "{", *rows(ANSWER, USER, first=2)], ["{"], id="cut off between"),
    pytest.param(["{", *rows(ANSWER, USER, first=2)], ["{"], id="cut off at the start"),
    pytest.param([*rows(USER), {"turn": 2, **ANSWER}], [0], id="no conversation_id"),
]


@pytest.mark.parametrize(("bad", "alone"), ROWS)
def test_a_conversation_of_rows_is_left_out_whole(bad: list[Any], alone: list[Any]) -> None:
    after = rows(USER, conversation="after")
    got = skipping(lines(*GOOD_ROWS, *bad, *after))
    assert [conversation.id for conversation in got] == ["good", "after"]
    assert len(got.rejects) == 1 + len(alone)
    assert "a" in {reject.conversation for reject in got.rejects}


def test_a_conversation_that_a_bad_line_may_end_is_left_out() -> None:
    got = skipping(lines(*GOOD_ROWS, *rows(USER, ANSWER), "{"))
    assert [conversation.id for conversation in got] == ["good"]
    reason = "this row was not read, and may belong to conversation 'a'"
    assert [(reject.line, reject.reason) for reject in got.rejects][1:] == [(5, reason)]


def test_a_line_that_is_too_long_is_one_bad_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_limits, "MAX_RECORD_BYTES", 200)
    got = skipping(lines(GOOD, {"messages": [{**USER, "content": "x" * 999}]}, {**GOOD, "id": "b"}))
    assert [(conversation.id, conversation.line) for conversation in got] == [("good", 1), ("b", 3)]
    assert [reject.line for reject in got.rejects] == [2]


def test_rows_that_are_not_contiguous_are_left_out_before_and_after() -> None:
    got = skipping(lines(*rows(USER), *GOOD_ROWS, *rows(ANSWER, USER, first=2)))
    assert [conversation.id for conversation in got] == ["good"]
    (reject,) = got.rejects
    assert (reject.line, reject.conversation) == (4, "a")


def test_the_first_error_is_raised_as_before() -> None:
    with pytest.raises(InputError, match=r"^data:2: not JSON: "):
        parse_conversations(lines(GOOD, "{", "[").encode())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (lines("{", "["), "no record can be read, the first because line 1: not JSON: "),
        (lines({}, {}), "no record can be read, the first because line 1: unknown format"),
        (lines({"messages": []}), "no record can be read, the first because line 1: messages: "),
        ("", "holds no conversations: the file is empty"),
    ],
)
def test_if_nothing_is_left_it_is_an_error(data: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        skipping(data)
    assert str(caught.value).startswith(f"data.jsonl: {expected}")


def test_requests_are_left_out_one_by_one() -> None:
    first = {"messages": [USER]}
    second = {"messages": [USER, ANSWER, USER]}
    got = skipping(lines(first, {"messages": [USER, ANSWER]}, second), records="request")
    assert [conversation.requests for conversation in got] == [("request-1", "request-3")]
    assert got.rejects[0].reason == "the last message is an answer: this request asks nothing"


# What is told reaches Python and the terminal, once.


def test_warnings_reach_python_users(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(lines({**GOOD, "mood": 1}, "{", {**GOOD, "mood": 1, "colour": "red"}))
    from_file = partial(read_conversations, path)
    from_memory = partial(parse_conversations, path.read_bytes())
    for read in (from_file, from_memory):
        with pytest.warns(IslWarning) as caught:
            got = read(on_error="skip", unknown_fields="ignore")
        assert tuple(str(each.message) for each in caught) == got.warnings
        assert [each.filename for each in caught] == [__file__] * 2
        assert got.warnings[0] == "fields were left out: colour (1 record), mood (2 records)"
        assert got.warnings[1].startswith("1 record was not read, the first: line 2: not JSON")


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(*records: Any, name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        path.write_text(lines(*records))
        return path

    return to


RAISING = "{% if messages|length > 2 %}{{ raise_exception('too long') }}{% endif %}x"


def test_the_command_tells_counts_and_keeps_what_was_left_out(
    bench: Bench, write: Write, tmp_path: Path
) -> None:
    long = {"id": "long", "messages": [USER, ANSWER, USER]}
    data = write(GOOD, {"id": "bad", "messages": [{"role": "a"}]}, long, '{"a": "\\ud800"')
    template, out, kept = tmp_path / "t.jinja", tmp_path / "isl.jsonl", tmp_path / "kept.jsonl"
    template.write_text(RAISING)
    done = bench(
        *("count", data, "--tokenizer", TOKENIZER, "--template", template, "--out", out),
        *("--on-error", "skip", "--rejects", kept),
    )
    assert done.code == 0, done.error
    told = "warning: data.jsonl: 2 records were not read, the first: line 2: messages[0].role: "
    assert done.error.count(told) == 1
    assert "IslWarning" not in done.error
    assert [json.loads(line)["conversation"] for line in out.read_text().splitlines()] == [
        *("good", "long", "long")
    ]
    first, second, turn = map(json.loads, kept.read_text().splitlines())
    assert (first["line"], first["field"], first["conversation"]) == (2, "messages[0].role", "bad")
    assert json.loads(first["record"]) == {"id": "bad", "messages": [{"role": "a"}]}
    assert (second["line"], second["record"]) == (4, '{"a": "\\ud800"')
    assert {**turn, "reason": ""} == {
        "conversation": "long",
        "turn": 2,
        "messages": 3,
        "reason": "",
    }
    assert turn["reason"].startswith("too long")


def test_without_anything_left_out_the_rejects_are_empty(
    bench: Bench, write: Write, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.jsonl"
    command = ("count", write(GOOD), "--tokenizer", TOKENIZER, "--on-error", "skip")
    assert bench(*command, "--rejects", kept).code == 0
    assert kept.read_text() == ""


def test_rejects_replace_no_other_file(bench: Bench, write: Write, tmp_path: Path) -> None:
    data, out = write(GOOD), tmp_path / "isl.jsonl"
    command = ["count", data, "--tokenizer", TOKENIZER, "--out", out, "--on-error", "skip"]
    (tmp_path / "link.jsonl").symlink_to(data)
    (tmp_path / "sub").mkdir()
    for target, reason in [
        (data, "is the dataset itself"),
        (tmp_path / "link.jsonl", "is the dataset itself"),
        (out, "is the file for the ISLs itself"),
        (tmp_path / "sub" / ".." / "isl.jsonl", "is the file for the ISLs itself"),
        (tmp_path / "none" / "kept.jsonl", "no such folder"),
        (tmp_path, "is a folder"),
    ]:
        done = bench(*command, "--rejects", target)
        assert (done.code, done.out) == (3, "")
        assert reason in done.error
        assert len(done.error.splitlines()) == 1
    assert data.read_text() == lines(GOOD)
    assert not out.exists()
    done = bench(*command[:-2], "--rejects", tmp_path / "kept.jsonl")
    assert done.code == 3
    assert "--rejects keeps what --on-error skip leaves out; give both" in done.error


@pytest.mark.parametrize("command", ["count", "compare"])
def test_if_nothing_is_left_the_command_ends_with_one_line(
    bench: Bench, write: Write, tmp_path: Path, command: str
) -> None:
    data = write({"messages": []}, "{")
    out = tmp_path / ("isl.csv" if command == "count" else "report")
    done = bench(command, data, "--tokenizer", TOKENIZER, "--on-error", "skip", "--out", out)
    assert (done.code, done.out) == (3, "")
    assert done.error.startswith(f"bench: {data}: no record can be read, the first because line 1:")
    assert len(done.error.splitlines()) == 1
    assert not out.exists()


def test_a_comparison_and_its_report_say_what_was_not_read(
    bench: Bench, write: Write, tmp_path: Path
) -> None:
    first = {"messages": [USER]}
    second = {"messages": [USER, ANSWER, USER], "mood": 1}
    data, out = write(first, "{", second), tmp_path / "report"
    done = bench(
        *("compare", data, "--tokenizer", TOKENIZER, "--strategies", "spliced", "--cores", "1"),
        *("--rounds", "1", "--on-error", "skip", "--out", out, "--records", "request"),
        *("--unknown-fields", "ignore"),
    )
    assert done.code == 0, done.error
    assert "warning: data.jsonl: 1 record was not read, the first: line 2: not JSON" in done.error
    assert "warning: data.jsonl: fields were left out: mood (1 record)" in done.error
    report = json.loads((out / "report.json").read_text())
    assert (report["dataset"]["conversations"], report["dataset"]["turns"]) == (1, 2)
    assert report["dataset"]["reading"] == {
        "tool_arguments": "objects",
        "unknown_fields": "ignore",
        "on_error": "skip",
        "records": "request",
        "not_read": 1,
        "format": None,
        "messages_field": None,
        "tools_sha256": None,
        "system_sha256": None,
    }


def test_a_table_names_the_requests_only_if_there_are_any(
    bench: Bench, write: Write, tmp_path: Path
) -> None:
    records: list[Row] = [
        {"id": "a", "messages": [USER]},
        {"id": "b", "messages": [USER, ANSWER, USER], "tools": []},
        {"id": "c", "messages": [USER, ANSWER, USER]},
    ]
    data = write(*records)
    for ending in (".csv", ".jsonl", ".parquet"):
        out = tmp_path / f"isl{ending}"
        command = ("count", data, "--tokenizer", TOKENIZER, "--out", out)
        assert bench(*command, "--records", "request").code == 0
        if ending == ".parquet":
            table = pq.read_table(out).to_pylist()
        elif ending == ".csv":
            head, *cells = [line.split(",") for line in out.read_text().splitlines()]
            table = [dict(zip(head, row, strict=True)) for row in cells]
        else:
            table = [json.loads(line) for line in out.read_text().splitlines()]
        places = [(row["conversation"], str(row["turn"]), row["request"]) for row in table]
        assert places == [("a", "1", "a"), ("a", "2", "c"), ("b", "1", "b")]
        assert bench(*command).code == 0
        assert b"request," not in out.read_bytes()
    assert pq.read_schema(out).names == ["conversation", "turn", "messages", "isl"]
    about = json.loads(pq.read_schema(out).metadata[b"isl_bench"])
    assert about["reading"]["records"] == "conversation"


def test_arguments_that_servers_read_differently_are_no_bad_record() -> None:
    calls = {"role": "assistant", "tool_calls": [call("{"), call(None), call("[1]")]}
    assert not skipping(lines({"messages": [USER, calls, USER], "tools": [TOOL]})).rejects
