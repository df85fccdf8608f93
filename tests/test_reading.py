"""Every container gives the same records, and a hostile file gives an error of one line."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import lzma
import pickle
import tarfile
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from strategies import InputError
from strategies.conversations import records
from strategies.conversations.json_text import parse_json
from tests.datasets import arrow_stream, read_records, records_of, zstd

RECORDS = [{"n": 1, "text": "один"}, {"n": 2, "text": "line\nbreak"}, {"n": 3, "text": "🎈"}]
LINES = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS)


def read(folder: Path, data: bytes | str, name: str = "data.jsonl") -> list[tuple[int, Any]]:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_records(path))


def refusal(folder: Path, data: bytes | str, name: str = "data.jsonl") -> str:
    """Return what the error says after the file's path; it is one line."""
    with pytest.raises(InputError) as caught:
        read(folder, data, name)
    text = str(caught.value)
    assert text.startswith(str(folder / name))
    assert len(text.splitlines()) == 1
    return text.removeprefix(str(folder / name))


SKIPPED = b"\x5a\x2a\x4d\x18\x03\0\0\0abc"
"""A frame of zstd that holds no data."""


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


every_pack = pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"]
)

# Files that can be read.


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(LINES, [1, 2, 3], id="lines"),
        pytest.param(LINES.rstrip("\n"), [1, 2, 3], id="no newline at the end"),
        pytest.param(LINES.replace("\n", "\r\n"), [1, 2, 3], id="CRLF"),
        pytest.param("\n \t\n" + LINES.replace("\n", "\n\n"), [3, 5, 7], id="blank lines"),
        pytest.param(json.dumps(RECORDS), [1, 1, 1], id="compact array"),
        pytest.param(json.dumps(RECORDS, indent=1), [2, 6, 10], id="pretty array"),
        pytest.param("\n\n" + json.dumps(RECORDS), [3, 3, 3], id="array after blank lines"),
    ],
)
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
@every_pack
@pytest.mark.parametrize("name", ["d.jsonl", "d.json", "d.gz", "d.jsonl.zst", "d"])
def test_the_content_says_what_a_file_is_and_not_its_ending(
    tmp_path: Path, text: str, lines: list[int], bom: bytes, pack: Any, name: str
) -> None:
    got = read(tmp_path, pack(bom + text.encode()), name)
    assert got == list(zip(lines, RECORDS, strict=True))


@pytest.mark.parametrize("write", [parquet, arrow_stream, partial(arrow_stream, rows=9)])
@pytest.mark.parametrize("name", ["d.parquet", "d.jsonl", "d"])
def test_rows_are_numbered_over_all_batches(
    tmp_path: Path, name: str, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PARQUET_BATCH_ROWS", 2)
    got = read(tmp_path, write(pa.Table.from_pylist(RECORDS)), name)
    assert got == list(enumerate(RECORDS, 1))


def test_one_pretty_printed_record_is_a_document(tmp_path: Path) -> None:
    assert read(tmp_path, '\n{\n "n": 1\n}\n', "d.json") == [(2, {"n": 1})]


def test_an_empty_array_and_an_empty_file_have_no_records(tmp_path: Path) -> None:
    for empty in ("", "\n \n", "[]", " [ ] \n", "\ufeff", gzip.compress(b""), zstd(b"")):
        assert read(tmp_path, empty) == []


@pytest.mark.parametrize("pack", [gzip.compress, zstd, lambda data: SKIPPED + zstd(data)])
def test_packed_members_are_read_one_after_another(tmp_path: Path, pack: Any) -> None:
    members = b"".join(pack(line.encode()) for line in LINES.splitlines(keepends=True))
    assert [record for _, record in read(tmp_path, members)] == RECORDS


def test_records_before_a_broken_line_are_not_lost_to_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(LINES + "{")
    found = read_records(path)
    assert [next(found)[1] for _ in RECORDS] == RECORDS
    with pytest.raises(InputError, match=":4: not JSON"):
        next(found)


@pytest.mark.parametrize(
    "data",
    [
        LINES.encode(),
        gzip.compress(LINES.encode()),
        zstd(LINES.encode()),
        parquet(pa.Table.from_pylist(RECORDS)),
        arrow_stream(pa.Table.from_pylist(RECORDS)),
    ],
    ids=["lines", "gzip", "zstd", "Parquet", "Arrow"],
)
def test_a_stream_is_read_like_its_bytes_and_stays_open(data: bytes) -> None:
    stream = io.BytesIO(data)
    assert list(records_of(stream, "d")) == list(records_of(data, "d"))
    assert stream.seek(0) == 0
    assert next(records_of(stream, "d")) == (1, RECORDS[0])
    assert stream.getvalue() == data


# Files that cannot be read.

ONE = '{"a": 1}\n'


def tar(data: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        member = tarfile.TarInfo("data.jsonl")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return sink.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(ONE + "nonsense", ":2: not JSON: Expecting value at column 1", id="no JSON"),
        pytest.param(ONE + '{"a": 1', ":2: not JSON: Expecting ',' del", id="cut off"),
        pytest.param(ONE + '{"a": 1} 2', ":2: not JSON: Extra data at column 10", id="two values"),
        pytest.param(ONE + "[1]", ":2: expected an object", id="array"),
        pytest.param(ONE + '"a"', ":2: expected an object", id="string"),
        pytest.param(ONE + "null", ":2: expected an object", id="null"),
        pytest.param(ONE + "true", ":2: expected an object", id="boolean"),
        pytest.param(ONE.encode() + b'{"a": "\xff"}', ":2: not UTF-8 text", id="not UTF-8"),
        pytest.param(ONE + '{"a": "\0"}', ":2: not JSON: Invalid control character", id="NUL"),
        pytest.param("\0" * 64, ":1: not JSON", id="only NULs"),
        pytest.param(ONE + '{"a":\ufeff1}', ":2: not JSON", id="BOM inside of a line"),
        pytest.param(ONE + "\u00a0", ":2: not JSON", id="white space that is none of JSON's"),
        pytest.param(ONE + '{"a":' * 10**5, ":2: not JSON: nested too deeply", id="deep objects"),
        pytest.param('{"a":' * 10**5, ":1: not JSON: nested too deeply", id="deep document"),
        pytest.param("[" * 10**5, ":1: not JSON: nested too deeply", id="deep arrays"),
        pytest.param('[{"a": 1},\n\n 7]', ":3: expected an object", id="number in an array"),
        pytest.param('[{"a": 1}\n{"a": 1}]', ":2: not JSON: expected ','", id="comma missing"),
        pytest.param('[{"a": 1},\n]', ":2: not JSON: Expecting value", id="comma too many"),
        pytest.param('[{"a": 1}', ":1: not JSON: expected ',' or ']'", id="array not closed"),
        pytest.param('[{"a": 1},', ":1: not JSON: Expecting value", id="array cut off"),
        pytest.param("[", ":1: not JSON: Expecting value", id="only a bracket"),
        pytest.param("[1\n]\n[]", ":1: expected an object", id="two arrays"),
        pytest.param("[{}\n]\n[]", ":3: not JSON: text after the closing ']'", id="after an array"),
        pytest.param('[{"a": 1},\n{"a" 1}]', ":2: not JSON: Expecting ':'", id="no colon"),
        pytest.param(b'[{"a":\n"\xff"}]', ":2: not UTF-8 text", id="array not UTF-8"),
    ],
)
@pytest.mark.parametrize("name", ["d.jsonl", "d.json"])
def test_what_is_malformed_is_named_with_its_line(
    tmp_path: Path, data: str | bytes, message: str, name: str
) -> None:
    assert refusal(tmp_path, data, name).startswith(message)


@pytest.mark.parametrize("name", ["d.jsonl", "d.json"])
@pytest.mark.parametrize("form", ["{}", "[{}]"])
def test_what_only_some_readers_refuse_stays_visible(tmp_path: Path, name: str, form: str) -> None:
    text = '{"a": [NaN, -Infinity, 7, %s], "k": {"n": 1, "n": 2}, "k": 3}' % ("9" * 5000)
    ((line, record),) = read(tmp_path, form.format(text), name)
    assert line == 1
    assert str(record["a"]) == "[nan, -inf, 7, inf]"
    assert (record["k"], record.doubled) == (3, {"k"})


LISTS = '[{"role": "user", "content": "a"}, {"role": "assistant"}]'


@pytest.mark.parametrize("name", ["d.jsonl", "d.json", "d"])
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(f"{LISTS}\n{LISTS}\n", [1, 2], id="one to a line"),
        pytest.param(f"{LISTS}\n\n\n{LISTS}", [1, 4], id="blank lines"),
        pytest.param(f"[{LISTS},\n{LISTS}]", [1, 2], id="an array of lists"),
        pytest.param(LISTS, [1], id="the whole file"),
        pytest.param("[\n" + LISTS[1:], [2], id="pretty"),
    ],
)
def test_a_list_of_messages_is_a_record(
    tmp_path: Path, text: str, lines: list[int], name: str
) -> None:
    assert read(tmp_path, text, name) == [(n, {"messages": json.loads(LISTS)}) for n in lines]


def test_a_pretty_printed_document_is_refused_at_its_own_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, '{"a": 1,\n "b": }', "d.json").startswith(":2: not JSON")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("missing.jsonl", ": no such file", id="no such file"),
        pytest.param("folder", ": is a folder; name a dataset file in it", id="folder"),
        pytest.param("file/d.jsonl", ": cannot be read: Not a directory", id="file as folder"),
        pytest.param("x" * 300, ": cannot be read: File name too long", id="name too long"),
    ],
)
def test_what_is_no_file_is_named(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught:
        list(read_records(tmp_path / name))
    assert str(caught.value) == f"{tmp_path / name}{message}"


# Packed files.


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_damaged_packed_file_is_named(tmp_path: Path, pack: Any) -> None:
    packed = pack(LINES.encode() * 50)
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 0xFF
    for damaged in (packed[:-9], packed[:5], packed + b"garbage"):
        assert refusal(tmp_path, damaged).startswith(": cannot be read: ")
    assert refusal(tmp_path, bytes(flipped))


def test_a_name_that_promises_gzip_or_parquet_is_not_believed(tmp_path: Path) -> None:
    assert len(read(tmp_path, LINES, "d.jsonl.gz")) == len(RECORDS)
    assert len(read(tmp_path, LINES, "d.parquet")) == len(RECORDS)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (bz2.compress(b"{}"), "bzip2"),
        (lzma.compress(b"{}"), "xz"),
        (b"PK\x03\x04\x14\0\0\0", "a zip archive"),
        (b"ARROW1\0\0", "an Arrow file"),
        (ONE.encode("utf-16"), "UTF-16 text"),
        (codecs.BOM_UTF16_BE + ONE.encode("utf-16-be"), "UTF-16 text"),
        (ONE.encode("utf-16-le"), "UTF-16 text"),
        (ONE.encode("utf-16-be"), "UTF-16 text"),
        (ONE.encode("utf-32"), "UTF-32 text"),
        (codecs.BOM_UTF32_BE + ONE.encode("utf-32-be"), "UTF-32 text"),
        (ONE.encode("utf-32-le"), "UTF-32 text"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z archive"),
        (b"PK\x05\x06" + b"\0" * 18, "a zip archive"),
        (b"\x04\x22\x4d\x18\x64\x40\xa7", "lz4"),
        (tar(ONE.encode()), "a tar archive"),
        (b"SQLite format 3\0" + b"\0" * 84, "a SQLite database"),
        (pickle.dumps([{"a": 1}]), "a Python pickle"),
        (b"\n<!DOCTYPE html>\n<html>", "an HTML page"),
        (b"<HTML><head>", "an HTML page"),
        (b'<?xml version="1.0"?><Error>', "an XML document"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "a pointer of Git LFS, not the file",
        ),
        (b'id,messages\n1,"[]"\n', "a table of text (CSV or TSV)"),
        (b"\xef\xbb\xbfid\tmessages\r\n1\t[]\r\n", "a table of text (CSV or TSV)"),
        (b'"id";"role";"the content"\n', "a table of text (CSV or TSV)"),
    ],
)
@every_pack
def test_a_kind_of_file_that_is_not_read_is_named(
    tmp_path: Path, data: bytes, kind: str, pack: Any
) -> None:
    message = refusal(tmp_path, pack(data), "d.jsonl")
    assert message.startswith(f": this is {kind}")
    assert ", which is not read; " in message
    assert len(message) < 200


@pytest.mark.parametrize(
    "data",
    [zstd(b"{}"), gzip.compress(b"{}"), parquet(pa.table({}))],
    ids=["zstd", "gzip", "Parquet"],
)
def test_what_is_packed_twice_is_named(tmp_path: Path, data: bytes) -> None:
    for pack, name in ((gzip.compress, "gzip"), (zstd, "zstd")):
        message = refusal(tmp_path, pack(data))
        assert message.startswith(": this is ")
        assert message.endswith(f" in {name}; unpack it first")


@pytest.mark.parametrize("first", ["id, x\n", "nonsense", "a,b", "a;b;"])
def test_a_line_that_is_no_json_makes_no_table_of_a_file(tmp_path: Path, first: str) -> None:
    assert refusal(tmp_path, f"{first}\n{ONE}").startswith(":1: not JSON")


def test_a_mark_at_the_start_of_a_line_is_no_text(tmp_path: Path) -> None:
    assert len(read(tmp_path, ONE + "\ufeff" + ONE, "d.jsonl")) == 2


@every_pack
@pytest.mark.parametrize(
    ("limit", "text", "message"),
    [
        pytest.param("MAX_RECORD_BYTES", ONE + " " * 9999, ":2: longer than", id="one long line"),
        pytest.param("MAX_DOCUMENT_BYTES", ONE * 999, ":112: the file unpacks", id="many lines"),
        pytest.param("MAX_DOCUMENT_BYTES", "[" + " " * 9999, ": larger than", id="document"),
    ],
)
def test_a_file_may_not_unpack_to_more_than_the_limit(
    tmp_path: Path,
    pack: Any,
    limit: str,
    text: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(records, limit, 1000)
    assert refusal(tmp_path, pack(text.encode())).startswith(message)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        pytest.param(ONE + '{"a": [' + "[]," * 99 + "1]}", "d.jsonl", ":2: too many", id="lists"),
        pytest.param(ONE + '{"a": [' + "0," * 99 + "1]}", "d.jsonl", ":2: too many", id="numbers"),
        pytest.param("[" + "[" * 99 + "]" * 100, "d.jsonl", ": too many", id="nested"),
        pytest.param('[{"a": [' + "{}," * 99 + "{}]}]", "d.json", ": too many", id="document"),
    ],
)
def test_a_text_may_not_hold_more_values_than_fit_the_limit(
    tmp_path: Path, text: str, name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("MAX_RECORD_BYTES", "MAX_DOCUMENT_BYTES"):
        monkeypatch.setattr(records, limit, 64 * records.BYTES_PER_VALUE)
    assert refusal(tmp_path, text, name).startswith(message)


NOTHING = pa.nulls(100_000, pa.null())
STRUCTS = pa.StructArray.from_arrays([pa.nulls(100_000, pa.int8())], ["a"])
PAIRS = pa.StructArray.from_arrays(
    [pa.array(map(str, range(30_000))), NOTHING[:30_000]], ["k", "v"]
)


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.ListArray.from_arrays([0, 100_000], NOTHING), id="nulls"),
        pytest.param(pa.LargeListArray.from_arrays([0, 100_000], NOTHING), id="large list"),
        pytest.param(pa.ListArray.from_arrays([0, 100_000], STRUCTS), id="structs"),
        pytest.param(
            pa.MapArray.from_arrays([0, 30_000], PAIRS.field(0), PAIRS.field(1)), id="map"
        ),
    ],
)
def test_parquet_may_not_hold_more_values_than_fit_the_limit(
    tmp_path: Path, column: pa.Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_DOCUMENT_BYTES", 30_000 * records.BYTES_PER_VALUE)
    assert refusal(tmp_path, parquet(pa.table({"x": column}))).startswith(":1: the file unpacks")


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_bomb_is_not_unpacked_beyond_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Any
) -> None:
    import tracemalloc

    monkeypatch.setattr(records, "MAX_RECORD_BYTES", 2**20)
    bomb = pack(b"\0" * 2**26)
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    assert ":1: longer than 1 MiB" in refusal(tmp_path, bomb)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    assert pa.total_allocated_bytes() - before < 2**24


def test_parquet_may_not_unpack_to_more_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = parquet(pa.table({"messages": ["[" + " " * 10000] * 5000}))
    assert len(bomb) < 10000
    monkeypatch.setattr(records, "MAX_DOCUMENT_BYTES", 2**22)
    assert refusal(tmp_path, bomb).startswith(":257: the file unpacks to more than")


# Parquet and Arrow streams.


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_a_damaged_arrow_stream_is_named(tmp_path: Path, compression: str | None) -> None:
    whole = arrow_stream(pa.Table.from_pylist(RECORDS), compression=compression)
    assert [record for _, record in read(tmp_path, whole)] == RECORDS
    for damaged in (whole[: len(whole) // 2], whole[:20], whole[:4] + b"\xff\xff\xff\x7f"):
        assert refusal(tmp_path, damaged).startswith(": cannot be read as an Arrow stream: ")


def test_an_arrow_stream_that_breaks_off_between_batches_is_not_taken_for_a_shorter_one(
    tmp_path: Path,
) -> None:
    whole = arrow_stream(pa.Table.from_pylist(RECORDS))
    assert whole.endswith(b"\xff\xff\xff\xff\0\0\0\0")
    for damaged in (whole[:-8], whole + whole):
        assert refusal(tmp_path, damaged).startswith(":3: breaks off after this row, or goes on")


def test_arrow_values_that_point_out_of_the_stream_are_not_followed(tmp_path: Path) -> None:
    data = arrow_stream(pa.table({"a": ["xyz", "b"]}))
    offsets = b"\0\0\0\0\3\0\0\0\4\0\0\0"
    assert data.count(offsets) == 1
    wild = data.replace(offsets, b"\0\0\0\0\xff\xff\xff\x6f\4\0\0\0")
    assert refusal(tmp_path, wild).startswith(": cannot be read as an Arrow stream: ")


def test_an_arrow_stream_may_not_unpack_to_more_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pa.table({"messages": ["[" + " " * 10000] * 5000})
    bomb = arrow_stream(table, 1000, compression="zstd")
    assert len(bomb) < 100_000
    monkeypatch.setattr(records, "MAX_DOCUMENT_BYTES", 2**22)
    assert refusal(tmp_path, bomb).startswith(":257: the file unpacks to more than")


def test_damaged_parquet_is_named(tmp_path: Path) -> None:
    whole = parquet(pa.Table.from_pylist(RECORDS))
    for damaged in (whole[:-1], whole[:20], b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1"):
        assert "cannot be read" in refusal(tmp_path, damaged)


def test_a_column_whose_name_is_not_utf8_is_refused(tmp_path: Path) -> None:
    data = parquet(pa.table({"column": [1]}))
    message = refusal(tmp_path, data.replace(b"column", b"col\xffmn"))
    assert message.startswith(": cannot be read as Parquet: ")


def test_a_column_that_appears_twice_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["a", "a"])
    assert refusal(tmp_path, parquet(table)) == ": a: column appears twice"


NOT_UTF8 = pa.StringArray.from_buffers(
    2, pa.py_buffer(b"\0\0\0\0\1\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xff\xfe")
)
KEY_TWICE = pa.array([[("k", 1)], [("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64()))


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(NOT_UTF8, id="not UTF-8"),
        pytest.param(KEY_TWICE, id="a map with a key twice"),
        pytest.param(pa.array([0, 2**60], pa.timestamp("ms")), id="a date after 9999"),
    ],
)
def test_a_parquet_value_that_python_cannot_hold_is_named_with_row_and_column(
    tmp_path: Path, column: pa.Array
) -> None:
    message = refusal(tmp_path, parquet(pa.table({"x": [1, 2], "bad": column})))
    assert message.startswith(":2: bad: cannot be read: ")


def test_a_null_in_a_parquet_message_is_a_missing_key(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "a", "name": None, "calls": [None, {"x": None}]}]
    table = pa.Table.from_pylist([{"messages": messages}])
    assert read(tmp_path, parquet(table)) == [
        (1, {"messages": [{"role": "user", "content": "a", "calls": [None, {}]}]})
    ]


@pytest.mark.parametrize("key", ["arguments", "parameters"])
def test_a_null_in_parquet_arguments_is_ambiguous(tmp_path: Path, key: str) -> None:
    calls = [{"name": "f", key: {"a": 1, "deep": [{"b": 2}, {"c": 3}]}}]
    table = pa.Table.from_pylist([{"calls": calls}])
    assert refusal(tmp_path, parquet(table)).startswith(
        f":1: calls[0].{key}.deep[0]: a null in a Parquet struct may be a missing key"
    )


def test_a_null_in_a_parquet_tool_is_ambiguous(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "f", "description": None}}]
    table = pa.Table.from_pylist([{"tools": tools}, {"tools": None}])
    assert refusal(tmp_path, parquet(table)).startswith(
        ":1: tools[0].function: a null in a Parquet struct may be a missing key"
    )


# JSON is read as servers read it.


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": 1, "a": 1}', "[" * 10**5, "", "{"])
def test_what_servers_refuse_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_json(text)
    assert len(str(caught.value).splitlines()) == 1


def test_numbers_and_text_keep_their_values() -> None:
    text = '{"big": 123456789012345678901234567890, "small": -0.0, "e": "\\u00e9\\ud83c\\udf88"}'
    assert parse_json(text) == {"big": 123456789012345678901234567890, "small": -0.0, "e": "é🎈"}
