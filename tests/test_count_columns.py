"""`bench count --columns`: the table and the summary have the figures of `strategies.columns`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bench.bundled import tokenizer_path
from bench.samples import sample_bytes
from strategies import load_chat, read_conversations, stream
from strategies.columns import reference_figures
from strategies.conversations import records
from tests.conftest import Bench

TOKENIZER = tokenizer_path("bpe-chatml")
NAMES = ("conversation", "turn", "messages", "isl", "shared", "shared_blocks", "new", "osl")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_bytes(sample_bytes("small"))
    return path


def expected_rows(dataset: Path, block: int) -> list[tuple[Any, ...]]:
    chat = load_chat(TOKENIZER)
    rows: list[tuple[Any, ...]] = []
    for each in read_conversations(dataset):
        figures = reference_figures(chat, each, {"shared", "osl"})
        for number, (messages, (isl, shared, osl)) in enumerate(
            zip(each.turns, figures, strict=True), 1
        ):
            assert isl is not None
            assert shared is not None
            new = isl - shared
            rows.append((each.id, number, messages, isl, shared, shared // block, new, osl))
    return rows


@pytest.mark.parametrize("strategy", ["auto", "spliced"])
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_table_has_the_columns_that_are_asked_for(
    bench: Bench,
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    strategy: str,
    ending: str,
) -> None:
    monkeypatch.setattr(records, "PART_BYTES", 10_000)
    out = tmp_path / f"isl.{ending}"
    options = ("--columns", "osl, new,shared", "--block-size", 16, "--strategy", strategy)
    result = bench("count", dataset, "--tokenizer", TOKENIZER, "--out", out, "--json", *options)
    assert result.code == 0, result.error
    if ending == "parquet":
        found = pq.read_table(out).to_pylist()
    else:
        found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert {tuple(row) for row in found} == {NAMES}
    rows = expected_rows(dataset, 16)
    assert [tuple(row.values()) for row in found] == rows
    total, shared = sum(row[3] for row in rows), sum(row[4] for row in rows)
    assert 0 < shared < total
    said = json.loads(result.out)
    assert (said["tokens"], said["shared"], said["new"]) == (total, shared, total - shared)
    assert said["shared_ratio"] == shared / total
    answers = [row[7] for row in rows if row[7] is not None]
    assert 0 < len(answers) < len(rows)
    assert (said["osl"], said["osl_turns"]) == (sum(answers), len(answers))


def test_a_sum_of_no_answers_is_unknown_and_not_0(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "hi"}]}\n', encoding="utf-8")
    options = (path, "--tokenizer", TOKENIZER, "--columns", "osl,shared")
    said = json.loads(bench("count", *options, "--json").out)
    assert (said["osl"], said["osl_turns"], said["shared"]) == (None, 0, 0)
    shown = bench("count", *options).out
    assert "osl  osl_turns" in shown


def test_a_stream_yields_the_columns(dataset: Path) -> None:
    rows = stream(dataset, load_chat(TOKENIZER), columns={"shared", "osl"})
    expected = [(*row[:5], row[7]) for row in expected_rows(dataset, 1)]
    assert [(*row[:4], row.shared, row.osl) for row in rows] == expected
    assert {row.shared for row in stream(dataset, load_chat(TOKENIZER))} == {None}


def test_blocks_need_no_other_column_and_an_unknown_one_is_refused(
    bench: Bench, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "isl.csv"
    options = (dataset, "--tokenizer", TOKENIZER, "--out", out)
    assert bench("count", *options, "--block-size", 7).code == 0
    assert out.read_text(encoding="utf-8").splitlines()[0] == ",".join(NAMES[:6])
    result = bench("count", *options, "--columns", "shared,isl")
    assert (result.code, result.error) == (
        3,
        "bench: isl: unknown column; there are shared, new, osl\n",
    )
