"""`bench decide --history`: decisions from samples of asv, which are not paired."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench.deciding.document import SCHEMA_PATH, document
from bench.deciding.history import DRIFT, history_evidence
from bench.deciding.verdict import CaseVerdict, Decision, decide
from bench.recorded.judge import CONTROL, EXACT, WARM
from strategies import InputError

from .conftest import Bench

Samples = Mapping[str, Sequence[float] | None]

ALL: Samples = {
    "sequential": [1.0, 1.03, 0.98],
    "batched": [0.6, 0.61, 0.59],
    "rust": [0.1, 0.101, 0.099],
}
OLD = {"sequential": [1.2, 1.21, 1.19], "rust": [0.5, 0.5, 0.5]}


def commit_file(
    folder: Path,
    number: int,
    samples: Samples,
    mismatches: Mapping[str, float | None] | None = None,
) -> None:
    """Write what asv records of a commit."""
    names = list(samples)
    exact = dict.fromkeys(names, 0.0) if mismatches is None else mismatches
    values = [None if each is None else sorted(each)[len(each) // 2] for each in samples.values()]
    params = [[repr(name) for name in names], ["'a kind'"], ["1"], ["'agentic'"]]
    results = {
        WARM: [
            values,
            params,
            "1",
            1000 * number,
            [None if s is None else [*s] for s in samples.values()],
        ],
        EXACT: [[exact.get(n) for n in names], [params[0], params[1]], "1", 1000 * number],
        CONTROL: [[5.0], [["'spliced-alone'"], params[1]], "1", 1000 * number],
    }
    machine = folder / "m"
    machine.mkdir(parents=True, exist_ok=True)
    (machine / "machine.json").write_text('{"version": 1, "machine": "m"}', encoding="utf-8")
    document: dict[str, Any] = {
        "version": 2,
        "commit_hash": f"{number}" * 40,
        "date": 1000 * number,
        "params": {"machine": "m"},
        "python": "3.11",
        "requirements": {"tokenizers": "0.23.3"},
        "env_vars": {},
        "result_columns": ["result", "params", "version", "started_at", "samples"],
        "results": results,
    }
    (machine / f"{number}.json").write_text(json.dumps(document), encoding="utf-8")
    described = {
        name: {"unit": "u", "type": "time", "version": "1", "param_names": params_of}
        for name, params_of in (
            (WARM, ["strategy", "family", "cores", "shape"]),
            (EXACT, ["strategy", "family"]),
            (CONTROL, ["strategy", "family"]),
        )
    }
    whole = {"version": 2, **described}
    (folder / "benchmarks.json").write_text(json.dumps(whole), encoding="utf-8")


def decided(folder: Path) -> Decision:
    return decide(history_evidence(folder), ["bench", "decide", "--history"])


def only_case(folder: Path) -> CaseVerdict:
    (case,) = decided(folder).cases
    return case


def test_the_newest_commit_decides_and_older_ones_give_the_noise_floor(tmp_path: Path) -> None:
    commit_file(tmp_path, 1, OLD)
    commit_file(tmp_path, 2, ALL)
    found = decided(tmp_path)
    (case,) = found.cases
    assert (found.status, case.use) == ("decided", "rust")
    assert case.case.contest is not None
    # The baseline took 1.2 s at one commit, and 1 s at the other one.
    assert case.case.contest.margin == pytest.approx(1.2)
    assert case.case.contest.speedup("rust").median == pytest.approx(10, rel=0.02)
    assert case.case.dataset == "agentic of the asv suite"
    (line,) = found.evidence.provenance
    assert (
        line
        == "recorded by asv on m; python 3.11, tokenizers 0.23.3; commit 22222222 of 1970-01-01"
    )
    assert "Welch" in found.evidence.intervals
    jsonschema.validate(document(found), json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))


def test_one_commit_has_the_noise_of_busy_machines(tmp_path: Path) -> None:
    commit_file(tmp_path, 1, ALL)
    case = only_case(tmp_path)
    assert case.case.contest is not None
    assert case.case.contest.margin == pytest.approx(DRIFT)
    # Batches gain 1.7 times, which is less.
    assert case.advice is not None
    assert case.advice.standings == {"batched": "unclear", "rust": "faster"}


@pytest.mark.parametrize(("wrong", "status"), [(3.0, "wrong"), (None, "decided")])
def test_what_counts_wrong_or_was_never_checked_does_not_compete(
    tmp_path: Path, wrong: float | None, status: str
) -> None:
    commit_file(tmp_path, 1, OLD)
    commit_file(tmp_path, 2, ALL, {"sequential": 0.0, "batched": 0.0, "rust": wrong})
    found = decided(tmp_path)
    assert (found.status, found.cases[0].use) == (status, "batched")
    rust = found.cases[0].case.group.entries[2]
    assert rust.status == ("wrong" if wrong else "ok")


def test_one_sample_is_inconclusive(tmp_path: Path) -> None:
    commit_file(tmp_path, 1, OLD)
    commit_file(tmp_path, 2, {**ALL, "sequential": [1.0]})
    found = decided(tmp_path)
    assert found.verdict == "On 1 core, inconclusive: run 1 more round."


def test_without_a_baseline_it_is_inconclusive(tmp_path: Path) -> None:
    commit_file(tmp_path, 1, {"sequential": None, "rust": [0.1, 0.1]})
    found = decided(tmp_path)
    assert found.status == "inconclusive"
    assert "sequential, which the others are compared with, has no time" in found.verdict


def test_the_command_reads_a_folder(bench: Bench, tmp_path: Path) -> None:
    commit_file(tmp_path, 1, OLD)
    commit_file(tmp_path, 2, ALL)
    done = bench("decide", "--history", tmp_path, "--machine", "m")
    assert (done.code, done.error) == (0, "")
    assert done.out.startswith("On 1 core, use rust: ")
    absent = bench("decide", "--history", tmp_path, "--machine", "x")
    assert (absent.code, absent.error.count("\n")) == (3, 1)
    commit_file(tmp_path / "b", 1, {"rust": None})
    with pytest.raises(InputError, match="holds no times of"):
        history_evidence(tmp_path / "b")


def test_what_this_project_recorded_can_be_decided_about() -> None:
    found = decided(Path(__file__).parents[1] / "bench" / "history")
    assert found.cases
    assert found.status in {"decided", "inconclusive"}
    jsonschema.validate(document(found), json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))
