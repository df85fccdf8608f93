"""A log of requests that is read as conversations is noticed: its turns would be counted again."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from bench.bundled import tokenizer_path
from strategies import IslWarning, read_conversations, stream
from strategies.conversations import parts, requests
from strategies.conversations import records as bounds
from strategies.conversations.dataset_stream import DatasetStream
from strategies.conversations.options import ReadOptions
from tests.conftest import Bench, bundled_chat
from tests.datasets import ANSWER, TOOL, USER, as_parquet

TALK = [USER, ANSWER] * 5


def log(requests: int, talk: int = 0) -> list[dict[str, Any]]:
    """Return the requests of a conversation, each with all messages before it."""
    first = [{"role": "user", "content": f"talk {talk}"}, ANSWER]
    return [{"messages": [*first, *TALK[: 2 * number + 1]]} for number in range(requests)]


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def told(path: Path | list[Path], **options: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_conversations(path, **options)
    return [str(each.message) for each in caught]


def test_a_log_is_told_by_all_readers(tmp_path: Path, bench: Bench) -> None:
    path = written(tmp_path / "log.jsonl", log(3))
    expected = (
        "2 of the first 3 records begin with all messages of another one, as requests of a log "
        "do; if each record is one request, count it with --records request"
    )
    assert told(path) == [expected]
    assert told(path, records="request") == []
    for directly in (True, False):
        with DatasetStream(path, ReadOptions(), directly=directly) as dataset:
            list(dataset)
            assert dataset.warnings == (expected,)
    with pytest.warns(IslWarning, match="2 of the first 3 records"):
        list(stream(path, bundled_chat("bpe-chatml")))
    given = [path, "--tokenizer", tokenizer_path("bpe-chatml")]
    assert f"warning: log.jsonl: {expected}\n" in bench("count", *given).error
    assert "records request" not in bench("count", *given, "--records", "request").error
    assert "records request" not in bench("count", *given, "--quiet").error


def test_the_file_is_named_if_there_are_several(tmp_path: Path) -> None:
    first = written(tmp_path / "1.jsonl", log(1))
    second, third = (written(tmp_path / f"{n}.jsonl", log(3, talk=n)) for n in (2, 3))
    (line,) = told([first, second, third])
    assert line.startswith(f"{second}: 2 of the first 3 records begin ")


@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet"])
@pytest.mark.parametrize(
    "records",
    [
        pytest.param(log(4)[::-1], id="newest first"),
        pytest.param(
            [
                request
                for turn in zip(*(log(4, talk=n) for n in range(40)), strict=True)
                for request in turn
            ],
            id="many at a time",
        ),
        pytest.param(
            [
                {
                    "messages": [
                        {**message, "content": message["content"] * 20_000}
                        for message in request["messages"]
                    ]
                }
                for request in log(4)
            ],
            id="long ones",
        ),
    ],
)
def test_a_log_of_any_order_and_size_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: list[dict[str, Any]], ending: str
) -> None:
    # There is one record in a part.
    for bound in ("PART_BYTES", "FIRST_PART_BYTES", "ARROW_PART_BYTES"):
        monkeypatch.setattr(bounds, bound, 100)
    records = [{"id": str(number), **record} for number, record in enumerate(records)]
    path = tmp_path / f"log.{ending}"
    if ending == "jsonl":
        written(path, records)
    else:
        path.write_bytes(json.dumps(records).encode() if ending == "json" else as_parquet(records))
    (line,) = told(path)
    assert "records begin with all messages of another one" in line
    with DatasetStream(path, ReadOptions(), directly=True) as dataset:
        assert len(list(dataset)) > 1
        assert dataset.warnings == (line,)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*log(1), *log(1)], id="the same twice"),
        pytest.param([{"messages": [USER]}, {"messages": [USER, USER]}], id="one turn each"),
        pytest.param([log(1)[0], {**log(2)[1], "tools": [TOOL]}], id="other tools"),
        pytest.param(log(2), id="one alone"),
        pytest.param([*log(3), *(log(1, talk=n)[0] for n in range(1, 8))], id="two of ten"),
        pytest.param(
            [
                {"messages": [USER, ANSWER]},
                *({"messages": [USER, ANSWER, {"role": "user", "content": f"{n}"}]} for n in "123"),
            ],
            id="many go on from one",
        ),
    ],
)
def test_conversations_are_no_log(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    assert told(written(tmp_path / "chats.jsonl", records)) == []


def test_only_the_first_conversations_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "log.jsonl", [*(log(1, talk=n)[0] for n in range(3)), *log(3, 9)])
    assert told(path)
    for bound in ("LOOKED_AT", "MAX_LOOKED_AT", "MAX_MESSAGES"):
        with monkeypatch.context() as patched:
            patched.setattr(requests, bound, 3)
            assert told(path) == [], bound


def test_a_reading_that_goes_on_still_tells_it(tmp_path: Path) -> None:
    path = written(tmp_path / "log.jsonl", log(3))
    with DatasetStream(path, ReadOptions()) as dataset:
        places = [batch.place for batch in dataset]
        told = dataset.warnings
    assert places[0] is not None
    again = parts.Place(**json.loads(json.dumps(places[0].as_json())))
    with path.open("a") as file:
        file.write("".join(f"{json.dumps(record)}\n" for record in log(1, talk=2)))
    with DatasetStream(path, ReadOptions(), start=again) as dataset:
        assert [len(batch.conversations) for batch in dataset] == [1]
        assert dataset.warnings == told
