"""Cases from what asv recorded. Its samples are of separate processes, so they are not paired."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.deciding.cases import Case, Evidence
from bench.measuring.advice import competes
from bench.measuring.baseline import BASELINE
from bench.measuring.contest import Contest, contest_of_separate
from bench.measuring.estimates import Estimate
from bench.measuring.result import Entry, Group, Status
from bench.recorded.judge import EXACT, WARM, Recorded, recorded
from bench.recorded.results import Row, read_history
from bench.reporting.words import listed, number
from strategies import InputError
from strategies.words import many

DRIFT = 2.6
"""How far two runs of the same code were apart when other programs ran (docs/measuring.md). It is
the noise floor if the baseline was recorded at one commit only."""
MEMORY = "memory.Memory.track_peak_rss"
SEPARATE = (
    "Samples come from separate processes, so no two are of the same round. Each interval is "
    "Welch's, of the ratio of geometric means (SciPy's ttest_ind on logarithms). Bonferroni's "
    "correction for all pairs of strategies makes all intervals of a setting hold together with "
    "95 %. With fewer than two samples, an interval has no bounds. A round is a sample of asv."
)

_STATUSES: dict[str, Status] = {"ok": "ok", "n/a": "unavailable", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class _Key:
    """What asv measured: a tokenizer, on some cores, with a shape of conversation."""

    family: str
    cores: int
    shape: str


def history_evidence(folder: Path, machine: str | None = None) -> Evidence:
    """Return the cases of the commit and environment in which warm times were recorded last.

    Parameters
    ----------
    folder
        Results of asv, such as ``bench/history``.
    machine
        Name of the only machine to look at, or None for all.

    Raises
    ------
    InputError
        If it holds no results of asv, or no warm times.
    """
    rows = read_history(folder)
    timed = [each for each in recorded(rows, machine) if any(r.status == "ok" for r in each.warm)]
    if not timed:
        raise InputError(f"holds no times of {WARM}", file=folder)
    last = max(timed, key=lambda each: max(r.started.timestamp() for r in each.warm if r.started))
    keys = sorted(
        {key for row in last.warm if (key := _key(row)) is not None and row.status == "ok"},
        key=lambda key: (key.shape, key.family, key.cores),
    )
    if not keys:
        raise InputError(f"holds no times of {WARM}", file=folder)
    floors = {key: _floor(rows, last, key) for key in keys}
    return Evidence(
        cases=tuple(_case(last, key, floors[key][0]) for key in keys),
        provenance=(_provenance(last),),
        caveats=tuple(_caveats(last, [commits for _, commits in floors.values()])),
        intervals=SEPARATE,
    )


def _key(row: Row) -> _Key | None:
    family, cores, shape = (row.params.get(name) for name in ("family", "cores", "shape"))
    if isinstance(cores, int) and cores > 0 and "strategy" in row.params:
        return _Key(str(family), cores, str(shape))
    return None


def _case(last: Recorded, key: _Key, floor: Estimate) -> Case:
    rows = {str(row.params["strategy"]): row for row in last.warm if _key(row) == key}
    entries = tuple(_entry(last, row, name, key.family) for name, row in rows.items())
    samples = {
        entry.strategy: _samples(rows[entry.strategy]) for entry in entries if competes(entry)
    }
    contest: Contest | None = None
    obstacle = None
    if BASELINE in samples:
        contest = contest_of_separate(samples, BASELINE, floor)
    else:
        obstacle = f"{BASELINE}, which the others are compared with, has no time or was not checked"
    group = Group(
        tokenizer=key.family,
        cores=key.cores,
        workers=key.cores,
        rounds=contest.rounds if contest else 0,
        timed_conversations=0,
        timed_turns=0,
        subset=False,
        noise_floor=floor,
        recommended=(),
        entries=entries,
        baseline=BASELINE,
    )
    return Case(
        dataset=f"{key.shape} of the asv suite",
        family=key.family,
        group=group,
        turns=0,
        contest=contest,
        obstacle=obstacle,
    )


def _entry(last: Recorded, row: Row, strategy: str, family: str) -> Entry:
    checked = _value(last, EXACT, strategy, family)
    status = _STATUSES[row.status]
    reason = None
    samples = _samples(row)
    if status == "ok" and not samples:
        status, reason = "failed", "its time is no positive number"
    elif checked:
        status = "wrong"
    elif status == "ok" and checked is None:
        reason = "timed, but its counts were never checked"
    memory = _value(last, MEMORY, strategy, family)
    seconds = None
    if samples:
        middle = math.exp(math.fsum(map(math.log, samples)) / len(samples))
        seconds = Estimate(middle, min(samples), max(samples))
    return Entry(
        strategy=strategy,
        control=False,
        status=status,
        reason=reason,
        mismatches=None if checked is None else int(checked),
        seconds=seconds,
        peak_rss_bytes=None if memory is None else int(memory),
    )


def _value(last: Recorded, benchmark: str, strategy: str, family: str) -> float | None:
    """Return the finite value of a benchmark for a strategy and a family, if there is one."""
    for row in last.rows:
        if row.benchmark == benchmark and row.params.get("strategy") == strategy:
            value = row.value
            if row.params.get("family") == family and value is not None and math.isfinite(value):
                return value
    return None


def _samples(row: Row) -> list[float]:
    """Return the positive samples of a warm time; its value alone if no samples were recorded."""
    found = row.samples or (() if row.value is None else (row.value,))
    return [each for each in found if math.isfinite(each) and each > 0]


def _floor(rows: Sequence[Row], last: Recorded, key: _Key) -> tuple[Estimate, int]:
    """Return how far the baseline is from itself between commits, and how many commits there are.

    The plain call hardly changes from commit to commit, so most of that is the machine.
    """
    about = last.about
    values = {
        row.commit: row.value
        for row in rows
        if row.benchmark == WARM
        and row.current
        and (row.machine, row.environment) == (about.machine, about.environment)
        and row.params.get("strategy") == BASELINE
        and _key(row) == key
        and (row.value or 0) > 0
    }
    found = [value for value in values.values() if value is not None]
    apart = max(found) / min(found) if len(found) > 1 else DRIFT
    return Estimate(1.0, 1 / apart, apart), len(values)


def _provenance(last: Recorded) -> str:
    about = last.about
    versions = ", ".join(f"{name} {version}".strip() for name, version in about.environment.items())
    return (
        f"recorded by asv on {about.machine}; {versions}; commit {about.commit[:8]} of "
        f"{about.commit_date:%Y-%m-%d}"
    )


def _caveats(last: Recorded, commits: Sequence[int]) -> Iterator[str]:
    yield "samples of separate processes are not paired: what slowed one did not slow the other"
    if max(commits) > 1:
        several = sorted({each for each in commits if each > 1})
        yield (
            f"the noise floor is how far {BASELINE} is from itself between commits "
            f"({', '.join(map(str, several))} recorded)"
        )
    if min(commits) < 2:
        yield (
            f"{BASELINE} was recorded at one commit in some settings; their noise floor is a "
            f"factor of {number(DRIFT, 1)}, which separate runs on a busy machine have shown"
        )
    if last.unchecked:
        names = sorted({f"{strategy} with {family}" for strategy, family in last.unchecked})
        yield f"timed, but never checked: {listed(names)}"
    if last.blind:
        yield "the control was found right, so the check of the counts is blind"
    if last.failed:
        yield f"{many(len(last.failed), 'result')} failed"
    if last.outdated:
        yield f"{many(last.outdated, 'result')} of other versions of a benchmark are left out"
