"""`bench growth`: the same amount of new text at every length, and a number for every part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.bundled import tokenizer_path
from bench.measuring.growth import LENGTHS, Curve, conversations_of, measure_growth
from bench.reporting.plots import GROWTH_PLOTS
from strategies import UnavailableError, count_turns, load_chat
from tests.conftest import Bench


def test_every_length_has_as_many_turns_and_as_much_new_text() -> None:
    sizes = []
    for turns in LENGTHS:
        made = conversations_of(turns, 400)
        assert count_turns(made) == 400
        assert {len(conversation.turns) for conversation in made} == {turns}
        sizes.append(sum(len(m["content"]) for c in made for m in c.messages))
    assert max(sizes) < 1.1 * min(sizes)


def test_the_command_reports_each_length_and_part(bench: Bench, tmp_path: Path) -> None:
    result = bench("growth", "--rounds", "1", "--out", tmp_path, "--json")
    assert result.code == 0, result.error
    report = json.loads((tmp_path / "growth.json").read_text(encoding="utf-8"))
    assert json.loads(result.out) == report
    assert [point["turns"] for point in report["points"]] == list(LENGTHS)
    for point in report["points"]:
        assert set(point["parts"]) == {"convert", "render", "cut", "encode"}
        assert point["seconds_per_turn"] > 0
    for name in GROWTH_PLOTS:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    shown = bench("show", tmp_path / "growth.json")
    assert [line.split()[0] for line in shown.out.splitlines()[4:-1]] == list(map(str, LENGTHS))


def test_several_strategies_are_timed_in_the_same_rounds_at_lengths_of_ones_own(
    bench: Bench, tmp_path: Path
) -> None:
    result = bench(
        *("growth", "--strategies", "sequential,rust,rust", "--lengths", "4,2"),
        *("--rounds", "3", "--out", tmp_path),
    )
    assert result.code == 0, result.error
    report = json.loads((tmp_path / "growth.json").read_text(encoding="utf-8"))
    (other,) = report["others"]
    assert (report["strategy"], other["strategy"]) == ("sequential", "rust")
    for points in (report["points"], other["points"]):
        assert [point["turns"] for point in points] == [2, 4]
        for point in points:
            assert len(point["round_seconds"]) == 3
            assert point["seconds_per_turn"] == sorted(point["round_seconds"])[1]
    assert report["machine"]["cores"] > 0
    assert report["started"][4] == "-"
    assert report["load"]["left_free"] >= 0
    assert "milliseconds for a conversation of T turns" in result.out
    assert "sequential, bpe-chatml: microseconds per turn" in result.out
    assert "rust, bpe-chatml: microseconds per turn" in result.out


def test_a_strategy_that_would_take_too_long_is_left_out_aloud(
    bench: Bench, tmp_path: Path
) -> None:
    result = bench(
        *("growth", "--strategies", "sequential,rust", "--lengths", "2,4,8", "--rounds", "1"),
        *("--longest-run", "1e-9", "--out", tmp_path),
    )
    assert result.code == 0
    report = json.loads((tmp_path / "growth.json").read_text(encoding="utf-8"))
    for curve in (report, *report["others"]):
        # The first length is run in any case: nothing is known about it before.
        assert [point["turns"] for point in curve["points"]] == [2]
        assert curve["left_out"]["turns"] == 4
        assert curve["left_out"]["reason"].startswith("left out from 4 turns on: a run would take")
        said = f"{curve['strategy']}: {curve['left_out']['reason']}"
        assert f"warning: {said}" in result.error
        assert said in " ".join(result.out.split())


def test_a_strategy_that_cannot_run_is_left_out_of_several_and_refused_alone() -> None:
    chat = load_chat(str(tokenizer_path("sentencepiece")))
    said: list[tuple[str, str]] = []
    done: list[int] = []
    sequential, batched = measure_growth(
        ["sequential", "batched"],
        chat,
        rounds=2,
        lengths=(2, 3),
        announce=lambda name, reason: said.append((name, reason)),
        progress=done.append,
    )
    assert [point.turns for point in sequential.points] == [2, 3]
    assert batched.points == ()
    assert batched.left_out
    assert batched.left_out.turns is None
    assert said == [("batched", batched.left_out.reason)]
    # Two strategies, two lengths, two rounds and a first run.
    assert sum(done) == 12
    assert isinstance(batched, Curve)
    with pytest.raises(UnavailableError, match="batched cannot run with"):
        measure_growth(["batched"], chat, rounds=1, lengths=(2,))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--strategy", "rust", "--strategies", "rust"), "--strategy or by --strategies"),
        (("--lengths", "2,20000"), "--lengths: at most 10,000 turns"),
        (("--lengths", "0"), "no list of positive whole numbers"),
        (("--strategies", "rust,spliced-alone"), "is wrong on purpose"),
        (("--longest-run", "0"), "--longest-run"),
        (("--longest-run", "nan"), "'nan' is no finite number"),
        (("--longest-run", "inf"), "'inf' is no finite number"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    bench: Bench, options: tuple[str, ...], said: str
) -> None:
    result = bench("growth", *options)
    assert result.code == 3
    assert said in result.error
