"""Datasets that are read part by part hold what they hold when they are read as a whole."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.samples import SHAPES, sample_bytes
from strategies import (
    Conversation,
    InputError,
    Row,
    TurnError,
    count,
    read_conversations,
    stream,
)
from strategies.conversations import beginning, dataset_stream, records
from strategies.conversations.dataset_stream import DatasetStream
from strategies.conversations.datasets import parse_dataset, read_files
from strategies.conversations.detect import formats
from strategies.conversations.files_stream import FilesStream, joined_digest
from strategies.conversations.line_parts import LineParts
from strategies.conversations.options import ReadOptions
from strategies.conversations.parts import Batch, Place
from strategies.streaming import read_ahead
from tests.conftest import bundled_chat
from tests.datasets import arrow_stream, zstd

SIZES = (1, 60, 1000, 10**6)
SKIP = ReadOptions(on_error="skip", unknown_fields="ignore")


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Read parts of some bytes, and for each hundred of them one row of Parquet."""
    monkeypatch.setattr(records, "PART_BYTES", request.param)
    monkeypatch.setattr(records, "PARQUET_BATCH_ROWS", max(request.param // 100, 1))
    monkeypatch.setattr(records, "ARROW_PART_BYTES", request.param)


every_size = pytest.mark.parametrize("parts", SIZES, indirect=True)
needs_parts = pytest.mark.usefixtures("parts")
both_readers = pytest.mark.parametrize("directly", [False, True], ids=["python", "core"])


def read(
    path: Path, options: ReadOptions, *, directly: bool, start: Place | None = None, **more: Any
) -> tuple[list[Conversation], list[Any], tuple[str, ...], list[Batch]]:
    """Return conversations, rejects, warnings and the parts themselves."""
    with DatasetStream(path, options, directly=directly, start=start, **more) as dataset:
        batches = list(dataset)
        found = [each for batch in batches for each in batch.conversations]
        rejects = [each for batch in batches for each in batch.rejects]
        return found, rejects, dataset.warnings, batches


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def whole(path: Path, options: ReadOptions = SKIP) -> Any:
    return parse_dataset(path.read_bytes(), str(path), options)


def outcome(path: Path, options: ReadOptions, **how: Any) -> Any:
    """Return what `read` returns, without the parts, or what it says is wrong."""
    try:
        return read(path, options, **how)[:3]
    except InputError as error:
        return str(error)


def whole_outcome(path: Path, options: ReadOptions) -> Any:
    try:
        found = whole(path, options)
    except InputError as error:
        return str(error)
    return list(found), list(found.rejects), found.warnings


def chat(number: int, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"question {number} {'é' * (number % 7)}"}]
    return {"messages": messages, **more}


def row(name: str, turn: int, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"conversation_id": name, "turn": turn, "role": role, "content": f"{turn}", **more}


@every_size
@needs_parts
@both_readers
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_the_parts_of_a_sample_are_the_whole(
    tmp_path: Path, directly: bool, shape: str, pack: Any
) -> None:
    data = sample_bytes("small", shapes=[shape])
    path = tmp_path / "data.jsonl"
    path.write_bytes(data)
    expected = read_conversations(path)
    path.write_bytes(pack(data))
    found, _, _, batches = read(path, ReadOptions(), directly=directly)
    assert found == list(expected)
    assert len(batches) > 1 or len(data) < 2 * records.PART_BYTES or len(expected) == 1


@every_size
@needs_parts
@both_readers
@pytest.mark.parametrize("form", formats(), ids=lambda form: form.name)
def test_the_parts_of_an_example_are_the_whole(tmp_path: Path, directly: bool, form: Any) -> None:
    for number, example in enumerate(form.examples):
        path = write(tmp_path / f"{number}.jsonl", list(example.records))
        options = ReadOptions(**example.options)
        assert read(path, options, directly=directly)[0] == list(example.conversations)
        array = tmp_path / f"{number}.json"
        array.write_text(json.dumps(example.records), encoding="utf-8")
        assert read(array, options, directly=directly)[0] == list(example.conversations)


@every_size
@needs_parts
@both_readers
@pytest.mark.parametrize("form", formats(), ids=lambda form: form.name)
def test_a_mistake_is_told_in_the_same_words(tmp_path: Path, directly: bool, form: Any) -> None:
    for number, example in enumerate(form.broken):
        path = write(tmp_path / f"{number}.jsonl", list(example.records))
        options = ReadOptions(**example.options)
        with pytest.raises(InputError) as expected:
            whole(path, options)
        with pytest.raises(InputError) as found:
            read(path, options, directly=directly)
        assert str(found.value) == str(expected.value)


lines = st.lists(
    st.one_of(
        st.integers(0, 99).map(chat),
        st.integers(0, 99).map(lambda number: chat(number, id=f"chat {number}")),
        st.sampled_from([chat(1, unknown=2), chat(2, seed=1), {"messages": 1}, {}, 3, [chat(3)]]),
    ).map(json.dumps)
    | st.sampled_from(["", " ", "{", "\u00a0", "nul\0", "\ufeff{}"]),
    max_size=12,
)


@both_readers
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(lines=lines, size=st.integers(1, 400), ending=st.sampled_from(["\n", "\r\n"]))
def test_any_lines_give_the_same_conversations_rejects_and_warnings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    directly: bool,
    lines: Any,
    size: int,
    ending: str,
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(ending.join(lines).encode("utf-8", "surrogatepass"))
    with monkeypatch.context() as patch:
        patch.setattr(records, "PART_BYTES", size)
        expected = whole_outcome(path, SKIP)
        assert outcome(path, SKIP, directly=directly) == expected
        if isinstance(expected, str):
            return
        conversations, _, told = expected
        batches = read(path, SKIP, directly=directly)[3]
        for place in [batch.place for batch in batches]:
            if place is None:
                # A line alone may be a document.
                continue
            start = Place(**json.loads(json.dumps(place.as_json())))
            done = sum(1 for each in conversations if each.line <= place.lines)
            rest, _, later, _ = read(path, SKIP, directly=directly, start=start)
            assert (rest, later) == (conversations[done:], told)


rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 5), st.integers(0, 40)), max_size=6
)


@both_readers
@pytest.mark.parametrize("on_error", ["raise", "skip"])
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(found=rows, size=st.integers(1, 700), blank=st.booleans())
def test_rows_of_one_message_stay_together(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    directly: bool,
    on_error: Any,
    found: Any,
    size: int,
    blank: bool,
) -> None:
    written = [
        json.dumps(row(name, turn, "assistant" if turn % 2 == 0 else "user", content="x" * length))
        for name, turns, length in found
        for turn in range(1, turns + 1)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text(("\n\n" if blank else "\n").join(written), encoding="utf-8")
    options = ReadOptions(on_error=on_error)
    with monkeypatch.context() as patch:
        patch.setattr(records, "PART_BYTES", size)
        expected = whole_outcome(path, options)
        assert outcome(path, options, directly=directly) == expected
        if isinstance(expected, str):
            return
        batches = read(path, options, directly=directly)[3]
        for batch in batches:
            if batch.place is not None:
                done = [each for each in expected[0] if each.line <= batch.place.lines]
                names = [each.id for each in done]
                rest = read(path, options, directly=directly, start=batch.place, finished=names)[0]
                assert done + rest == expected[0]


def test_a_conversation_that_comes_back_in_another_part_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 1)
    path = write(tmp_path / "rows.jsonl", [row("a", 1), row("b", 1), row("a", 1)])
    for directly in (False, True):
        with pytest.raises(InputError, match=r":3: conversation_id: rows of conversation 'a' are"):
            read(path, ReadOptions(), directly=directly)


@every_size
@needs_parts
def test_parquet_is_read_by_rows_and_goes_on_at_any(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    chats = [chat(number, id=f"{number}", extra="never read" * 9) for number in range(37)]
    pq.write_table(pa.Table.from_pylist(chats), path, row_group_size=10)
    options = ReadOptions(unknown_fields="ignore")
    expected = list(whole(path, options))
    found, _, told, batches = read(path, options, directly=True)
    assert (found, told) == (expected, whole(path, options).warnings)
    for batch in batches:
        assert batch.place is not None
        rest = read(path, options, directly=True, start=batch.place)[0]
        assert rest == expected[batch.place.offset :]
    rows = [row("a", 1), row("a", 2, "assistant"), row("b", 1), row("c", 1)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert read(path, options, directly=True)[0] == list(whole(path, options))


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_another_file_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 50)
    monkeypatch.setattr(records, "PARQUET_BATCH_ROWS", 1)
    monkeypatch.setattr(records, "ARROW_PART_BYTES", 1)
    path = tmp_path / f"data.{kind}"

    def fill(first: int) -> None:
        chats = [chat(number) for number in range(first, first + 4)]
        if kind == "jsonl":
            write(path, chats)
        else:
            pq.write_table(pa.Table.from_pylist(chats), path)

    fill(0)
    place = read(path, ReadOptions(), directly=True)[3][1].place
    fill(1)
    with pytest.raises(InputError, match="is not the file that was read before"):
        read(path, ReadOptions(), directly=True, start=place)


@both_readers
def test_a_line_that_is_too_long_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directly: bool
) -> None:
    monkeypatch.setattr(records, "MAX_RECORD_BYTES", 500)
    monkeypatch.setattr(records, "PART_BYTES", 100)
    path = write(tmp_path / "data.jsonl", [chat(1), chat(2, metadata="x" * 5000), chat(3)])
    found, rejects, told, batches = read(path, SKIP, directly=directly)
    expected = whole(path)
    assert (found, told) == (list(expected), expected.warnings)
    assert [each.line for each in rejects] == [2]
    for batch in batches:
        assert batch.place is not None
        rest = read(path, SKIP, directly=directly, start=batch.place)[0]
        assert [each.line for each in rest] == [
            each.line for each in expected if each.line > batch.place.lines
        ]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_small_file_may_not_unpack_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Any
) -> None:
    monkeypatch.setattr(records, "MAX_DOCUMENT_BYTES", 10_000)
    monkeypatch.setattr(records, "PART_BYTES", 1000)
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(pack(PACKS["lines"](CHATS[:2]) + b"\n" * 10**6))
    for bomb in (path, piped(tmp_path, path.read_bytes())):
        with pytest.raises(InputError, match="unpacks to more than 250 times its size"):
            read(bomb, ReadOptions(), directly=True)
    # A file that is large itself may.
    path = write(tmp_path / "data.jsonl", [chat(number) for number in range(900)])
    assert len(read(path, ReadOptions(), directly=True)[0]) == 900


# --- pipes ------------------------------------------------------------------------------


def piped(folder: Path, data: bytes) -> Path:
    """Return a pipe into which a thread writes some bytes."""
    path = folder / f"pipe {len(list(folder.iterdir()))}"
    os.mkfifo(path)

    def write_all() -> None:
        # Whoever reads may refuse the rest.
        with suppress(BrokenPipeError):
            path.write_bytes(data)

    threading.Thread(target=write_all, daemon=True).start()
    return path


def parquet(rows: list[Any]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


CHATS = [chat(number) for number in range(300)]
PACKS: dict[str, Callable[[list[Any]], bytes]] = {
    "lines": lambda rows: "".join(f"{json.dumps(row)}\n" for row in rows).encode(),
    "array": lambda rows: json.dumps(rows, indent=1).encode(),
    "gzip": lambda rows: gzip.compress(PACKS["lines"](rows)),
    "zstd": lambda rows: zstd(PACKS["lines"](rows)),
    "a packed array": lambda rows: zstd(PACKS["array"](rows)),
    "Parquet": parquet,
    "an Arrow stream": lambda rows: arrow_stream(pa.Table.from_pylist(rows), 7),
}


@pytest.mark.parametrize("parts", [1000], indirect=True)
@needs_parts
@both_readers
@pytest.mark.parametrize("pack", PACKS)
def test_a_pipe_is_read_part_by_part_like_a_file(tmp_path: Path, directly: bool, pack: str) -> None:
    data = PACKS[pack](CHATS)
    path = tmp_path / "data"
    path.write_bytes(data)
    expected = read(path, ReadOptions(), directly=directly)
    with DatasetStream(piped(tmp_path, data), ReadOptions(), directly=directly) as dataset:
        batches = list(dataset)
        assert dataset.sha256() == hashlib.sha256(data).hexdigest()
        assert bool(dataset.notes) is (pack == "Parquet")
    assert [each for batch in batches for each in batch.conversations] == expected[0]
    assert len(batches) == len(expected[3])
    assert len(batches) > 1
    # The Python functions that read all at once take pipes, too.
    assert list(read_conversations(piped(tmp_path, data))) == expected[0]


def test_parquet_of_a_pipe_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_DOCUMENT_BYTES", 1000)
    with pytest.raises(InputError, match="of more than 0 GiB cannot be read from a pipe; name"):
        read(piped(tmp_path, parquet(CHATS)), ReadOptions(), directly=True)


@both_readers
def test_a_first_line_may_be_longer_than_what_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directly: bool
) -> None:
    """Else a pipe, which has no name, would be taken for one document."""
    monkeypatch.setattr(dataset_stream, "START_BYTES", 100)
    monkeypatch.setattr(beginning, "START_BYTES", 100)
    monkeypatch.setattr(records, "PART_BYTES", 1000)
    long = {"messages": [{"role": "user", "content": "x" * 5000}]}
    data = PACKS["lines"]([long, *CHATS])
    found, _, _, batches = read(piped(tmp_path, data), ReadOptions(), directly=directly)
    assert (len(found), len(batches) > 1) == (301, True)
    for document in (json.dumps(long), json.dumps(long, indent=1)):
        pipe = piped(tmp_path, document.encode())
        assert len(read(pipe, ReadOptions(), directly=directly)[3]) == 1


def test_whoever_waits_for_a_pipe_can_be_stopped(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    # Open for writing, too, so that it never ends.
    writing = os.open(path, os.O_RDWR)
    os.write(writing, PACKS["lines"](CHATS))
    try:
        with DatasetStream(path, ReadOptions()) as dataset:
            ahead = read_ahead([Batch([], (), None, 1)], dataset.stop)
            assert next(ahead).done == 1
            ahead = read_ahead(_after_one(dataset), dataset.stop)
            next(ahead)
            # It waits for the rest of the first part in a thread.
            ahead.close()
    finally:
        os.close(writing)


def _after_one(dataset: DatasetStream) -> Iterator[Batch]:
    yield Batch([], (), None, 1)
    yield from dataset


# --- several files ----------------------------------------------------------------------


def several(folder: Path) -> list[Path]:
    """Return files of several formats and containers, the second one without conversations."""
    contents = {
        "1.jsonl": PACKS["lines"](CHATS[:40]),
        "2.jsonl": b"\n",
        "3.jsonl.zst": zstd(PACKS["lines"]([*CHATS[40:80], {"messages": 3}, chat(1, mood=1)])),
        "4.json": PACKS["array"](CHATS[80:90]),
        "5.parquet": parquet(CHATS[90:130]),
        "6.jsonl": PACKS["lines"]([row("a", 1), row("a", 2, "assistant"), row("b", 1)]),
        "7.arrow": PACKS["an Arrow stream"](CHATS[130:150]),
        "8.jsonl.gz": PACKS["gzip"](CHATS[150:200]),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


@pytest.mark.parametrize("parts", [1000], indirect=True)
@needs_parts
@both_readers
def test_several_files_are_one_dataset_and_go_on_at_any_place(
    tmp_path: Path, directly: bool
) -> None:
    paths = several(tmp_path)
    expected = read_files(paths, SKIP, digests=True)
    with FilesStream(paths, SKIP, directly=directly) as dataset:
        batches = list(dataset)
        digests = dataset.digests()
        read_as = [(each.path, each.format) for each in dataset.read]
        assert (dataset.warnings, dataset.sha256()) == (expected.warnings, joined_digest(digests))
        assert dataset.size == sum(path.stat().st_size for path in paths)
    assert digests == [each.sha256 for each in expected.files]
    assert digests == [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert read_as == [(each.path, each.format) for each in expected.files]
    found = [each for batch in batches for each in batch.conversations]
    assert found == list(expected)
    assert tuple(each for batch in batches for each in batch.rejects) == expected.rejects
    done = 0
    for batch in batches:
        done += len(batch.conversations)
        if batch.place is None:
            continue
        start = Place(**json.loads(json.dumps(batch.place.as_json())))
        ids = [each.id for each in found[:done]]
        with FilesStream(paths, SKIP, directly=directly, start=start, finished=ids) as rest:
            again = [each for part in rest for each in part.conversations]
            assert (again, rest.warnings) == (found[done:], expected.warnings)
            assert rest.digests() == digests


records_of_chats = st.lists(
    st.integers(0, 99).map(chat)
    | st.integers(0, 9).map(lambda number: chat(number, id=f"chat {number}"))
    | st.sampled_from([chat(1, unknown=2), {"messages": 1}, {"messages": [3]}]),
    max_size=6,
)


@both_readers
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    max_examples=30,
)
@given(
    parts=st.lists(
        st.tuples(records_of_chats, st.sampled_from([bytes, gzip.compress, zstd])),
        min_size=1,
        max_size=4,
    ),
    size=st.integers(1, 400),
)
def test_records_in_any_files_are_those_of_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directly: bool, parts: Any, size: int
) -> None:
    first = [chat(0)]
    whole = write(tmp_path / "whole.jsonl", [*first, *(row for rows, _ in parts for row in rows)])
    expected = read(whole, SKIP, directly=directly)
    paths = [write(tmp_path / "first.jsonl", first)]
    for number, (rows, pack) in enumerate(parts):
        paths.append(tmp_path / f"{number}.jsonl")
        paths[-1].write_bytes(pack(PACKS["lines"](rows)))
    with monkeypatch.context() as patch:
        patch.setattr(records, "PART_BYTES", size)
        with FilesStream(paths, SKIP, directly=directly) as dataset:
            batches = list(dataset)
    assert [each for batch in batches for each in batch.conversations] == expected[0]
    found = [each for batch in batches for each in batch.rejects]
    assert [each.record for each in found] == [each.record for each in expected[1]]


def test_files_before_the_place_are_those_that_were_read(tmp_path: Path) -> None:
    paths = several(tmp_path)
    with FilesStream(paths, SKIP) as dataset:
        place = list(dataset)[-1].place
    with pytest.raises(InputError, match="the dataset: has fewer files than were read before"):
        FilesStream(paths[:3], SKIP, start=place)
    paths[0].write_bytes(PACKS["lines"](CHATS[:39]))
    with (
        FilesStream(paths, SKIP, start=place) as dataset,
        pytest.raises(InputError, match=r"1\.jsonl: is not the file that was read before"),
    ):
        list(dataset)


def test_a_stream_of_several_files_names_them(tmp_path: Path) -> None:
    tokenizer = bundled_chat("bpe-chatml")
    paths = [write(tmp_path / f"{n}.jsonl", [chat(n, id="same")]) for n in (1, 2)]
    expected = [(str(path), "same") for path in paths]
    for source in (paths, tmp_path / "*.jsonl", tmp_path):
        rows = list(stream(source, tokenizer))
        assert [(each.file, each.conversation) for each in rows] == expected
    assert [each.file for each in stream(paths[:1], tokenizer)] == [None]
    template = "{% if '2' in messages[0].content %}{{ raise_exception('no') }}{% endif %}x"
    refusing = bundled_chat("bpe-chatml", template=template)
    with pytest.raises(TurnError, match=r"^\S+2\.jsonl: conversation 'same', turn 1 "):
        list(stream(paths, refusing))


def test_requests_that_are_joined_are_read_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 10)
    first = chat(1)["messages"]
    longer = [*first, {"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]
    path = write(tmp_path / "data.jsonl", [{"messages": first}, chat(2), {"messages": longer}])
    options = ReadOptions(records="request")
    found, _, _, batches = read(path, options, directly=True)
    assert found == list(whole(path, options))
    assert [len(each.turns) for each in found] == [2, 1]
    assert [batch.place for batch in batches] == [None]


def test_a_part_is_read_while_the_one_before_it_is_counted_but_for_the_first() -> None:
    readers = []
    reading = threading.Event()

    def batches() -> Iterator[Batch]:
        for number in range(1, 4):
            readers.append(threading.current_thread().name)
            if number == 3:
                reading.set()
            yield Batch([], (), None, number)

    ahead = read_ahead(batches())
    assert next(ahead).done == 1
    assert len(readers) == 1
    assert next(ahead).done == 2
    assert reading.wait(30)
    assert [batch.done for batch in ahead] == [3]
    assert readers[1:] == ["reading"] * 2


@every_size
@needs_parts
@pytest.mark.parametrize("strategy", ["auto", "rust", "spliced"])
def test_a_stream_has_the_counts_of_the_whole(tmp_path: Path, strategy: str) -> None:
    tokenizer = bundled_chat("bpe-chatml")
    path = write(tmp_path / "data.jsonl", [chat(number) for number in range(50)])
    expected = read_conversations(path)
    counts = count(expected, tokenizer)
    rows = [
        Row(each.id, turn, messages, isl)
        for each, lengths in zip(expected, counts, strict=True)
        for turn, (messages, isl) in enumerate(zip(each.turns, lengths, strict=True), 1)
    ]
    assert list(stream(path, tokenizer, strategy=strategy)) == rows
    assert list(stream(iter(expected), tokenizer, strategy=strategy)) == rows


def test_a_stream_tells_what_is_left_out_and_fails_where_the_mistake_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 40)
    template = "{% if messages[0].content == 'bad' %}{{ raise_exception('no') }}{% endif %}x"
    tokenizer = bundled_chat("bpe-chatml", template=template)
    bad = {"messages": [{"role": "user", "content": "bad"}]}
    path = write(tmp_path / "data.jsonl", [chat(1), bad, {"messages": 3}, chat(4)])
    found = stream(path, tokenizer)
    assert next(found).conversation == "conversation-1"
    with pytest.raises(TurnError, match="conversation-2"):
        next(found)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        rows = list(stream(path, tokenizer, on_error="skip"))
    assert [(each.conversation, each.isl is None) for each in rows] == [
        ("conversation-1", False),
        ("conversation-2", True),
        ("conversation-4", False),
    ]
    assert ["1 record was not read" in str(each.message) for each in told].count(True) == 1


def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read is let go: no more than three parts are alive at once."""
    monkeypatch.setattr(records, "PART_BYTES", 2000)
    path = write(tmp_path / "data.jsonl", [chat(number) for number in range(2000)])
    alive: set[int] = set()
    most = 0

    class Watched(list[Any]):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            alive.add(id(self))

        def __del__(self) -> None:
            alive.discard(id(self))

    def watched(self: LineParts, part: bytes) -> Any:
        nonlocal most
        result = Watched(read_part(self, part))
        most = max(most, len(alive))
        return result

    read_part = LineParts.__dict__["_read_part"]
    monkeypatch.setattr(LineParts, "_read_part", watched)
    rows = sum(1 for _ in stream(path, bundled_chat("bpe-chatml")))
    assert rows == 2000
    assert 2 <= most <= 3


def test_random_places_are_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(5)  # noqa: S311  # it hides nothing
    path = write(tmp_path / "data.jsonl", [chat(number) for number in range(300)])
    expected = list(whole(path))
    place = Place()
    found: list[Conversation] = []
    while len(found) < len(expected):
        monkeypatch.setattr(records, "PART_BYTES", dice.randint(1, 3000))
        directly = dice.random() < 0.5
        with DatasetStream(path, ReadOptions(), directly=directly, start=place) as dataset:
            for batch, _ in zip(dataset, range(dice.randint(1, 3)), strict=False):
                found += batch.conversations
                assert batch.place is not None
                place = batch.place
    assert found == expected


def test_a_file_may_have_grown_by_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(f"{json.dumps(chat(1))}\n{json.dumps(chat(2))}", encoding="utf-8")
    place = read(path, ReadOptions(), directly=True)[3][-1].place
    content = path.read_bytes()
    path.write_bytes(content + b"\n" + json.dumps(chat(3)).encode() + b"\n{bad")
    with pytest.raises(InputError, match=":4: not JSON"):
        read(path, ReadOptions(), directly=True, start=place)
    rest, _, _, _ = read(path, SKIP, directly=False, start=place)
    assert [(each.id, each.line) for each in rest] == [("conversation-3", 3)]
    path.write_bytes(content + json.dumps(chat(3)).encode())
    with pytest.raises(InputError, match=":2: its last line goes on now"):
        read(path, ReadOptions(), directly=True, start=place)
