"""A JSON array that is read part by part holds what it holds as a whole, and as JSON Lines."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strategies import InputError, _native
from strategies.conversations import records
from strategies.conversations.dataset_stream import DatasetStream
from strategies.conversations.datasets import parse_dataset
from strategies.conversations.direct import DirectConversations
from strategies.conversations.options import ReadOptions
from strategies.conversations.parts import Batch, Place
from tests.datasets import zstd

SKIP = ReadOptions(on_error="skip", unknown_fields="ignore")
OPTIONS = [ReadOptions(), SKIP]

both_readers = pytest.mark.parametrize("directly", [False, True], ids=["python", "core"])
in_any_folder = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)


def chat(number: int, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"question {number} {'é, ]}' * (number % 7)}"}]
    return {"messages": messages, **more}


def row(name: str, role: str = "user") -> dict[str, Any]:
    return {"conversation_id": name, "turn": 1, "role": role, "content": "x"}


def parts_of(path: Path, options: ReadOptions, **how: Any) -> list[Batch]:
    with DatasetStream(path, options, **how) as dataset:
        return list(dataset)


def outcome(path: Path, options: ReadOptions, **how: Any) -> Any:
    """Return what a file holds if it is read part by part, or what it says is wrong."""
    with DatasetStream(path, options, **how) as dataset:
        try:
            batches = list(dataset)
        except InputError as error:
            return str(error)
        assert dataset.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
        found = [each for batch in batches for each in batch.conversations]
        rejects = [each for batch in batches for each in batch.rejects]
        return found, rejects, dataset.warnings


def whole_outcome(path: Path, options: ReadOptions) -> Any:
    """Return the same if all of it is read at once."""
    try:
        found = parse_dataset(path.read_bytes(), str(path), options)
    except InputError as error:
        return str(error)
    return list(found), list(found.rejects), found.warnings


RECORDS = st.one_of(
    st.integers(0, 99).map(chat),
    st.integers(0, 99).map(lambda number: chat(number, id=f"chat {number}", seed=[{}, [number]])),
    st.sampled_from(
        [
            chat(1, unknown=2),
            {"messages": 1},
            {"messages": [{"role": "nobody", "content": 1}]},
            {},
            3,
            None,
            'a, \\ "text]',
            [],
            chat(3)["messages"],
        ]
    ),
)
OTHERS = RECORDS | st.sampled_from([chat(4)["messages"][0], row("a")])
ROWS = st.builds(row, st.sampled_from("abc"), st.sampled_from(["user", "assistant"]))
MESSAGES = st.sampled_from([{"role": "user", "content": "a"}, {"role": "assistant"}])
DATASETS = st.one_of(
    st.lists(RECORDS, max_size=12),
    st.lists(OTHERS, max_size=12),
    st.lists(ROWS, max_size=6),
    st.lists(MESSAGES, max_size=3),
)
SPACE = st.sampled_from(["", " ", "\n", "\r\n", "\t \n\n"])


@st.composite
def arrays(draw: Any) -> tuple[str, list[Any]]:
    """Draw an array with white space anywhere between its elements, and its elements."""
    found = draw(DATASETS)
    indent = draw(st.sampled_from([None, 1]))
    spaces = iter(draw(st.lists(SPACE, min_size=2 * len(found) + 3, max_size=2 * len(found) + 3)))
    ascii_only = draw(st.booleans())
    elements = [json.dumps(each, indent=indent, ensure_ascii=ascii_only) for each in found]
    inner = ",".join(f"{next(spaces)}{each}{next(spaces)}" for each in elements)
    mark = draw(st.sampled_from(["", "", "\ufeff"]))
    return f"{mark}{next(spaces)}[{inner}{next(spaces)}]{next(spaces)}", found


@both_readers
@in_any_folder
@given(
    array=arrays(),
    size=st.integers(1, 400),
    options=st.sampled_from(OPTIONS),
    pack=st.sampled_from([bytes, gzip.compress, zstd]),
)
def test_an_array_in_parts_is_the_array_as_a_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    directly: bool,
    array: Any,
    size: int,
    options: ReadOptions,
    pack: Any,
) -> None:
    text, _ = array
    path = tmp_path / "data.json"
    path.write_bytes(pack(text.encode()))
    with monkeypatch.context() as patch:
        patch.setattr(records, "PART_BYTES", size)
        assert outcome(path, options, directly=directly) == whole_outcome(path, options)


@both_readers
@in_any_folder
@given(array=arrays(), size=st.integers(1, 400))
def test_an_array_has_the_conversations_of_the_same_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directly: bool, array: Any, size: int
) -> None:
    text, found = array
    if found and isinstance(found[0], dict) and "role" in found[0]:
        # The messages of an array are one conversation.
        found = [found] if "conversation_id" not in found[0] else found
    path = tmp_path / "data.json"
    path.write_text(text, encoding="utf-8", newline="")
    lines = tmp_path / "data.jsonl"
    lines.write_text("".join(f"{json.dumps(each)}\n" for each in found), encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(records, "PART_BYTES", size)
        read = [outcome(each, SKIP, directly=directly) for each in (path, lines)]
    if isinstance(read[0], str) or isinstance(read[1], str):
        assert isinstance(read[0], str)
        assert isinstance(read[1], str)
        return
    plain = [
        [(each.id, each.messages, each.turns) for each in conversations]
        for conversations, _, _ in read
    ]
    assert plain[0] == plain[1]
    assert [(each.conversation, each.reason) for each in read[0][1]] == [
        (each.conversation, each.reason) for each in read[1][1]
    ]


DAMAGES = (
    *(b",", b"]", b"[", b"{", b"}", b'"', b"\\", b":", b" ", b"\n", b"x", b"1", b"-", b"nul"),
    *(b"\xff", b"\xe2\x82", b"\xef\xbb\xbf", b"\x00", b"NaN", b'"a": 1, "a": 2,', b"9" * 5000),
)


@both_readers
@in_any_folder
@given(
    array=arrays(),
    size=st.integers(1, 400),
    options=st.sampled_from(OPTIONS),
    damages=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(DAMAGES)),
        min_size=1,
        max_size=2,
    ),
    end=st.floats(0, 2),
)
def test_a_broken_array_is_refused_in_the_words_of_the_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    directly: bool,
    array: Any,
    size: int,
    options: ReadOptions,
    damages: Any,
    end: float,
) -> None:
    data = array[0].encode()
    data = data[: int(end * len(data))]
    for place, length, damage in damages:
        start = int(place * len(data))
        data = data[:start] + damage + data[start + length :]
    path = tmp_path / "data.json"
    path.write_bytes(data)
    with monkeypatch.context() as patch:
        patch.setattr(records, "PART_BYTES", size)
        assert outcome(path, options, directly=directly) == whole_outcome(path, options)


CHATS = [chat(number) for number in range(300)]
ACCENTS = "\xc3\xa9" * 99
LONE = '{"messages": [{"role": "user", "content": "a"}]}'


@both_readers
@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(f"[{LONE},\n {LONE},\n]", ":3: not JSON: Expecting value at column 1", id="a"),
        pytest.param(f"[{LONE}, {LONE},", ":1: not JSON: Expecting value at column 101", id="b"),
        pytest.param(f"[{LONE}\n{LONE}]", ":2: not JSON: expected ',' or ']' here", id="c"),
        pytest.param(f"[{LONE},\n{LONE}] x", ":2: not JSON: text after the closing ']'", id="d"),
        pytest.param(f'[{LONE},\n{{"a": 1, "b" 2}}]', ":2: not JSON: Expecting ':'", id="e"),
        pytest.param(f'[{LONE},\n{{"é": "', ":2: not JSON: Unterminated string", id="f"),
    ],
)
def test_what_is_no_json_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directly: bool, text: str, message: str
) -> None:
    path = tmp_path / "data.json"
    path.write_text(text, encoding="utf-8")
    assert whole_outcome(path, ReadOptions()).startswith(f"{path}{message}")
    for size in range(1, len(text) + 2):
        monkeypatch.setattr(records, "PART_BYTES", size)
        found = outcome(path, ReadOptions(), directly=directly)
        assert found == whole_outcome(path, ReadOptions())


@both_readers
@pytest.mark.parametrize("options", OPTIONS, ids=["raise", "skip"])
@pytest.mark.parametrize(
    ("elements", "line"),
    [
        pytest.param(['{"messages": 1}', LONE, f"{LONE[:-5]}\xff{LONE[-5:]}"], 3, id="a record"),
        pytest.param(["x", LONE, "\xff"], 3, id="no json"),
        pytest.param(['{"messages": 1}', LONE, '"\xe2\x82'], 3, id="half a character"),
        pytest.param([LONE, f'"{ACCENTS}', LONE, '"\xe2\x82'], 4, id="an open string"),
    ],
)
def test_bytes_that_are_no_text_are_told_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    directly: bool,
    options: ReadOptions,
    elements: list[str],
    line: int,
) -> None:
    path = tmp_path / "data.json"
    inner = ",\n".join(elements).encode("latin-1")
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + b"[" + inner)
        for size in range(1, len(inner) + 6, 2):
            monkeypatch.setattr(records, "PART_BYTES", size)
            found = outcome(path, options, directly=directly)
            assert found == f"{path}:{line}: not UTF-8 text"
            assert found == whole_outcome(path, options)


@pytest.mark.parametrize("indent", [None, 2])
@both_readers
def test_an_array_is_read_in_parts_and_gone_on_with_at_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directly: bool, indent: int | None
) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 1000)
    chats = [*CHATS, {"messages": 3}, chat(7)]
    path = tmp_path / "data.json"
    path.write_text(json.dumps(chats, indent=indent, ensure_ascii=False), encoding="utf-8")
    expected, rejects, told = whole_outcome(path, SKIP)
    batches = parts_of(path, SKIP, directly=directly)
    assert len(batches) > 10
    assert max(len(batch.conversations) for batch in batches) < 30
    # The core reads all but the part with the mistake.
    by_core = [isinstance(batch.conversations, DirectConversations) for batch in batches]
    assert by_core.count(False) == (1 if directly else len(batches))
    assert [each for batch in batches for each in batch.conversations] == expected
    assert batches[-1].place is None
    done = refused = 0
    for batch in batches[:-1]:
        done += len(batch.conversations)
        refused += len(batch.rejects)
        assert batch.place is not None
        start = Place(**json.loads(json.dumps(batch.place.as_json())))
        rest = outcome(path, SKIP, directly=directly, start=start)
        assert rest == (expected[done:], rejects[refused:], told)
    # The words of a mistake do not depend on where the reading began.
    path.write_text(path.read_text(encoding="utf-8")[:-1] + ",]", encoding="utf-8")
    said = outcome(path, SKIP, directly=directly, start=batches[3].place)
    assert said == whole_outcome(path, SKIP)


@both_readers
def test_records_that_show_no_format_are_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directly: bool
) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 100)
    path = tmp_path / "data.json"
    path.write_text(json.dumps([*[{"a": 1}] * 300, *CHATS]), encoding="utf-8")
    assert outcome(path, SKIP, directly=directly) == whole_outcome(path, SKIP)
    assert len(parts_of(path, SKIP, directly=directly)) > 100


def test_another_array_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 1000)
    path = tmp_path / "data.json"
    path.write_text(json.dumps(CHATS), encoding="utf-8")
    place = parts_of(path, ReadOptions())[1].place
    path.write_text(json.dumps(CHATS[1:]), encoding="utf-8")
    with pytest.raises(InputError, match="is not the file that was read before"):
        parts_of(path, ReadOptions(), start=place)


@pytest.mark.parametrize("column", [None, 0])
def test_a_place_in_an_array_is_none_in_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: int | None
) -> None:
    """A file that has grown may be taken for lines, and was an array."""
    monkeypatch.setattr(records, "PART_BYTES", 1000)
    path = tmp_path / "data.json"
    lines = "".join(f"{json.dumps(each)}\n" for each in CHATS)
    path.write_text(lines if column == 0 else json.dumps(CHATS), encoding="utf-8")
    place = parts_of(path, ReadOptions())[1].place
    assert place is not None
    with pytest.raises(InputError, match="is not the file that was read before"):
        parts_of(path, ReadOptions(), start=replace(place, column=column))


@both_readers
def test_elements_that_belong_together_are_read_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directly: bool
) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 10)
    rows = [row("a"), row("b"), row("a", "assistant")]
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}] * 9
    for elements in (rows[:2], messages):
        path = tmp_path / "data.json"
        path.write_text(json.dumps(elements), encoding="utf-8")
        batches = parts_of(path, ReadOptions(), directly=directly)
        assert [batch.place for batch in batches] == [None]
        monkeypatch.setattr(records, "MAX_DOCUMENT_BYTES", 20)
        with pytest.raises(InputError, match=r"json: larger than 0 GiB, and has to be in memory"):
            parts_of(path, ReadOptions(), directly=directly)
        monkeypatch.undo()
        monkeypatch.setattr(records, "PART_BYTES", 10)


def test_an_array_may_be_larger_than_what_is_in_memory_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 1000)
    monkeypatch.setattr(records, "MAX_DOCUMENT_BYTES", 5000)
    path = tmp_path / "data.json"
    for directly in (False, True):
        path.write_text(json.dumps(CHATS), encoding="utf-8")
        assert len(outcome(path, ReadOptions(), directly=directly)[0]) == 300
        long = chat(2, metadata="x" * 6000)
        path.write_text(json.dumps([chat(1), long, *CHATS]), encoding="utf-8")
        message = "larger than 0 GiB, and has to be in memory as a whole; split it"
        assert outcome(path, ReadOptions(), directly=directly) == f"{path}: {message}"
        path.write_bytes(gzip.compress(json.dumps(CHATS[:9]).encode() + b" " * 10**6))
        found = outcome(path, ReadOptions(), directly=directly)
        assert found == f"{path}: {message}"
        path.write_bytes(gzip.compress(json.dumps([*CHATS[:9], *CHATS[:1] * 10**4]).encode()))
        found = outcome(path, ReadOptions(), directly=directly)
        assert "unpacks to more than 250 times its size; unpack it first" in found


@given(found=st.lists(RECORDS, max_size=9), seed=st.integers(), space=SPACE)
def test_the_core_finds_the_last_element_that_is_complete(
    found: list[Any], seed: int, space: str
) -> None:
    elements = [f"{space}{json.dumps(each, ensure_ascii=False)}{space}," for each in found]
    text = "".join(elements)
    cut = random.Random(seed).randint(0, len(text))  # noqa: S311  # it hides nothing
    complete = ""
    for element in elements:
        if len(complete) + len(element) > cut:
            break
        complete += element
    expected = (
        len(complete.encode()),
        False,
        complete.count("\n"),
        len(complete) - complete.rfind("\n") - 1,
    )
    assert _native.elements(text[:cut].encode()) == expected
    ended = f"{text}{{}} ] , {{}},".encode()
    assert _native.elements(ended)[:2] == (len(text.encode()), True)
