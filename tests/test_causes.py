"""Where a strategy counts wrong, the cause is found in the shortest text that shows it."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measuring.causes import causes_of
from bench.measuring.shrinking import narrowed, shortest
from strategies import (
    ChatTokenizer,
    Conversation,
    Counter,
    WorkerError,
    get,
    reference_counts,
)
from tests.conftest import Bench, bundled_chat
from tests.test_strategies import conversation


@given(
    st.text("abc", max_size=40), st.text("abc", min_size=1, max_size=3), st.text("abc", max_size=40)
)
def test_the_shortest_text_is_what_is_looked_for(before: str, core: str, after: str) -> None:
    assert shortest(before + core + after, lambda text: core in text) == core


def test_the_cause_of_a_wrong_count_is_named(sample: list[Conversation]) -> None:
    chat, data = bundled_chat("sp-bpe"), sample
    counts = reference_counts(data, chat)
    # The control counts spans without their neighbours.
    causes = causes_of(get("spliced-alone"), chat, data, counts, 2)
    assert causes.turns == sum(len(each.turns) for each in data)
    assert causes.wrong > causes.looked_at == 2
    assert sum(number for _, number in causes.differences) == 2
    for each, _ in causes.differences:
        assert each.expected == chat.lengths([each.text])[0] != each.got
        assert len(each.text) < 40


def test_a_strategy_that_is_right_has_no_causes() -> None:
    chat, data = bundled_chat("bpe-chatml"), [conversation("a", "b", "c")]
    causes = causes_of(get("batched"), chat, data, reference_counts(data, chat), 5)
    assert (causes.turns, causes.wrong, causes.differences) == (2, 0, ())
    unavailable = causes_of(get("batched"), bundled_chat("sentencepiece"), data, [[0, 0]], 5)
    assert unavailable.unavailable == "it has no tokenizers backend, and so no batch encoding"


@dataclass(frozen=True)
class Dies:
    """A peer whose process ends while it loads the tokenizer."""

    name: str = "dies"
    summary: str = ""
    peer: bool = True

    def availability(self, chat: ChatTokenizer) -> str | None:  # noqa: ARG002
        return None

    def open(self, chat: ChatTokenizer, *, workers: int) -> AbstractContextManager[Counter]:  # noqa: ARG002
        raise WorkerError("the worker of dies ended before it answered; nothing was counted")


def test_a_peer_that_crashes_has_a_reason_and_fails_nothing() -> None:
    data = [conversation("a", "b", "c")]
    causes = causes_of(Dies(), bundled_chat("bpe-chatml"), data, [[0, 0]], 5)
    assert causes.unavailable == "the worker of dies ended before it answered; nothing was counted"
    assert (causes.turns, causes.wrong) == (0, 0)


@given(st.text("abc", max_size=2_000), st.integers(0, 2_000))
def test_a_long_text_becomes_a_stretch_that_still_shows_it(text: str, place: int) -> None:
    text = text[:place] + "xy" + text[place:]
    short = narrowed(text, lambda texts: ["xy" in each for each in texts])
    assert "xy" in short
    assert short in text
    assert len(short) <= 12
    assert narrowed(text, lambda texts: [False for _ in texts]) == text


def test_the_command_lists_every_peer_and_dataset(
    bench: Bench, sample: list[Conversation], tmp_path: Path
) -> None:
    data = tmp_path / "short.jsonl"
    data.write_text(json.dumps({"messages": sample[0].messages}))
    options = ("--tokenizer", "sp-bpe", "--strategies", "spliced-alone,batched,rust")
    result = bench("peers", data, *options, "--json")
    rows = {row["strategy"]: row for row in json.loads(result.out)}
    assert result.code == 0
    assert rows["spliced-alone"]["wrong"] > 0
    assert [rows[name]["wrong"] for name in ("batched", "rust")] == [0, 0]
    (difference, _), *_ = rows["spliced-alone"]["differences"]
    assert difference["expected"] != difference["got"]
    table = bench("peers", data, *options)
    assert difference["cause"] in " ".join(table.out.split())


def test_the_cases_of_the_corpus_are_counted(bench: Bench) -> None:
    result = bench("peers", "--corpus", "--strategies", "batched,spliced-alone", "--json")
    wrong = {"batched": [], "spliced-alone": []}  # type: dict[str, list[str]]
    for row in json.loads(result.out):
        wrong[row["strategy"]] += [each["cause"] for each, _ in row["differences"]]
    assert not wrong["batched"]
    assert "added tokens that are rstrip" in wrong["spliced-alone"]


@pytest.mark.parametrize("arguments", [(), ("--tokenizer", "sp-bpe")])
def test_what_the_command_needs_is_said(bench: Bench, arguments: tuple[str, ...]) -> None:
    assert bench("peers", *arguments).code == 3
