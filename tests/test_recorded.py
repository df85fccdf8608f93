from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.benchmarks import workloads
from bench.benchmarks.correctness import Control, Exact
from bench.benchmarks.warm import Warm
from bench.recorded.judge import CONTROL, EXACT, WARM
from tests.conftest import Bench
from tests.test_history import FIRST, RECORDED, SECOND

Edit = Callable[[Any], object]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that copies the recorded results and changes those of the last commit."""

    def change(edit: Edit) -> Path:
        folder = Path(shutil.copytree(RECORDED, tmp_path / "history"))
        data = json.loads((folder / SECOND).read_text())
        edit(data["results"])
        (folder / SECOND).write_text(json.dumps(data))
        return folder

    return change


def value(name: str, index: int, to: object) -> Edit:
    def edit(results: Any) -> None:
        results[name][0][index] = to

    return edit


def test_the_names_are_those_of_the_suite() -> None:
    suite = {WARM: Warm, EXACT: Exact, CONTROL: Control}
    for name, benchmark in suite.items():
        module, of_class, method = name.split(".")
        assert benchmark.__module__ == f"bench.benchmarks.{module}"
        assert benchmark.__name__ == of_class
        assert hasattr(benchmark, method)
    assert Warm.param_names == ("strategy", "family", "cores", "shape")
    assert Exact.param_names == Control.param_names == ("strategy", "family")


def test_the_last_commit_is_shown_and_all_is_well(bench: Bench) -> None:
    result = bench("history", RECORDED)
    assert (result.code, result.error) == (0, "")
    lines = [line.rstrip() for line in result.out.splitlines()]
    assert lines[:4] == [
        "virtual-machine: python 3.11, asv_runner 0.3.2, jinja2 3.1.6",
        "commit 4aba69f6 of 2026-01-02",
        "",
        "short-chat, 1 core: milliseconds of a warm count",
    ]
    assert " strategy    byte-level BPE  Unigram" in lines
    assert " rust                  2.48     1.10" in lines
    assert "long, 1 core: milliseconds of a warm count" in lines
    assert "  mismatches: 0 turns in 6 combinations of strategy and family" in lines
    assert "  31 results: 12 n/a, 0 failed" in lines
    assert max(map(len, lines)) <= 80


def test_the_whole_suite_fits_in_eighty_columns(bench: Bench, changed: Callable[..., Path]) -> None:
    both = [list(map(repr, names)) for names in (workloads.STRATEGIES, workloads.FAMILIES)]
    size = len(both[0]) * len(both[1])

    def edit(results: Any) -> None:
        results[WARM] = [[1.23456] * size, [*both, ["2"], ["'long'"]], "1"]
        results[EXACT] = [[0] * size, both, "1"]

    result = bench("history", changed(edit))
    assert result.code == 0
    assert result.out.count("1,234.56") == size
    assert all(name in result.out for name in workloads.STRATEGIES)
    assert "…" not in result.out
    assert max(len(line.rstrip()) for line in result.out.splitlines()) <= 80


def test_as_json(bench: Bench) -> None:
    result = bench("history", RECORDED, "--json")
    (last,) = json.loads(result.out)
    assert result.code == 0
    assert last["ok"]
    assert last["commit"].startswith("4aba69f6")
    assert len(last["warm"]) == 24
    assert last["warm"][0] == {
        "strategy": "sequential",
        "family": "byte-level BPE",
        "cores": 1,
        "shape": "short-chat",
        "status": "ok",
        "seconds": 0.020105006499761657,
    }
    assert last["mismatches"] == {
        "turns": 0,
        "checked": 6,
        "wrong": [],
        "unchecked": [],
        "blind": False,
    }
    assert (last["not_available"], last["failed"], last["outdated"]) == (12, [], 0)


def test_cores_and_shape_choose_tables(bench: Bench) -> None:
    result = bench("history", RECORDED, "--cores", "1", "--shape", "long")
    assert result.code == 0
    assert "long, 1 core" in result.out
    assert "short-chat" not in result.out


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--cores", "16"), "--cores: 16 was not measured; there is 1"),
        (("--shape", "round"), "--shape: round was not measured; there is short-chat, long"),
        (("--machine", "x"), "--machine: 'x' recorded nothing; there is virtual-machine"),
    ],
)
def test_what_was_not_recorded_cannot_be_chosen(
    bench: Bench, option: tuple[str, str], said: str
) -> None:
    result = bench("history", RECORDED, *option)
    assert (result.code, result.out, result.error) == (3, "", f"bench: {said}\n")


@pytest.mark.parametrize("turns", [3, -1, float("inf")])
def test_one_mismatch_fails_and_marks_the_time(
    bench: Bench, changed: Callable[..., Path], turns: float
) -> None:
    folder = changed(value(EXACT, 3, turns))
    result = bench("history", folder)
    assert result.code == 1
    assert f"mismatches: {turns:g} turns in 6" in result.out
    assert f"rust, Unigram: {turns:g} wrong" in result.out
    assert " rust                  2.48  1.10 wrong" in result.out
    (last,) = json.loads(bench("history", folder, "--json").out)
    assert not last["ok"]
    wrong = last["mismatches"]["wrong"]
    assert [(each["strategy"], each["family"]) for each in wrong] == [("rust", "Unigram")]


def test_mismatches_do_not_cancel_out(bench: Bench, changed: Callable[..., Path]) -> None:
    def edit(results: Any) -> None:
        results[EXACT][0][:2] = [1, -1]

    assert bench("history", changed(edit)).code == 1


def test_mismatches_that_were_never_recorded_fail(
    bench: Bench, changed: Callable[..., Path]
) -> None:
    result = bench("history", changed(lambda results: results.pop(EXACT)))
    assert result.code == 1
    assert f"{EXACT} was never recorded" in result.out
    assert "sequential, Unigram: timed, but never checked" in result.out


def test_mismatches_of_an_older_check_do_not_count(
    bench: Bench, changed: Callable[..., Path]
) -> None:
    """Mismatches that were found with other data say nothing about the present data."""

    def edit(results: Any) -> None:
        results[EXACT][2] = "0"

    result = bench("history", changed(edit))
    assert result.code == 1
    assert "was never recorded" in result.out
    assert "25 results:" in result.out
    assert "6 more are of benchmarks that have changed since" in result.out


def test_what_was_timed_and_not_checked_fails(bench: Bench, changed: Callable[..., Path]) -> None:
    result = bench("history", changed(value(EXACT, 3, float("nan"))))
    assert result.code == 1
    assert "mismatches: 0 turns in 5 combinations" in result.out
    assert "rust, Unigram: timed, but never checked" in result.out


def test_what_cannot_run_need_not_be_checked(bench: Bench, changed: Callable[..., Path]) -> None:
    def edit(results: Any) -> None:
        results[EXACT][0][3] = float("nan")
        results[WARM][0][12:16] = [float("nan")] * 4

    result = bench("history", changed(edit))
    assert result.code == 0
    assert " rust                  2.48      n/a" in result.out


def test_failed_benchmarks_are_named_with_their_parameters(
    bench: Bench, changed: Callable[..., Path]
) -> None:
    def edit(results: Any) -> None:
        results[WARM][0][12] = None
        results["repetition.track_amplification"][0] = None

    folder = changed(edit)
    result = bench("history", folder)
    assert result.code == 1
    assert "31 results: 12 n/a, 2 failed" in result.out
    named = f"{WARM}: strategy rust, family Unigram, cores 1, shape short-chat"
    assert named in " ".join(result.out.split())
    assert "repetition.track_amplification\n" in result.out.replace(" \n", "\n").replace(" ", "")
    assert " rust                  2.48   failed" in result.out
    (last,) = json.loads(bench("history", folder, "--json").out)
    assert [each["benchmark"] for each in last["failed"]] == [
        "repetition.track_amplification",
        WARM,
    ]


def test_a_control_that_is_found_right_fails(bench: Bench, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(RECORDED, tmp_path / "history"))
    for name, key in (("benchmarks.json", None), (SECOND, "results")):
        data = json.loads((folder / name).read_text())
        inner = data if key is None else data[key]
        inner[CONTROL] = inner[EXACT]
        (folder / name).write_text(json.dumps(data))
    result = bench("history", folder)
    assert result.code == 1
    assert "the check is blind" in result.out


def test_each_machine_is_judged_and_one_can_be_chosen(bench: Bench, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(RECORDED, tmp_path / "history"))
    (folder / "other").mkdir()
    for name in (FIRST, "virtual-machine/machine.json"):
        text = (folder / name).read_text().replace("virtual-machine", "other")
        (folder / "other" / Path(name).name).write_text(
            text.replace("[0, 0, 0, 0]", "[0, 0, 0, 1]")
        )
    result = bench("history", folder)
    assert result.code == 1
    assert "other: python 3.11" in result.out
    assert "virtual-machine: python 3.11" in result.out
    assert bench("history", folder, "--machine", "virtual-machine").code == 0
    assert bench("history", folder, "--machine", "other").code == 1
    # The other machine's commit was measured earlier.
    assert bench("history", folder, "--newest").code == 0
    assert bench("history", folder, "--newest", "--machine", "other").code == 1


def test_escapes_of_a_terminal_are_shown_and_not_sent(
    bench: Bench, changed: Callable[..., Path]
) -> None:
    def edit(results: Any) -> None:
        results[WARM][1][0][1] = repr("\x1b[31mrust")

    out = bench("history", changed(edit)).out
    assert "\x1b" not in out
    assert "\\x1b[31mrust" in out


def test_bad_input_is_one_line(bench: Bench, tmp_path: Path) -> None:
    result = bench("history", tmp_path)
    assert result.code == 3
    assert result.out == ""
    said = f"bench: {tmp_path / 'benchmarks.json'}: cannot be read: No such file or directory\n"
    assert result.error == said
