"""A comparison that is interrupted keeps each setting that is measured, and goes on later."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import jsonschema
import pytest

from bench.bundled import tokenizer_path
from bench.measuring.budget import Budget, duration
from bench.measuring.compare import compare
from bench.measuring.machine import describe_machine
from bench.measuring.plan import Plan
from bench.reporting.dataset import dataset_of
from bench.reporting.recording import Recording, begin_recording
from bench.reporting.report import SCHEMA_PATH, Report, read_report
from bench.reporting.tables import markdown
from bench.samples import sample_bytes
from strategies import InputError, available_cores, chat_spec
from strategies.conversations.options import ReadOptions
from tests.conftest import BENCH, Bench, eventually

SAMPLE = sample_bytes("small", shapes=["short-chat"])


# --- on the command line ----------------------------------------------------------------


def arguments(folder: Path, *more: str) -> list[str]:
    data = folder / "data.jsonl"
    data.write_bytes(SAMPLE)
    return [
        *("compare", str(data), "--tokenizer", "bpe-chatml", "--tokenizer", "unigram"),
        *("--strategies", "spliced", "--cores", "1", "--rounds", "2"),
        *("--out", str(folder / "out"), *more),
    ]


def validated(path: Path) -> Report:
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    checker.validate(json.loads(path.read_bytes()))
    return read_report(path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_is_measured_survives_and_the_same_command_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "out" / "report.json"
    command = [*BENCH, *arguments(tmp_path)]
    # What is killed cannot remove its temporary folder.
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
    ) as process:
        assert eventually(path.exists, 60)
        os.killpg(process.pid, number)
        _, error = process.communicate(timeout=60)
    half = validated(path)
    assert [group.tokenizer for group in half.groups] == ["bpe-chatml"]
    assert half.unfinished == [("unigram", 1, 1)]
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert error == f"bench: interrupted; {path} has 1 of 2 settings; --resume goes on\n"
        assert list(path.parent.iterdir()) == [path]
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.startswith(f"{path}: 1 of 2 settings are measured\n")
    whole = validated(path)
    assert whole.unfinished == []
    assert whole.groups[0] == half.groups[0]
    assert (whole.provenance, whole.machine) == (half.provenance, half.machine)
    assert "not measured yet" not in done.stdout
    # With nothing left to do, it shows the same and writes the same.
    before = path.read_bytes()
    again = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert path.read_bytes() == before


def test_without_a_report_there_is_nothing_to_resume(tmp_path: Path, bench: Bench) -> None:
    assert "needs --out FOLDER" in bench("compare", "--resume").error
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.json").write_text("{}")
    result = bench(*arguments(tmp_path, "--resume"))
    assert (result.code, result.error.count("\n")) == (3, 1)
    assert result.error.startswith(f"bench: {tmp_path / 'out' / 'report.json'}: schema_version: ")


# --- in this process --------------------------------------------------------------------

DATASET = dataset_of(sample_bytes("small"), "data.jsonl", ReadOptions())
PLAN = Plan(
    chats=[chat_spec(tokenizer_path(name)) for name in ("bpe-chatml", "unigram")],
    strategies=["spliced"],
    cores=[1],
    workers=[1, 2],
    rounds=None,
    budget_seconds=0.01,
    seed=5,
    on_error="raise",
)


@dataclass
class Watched:
    """Keeps what a comparison tells and what it counts."""

    told: list[str] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)

    def tell(self, what: str) -> None:
        self.told.append(what)

    @contextmanager
    def working(self, _what: str) -> Iterator[None]:
        yield

    @contextmanager
    def counting(self, what: str, _total: int, _unit: str) -> Iterator[Callable[[float], None]]:
        self.counted.append(what)
        yield lambda _: None


@pytest.fixture(scope="module")
def half() -> tuple[Report, Watched]:
    """Two tokenizers in two settings each, of which those of the first are measured."""
    recording = begin_recording(PLAN, DATASET, ["bench", "compare"])
    watched = Watched()
    first = replace(PLAN, chats=PLAN.chats[:1])
    compare(first, DATASET.conversations, watched, finished=recording.add)
    return recording.report(), watched


def test_settings_share_the_reference_and_the_conversations_that_are_timed(
    half: tuple[Report, Watched],
) -> None:
    report, watched = half
    assert [(group.cores, group.workers) for group in report.groups] == [(1, 1), (1, 2)]
    # So little time is for a part of the conversations only, and for the same part.
    assert len({(g.share, g.timed_turns, g.timed_conversations) for g in report.groups}) == 1
    assert all(group.subset for group in report.groups)
    assert [each.partition(": ")[2] for each in watched.counted] == [
        *("reference", "description"),
        *("spliced", "side by side") * 2,
    ]


def test_a_budget_that_cannot_be_kept_is_announced_for_each_setting(
    half: tuple[Report, Watched],
) -> None:
    report, watched = half
    over = [each for each in watched.told if "more than the" in each]
    assert len(over) == 2
    assert over[0].startswith("bpe-chatml on 1 core: timing takes about ")
    assert {group.rounds for group in report.groups} == {6}


def test_every_round_is_kept_and_gives_the_estimates(half: tuple[Report, Watched]) -> None:
    for group in half[0].groups:
        assert len(group.again_seconds) == group.rounds
        for entry in group.entries:
            assert entry.round_seconds is not None
            assert entry.seconds is not None
            assert len(entry.round_seconds) == group.rounds
            assert entry.seconds.median == pytest.approx(median(entry.round_seconds))
        assert group.load is not None
        assert group.load.left_free == available_cores() - 1
        assert len(group.core_ids) == 1


def test_what_is_not_measured_yet_is_named_in_every_form(
    half: tuple[Report, Watched], tmp_path: Path, bench: Bench
) -> None:
    report, _ = half
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report.as_dict()))
    assert validated(path).unfinished == [("unigram", 1, 1), ("unigram", 1, 2)]
    shown = bench("show", path)
    assert shown.code == 0
    line = "ot measured yet: unigram on 1 core and unigram on 1 core, 2 workers;"
    assert f"n{line}" in " ".join(shown.out.split())
    assert f"N{line}" in markdown(report)


def again(**changes: Any) -> Recording:
    """Return a recording of the same comparison, with some of its facts changed."""
    recording = begin_recording(PLAN, DATASET, ["bench", "compare"])
    return replace(recording, **changes)


def test_a_recording_goes_on_where_a_report_ends(half: tuple[Report, Watched]) -> None:
    recording = again()
    recording.resume(half[0])
    assert recording.report() == half[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"command": ["bench", "x y"]}, "the command was bench compare and is bench 'x y' now"),
        ({"dataset": replace(DATASET, sha256="0" * 64)}, "the dataset's SHA-256 was "),
        ({"versions": {"tokenizers": "0.1"}}, "the versions was {"),
        ({"machine": replace(describe_machine(), processor="a new one")}, "the processor was "),
    ],
)
def test_another_comparison_is_not_resumed(
    half: tuple[Report, Watched], change: dict[str, Any], said: str
) -> None:
    recording = again(**change)
    with pytest.raises(InputError, match=f"^cannot be resumed: {re.escape(said)}"):
        recording.resume(half[0])
    assert recording.groups == {}


def test_a_report_of_before_and_one_with_other_counts_are_not_resumed(
    half: tuple[Report, Watched],
) -> None:
    report, _ = half
    with pytest.raises(InputError, match="of an older version"):
        again().resume(replace(report, provenance=None))
    changed = replace(report.tokenizers[0], tokens=report.tokenizers[0].tokens + 1)
    recording = again()
    recording.resume(replace(report, tokenizers=(changed,)))
    first = replace(PLAN, chats=PLAN.chats[:1], workers=[1])
    with pytest.raises(InputError, match="bpe-chatml counts differently from the report"):
        compare(first, DATASET.conversations, Watched(), finished=recording.add)


# --- budgets ----------------------------------------------------------------------------


def test_what_one_group_leaves_of_a_budget_the_others_have() -> None:
    budget = Budget(30.0, 3)
    assert budget.part == 10
    budget.spend(4)
    assert budget.part == 13
    budget.spend(25)
    assert budget.part == 1
    budget.spend(9)
    assert budget.part == 0


def test_a_share_fills_its_part_of_the_budget_but_is_never_too_short_to_time() -> None:
    assert Budget(30.0, 2).share(cost=4, baseline_seconds=1) == pytest.approx(0.25)
    assert Budget(30.0, 2).share(cost=0.1, baseline_seconds=0.05) == 1
    assert Budget(0.0, 2).share(cost=4, baseline_seconds=2) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (89, "89 s"), (200, "3 min"), (7200, "2.0 h")]
)
def test_a_duration_is_as_exact_as_an_estimate_can_be(seconds: float, said: str) -> None:
    assert duration(seconds) == said


# --- another baseline -------------------------------------------------------------------


def test_speedups_are_against_the_baseline_that_is_asked_for() -> None:
    plan = replace(
        PLAN, chats=PLAN.chats[1:], workers=None, rounds=2, strategies=["rust", "sequential"]
    )
    # It counts wrong with this tokenizer, as the code of a team may do that asks for a change.
    (group,) = compare(
        replace(plan, baseline="spliced-alone"), DATASET.conversations, Watched()
    ).groups
    found = {entry.strategy: entry for entry in group.entries}
    assert list(found) == ["spliced-alone", "rust", "sequential"]
    assert group.baseline == "spliced-alone"
    assert found["spliced-alone"].speedup is None
    for name in ("rust", "sequential"):
        entry = found[name]
        assert entry.speedup is not None
        assert entry.round_seconds is not None
        assert found["spliced-alone"].round_seconds is not None
        ratios = [
            theirs / ours
            for theirs, ours in zip(
                found["spliced-alone"].round_seconds, entry.round_seconds, strict=True
            )
        ]
        assert min(ratios) <= entry.speedup.median <= max(ratios)
    assert group.again == "spliced-alone (again)"
