"""Cases from the reports of comparisons. Rounds of several runs are put together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePath
from shlex import join
from statistics import median
from typing import Any

from bench.deciding.cases import Case, Evidence, ran_on
from bench.measuring.advice import PICKER, contest_in
from bench.measuring.estimates import median_estimate
from bench.measuring.result import Entry, Group
from bench.reporting.advising import no_contest
from bench.reporting.facts import Tokenizer
from bench.reporting.report import Report, read_report
from bench.reporting.words import listed, number
from strategies import InputError
from strategies.words import many

FEW_ROUNDS = 15
"""With fewer, an interval is exact and still wide: a single bad minute is a good part of them."""
LIBRARIES = ("isl-bench", "python", "transformers", "tokenizers", "sentencepiece")
"""Runs can only be put together if these have the same versions."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A group of a report, and where it comes from."""

    file: str
    report: Report
    group: Group

    @property
    def about(self) -> Tokenizer:
        return self.report.tokenizer(self.group)

    @property
    def key(self) -> tuple[Any, ...]:
        """Runs with the same key are of the same case."""
        group = self.group
        return (self.report.dataset.sha256, group.tokenizer, group.cores, group.workers)

    def conditions(self) -> dict[str, Any]:
        """Return what must be the same in all runs of a case, by what it is called."""
        report, group, fingerprint = self.report, self.group, self.about.fingerprint
        return {
            "tokenizer": fingerprint["tokenizer_sha256"],
            "template": fingerprint["template_sha256"],
            "template kwargs": dict(fingerprint["template_kwargs"]),
            "messages profile": fingerprint.get("messages"),
            "baseline": group.baseline,
            "timed turns": (group.timed_turns, group.timed_conversations, group.share),
            "processor": report.machine.processor,
            "versions": {name: report.versions.get(name) for name in LIBRARIES},
            "commit": report.provenance.commit if report.provenance else None,
        }


def evidence_of(files: Sequence[Path]) -> Evidence:
    """Return the cases in some files.

    If several files have the same dataset, tokenizer, cores and workers, their rounds are put
    together: that is how more rounds are added to a comparison. A round is compared with itself
    only, so it does not matter that another run was faster as a whole.

    Parameters
    ----------
    files
        Each is a report.json of `bench compare`. Their order changes nothing.

    Raises
    ------
    InputError
        If a file is no report. Also if two runs of the same case were made under other
        conditions, if they are the same run, or if two reports have another baseline.
    """
    runs = [
        _Run(file.name, report, group)
        for file in files
        for report in (read_report(file),)
        for group in report.groups
    ]
    baselines = sorted({run.group.baseline for run in runs})
    if len(baselines) > 1:
        raise InputError(f"the baselines differ: {listed(baselines)}; decide about each by itself")
    cases: dict[tuple[Any, ...], list[_Run]] = {}
    for run in sorted(runs, key=_order):
        cases.setdefault(run.key, []).append(run)
    reports = {(run.file, id(run.report)): run.report for run in sorted(runs, key=_order)}
    return Evidence(
        cases=tuple(_case(each) for each in cases.values()),
        provenance=tuple(dict.fromkeys(map(_provenance, reports.values()))),
        caveats=tuple(_caveats(list(cases.values()))),
    )


def _order(run: _Run) -> tuple[Any, ...]:
    group = run.group
    return (
        *(PurePath(run.report.dataset.path).name, run.report.dataset.sha256),
        *(group.tokenizer, group.cores, group.workers),
        *(group.started or "", group.again_seconds),
    )


def _case(runs: Sequence[_Run]) -> Case:
    first = runs[0]
    group = first.group if len(runs) == 1 else _pooled(runs)
    data = first.report.dataset
    contest = contest_in(group) if first.about.tokens else None
    obstacle = None
    if contest is None:
        obstacle = no_contest(group) if first.about.tokens else "the dataset has no token to count"
    return Case(
        dataset=PurePath(data.path).name,
        family=first.about.family,
        group=group,
        turns=data.turns,
        contest=contest,
        obstacle=obstacle,
        runs=len(runs),
    )


def _pooled(runs: Sequence[_Run]) -> Group:
    """Return one group with the rounds of several runs."""
    first, *rest = runs
    setting = f"{first.group.tokenizer}, {many(first.group.cores, 'core')}"
    for run in rest:
        expected = first.conditions()
        differ = [name for name, value in run.conditions().items() if value != expected[name]]
        if differ:
            raise InputError(
                f"{setting} is in {first.file} too, and cannot be put together with it: "
                f"other {listed(differ)}",
                file=run.file,
            )
    seen: dict[tuple[float, ...], str] = {}
    for run in runs:
        rounds = run.group.again_seconds
        if not rounds:
            raise InputError(
                f"{setting} is in several reports, and this one has no rounds to put together",
                file=run.file,
            )
        if rounds in seen:
            raise InputError(f"{setting} has the rounds of {seen[rounds]}", file=run.file)
        seen[rounds] = run.file
    names = list(dict.fromkeys(e.strategy for run in runs for e in run.group.entries))
    again = tuple(chain.from_iterable(run.group.again_seconds for run in runs))
    return replace(
        first.group,
        rounds=len(again),
        noise_floor=None,
        recommended=(),
        entries=tuple(_pooled_entry(name, runs) for name in names),
        again_seconds=again,
    )


def _pooled_entry(name: str, runs: Sequence[_Run]) -> Entry:
    """Return the entry of a strategy over several runs. What is bad in one run is bad."""
    found = [e for run in runs for e in run.group.entries if e.strategy == name]
    worst = max(found, key=lambda e: (not e.rankable, e.mismatches or 0))
    if len(found) < len(runs) or not all(each.rankable for each in found):
        reason = worst.reason if not worst.rankable else "it was not in every run"
        return replace(worst, reason=reason, speedup=None, verdict=None, round_seconds=None)
    rounds = [each.round_seconds for each in found]
    if any(each is None for each in rounds):
        return replace(worst, round_seconds=None)
    seconds = tuple(chain.from_iterable(each for each in rounds if each is not None))
    estimate = median_estimate(seconds)
    scale = found[0].seconds.median / estimate.median if found[0].seconds else None
    colds = [each.cold_seconds for each in found if each.cold_seconds is not None]

    def scaled(speed: float | None) -> float | None:
        return None if speed is None or scale is None else speed * scale

    return replace(
        found[0],
        mismatches=max(each.mismatches or 0 for each in found),
        seconds=estimate,
        round_seconds=seconds,
        turns_per_second=scaled(found[0].turns_per_second),
        tokens_per_second=scaled(found[0].tokens_per_second),
        cold_seconds=median(colds) if colds else None,
        peak_rss_bytes=max((e.peak_rss_bytes or 0 for e in found), default=0) or None,
        peak_pss_bytes=max((e.peak_pss_bytes or 0 for e in found), default=0) or None,
    )


# --- what a reader should know ----------------------------------------------------------


def _provenance(report: Report) -> str:
    about = report.provenance
    when = f" on {about.started[:10]}" if about else ""
    code = f"; commit {about.commit[:8]}" if about and about.commit else ""
    return (
        f"{PurePath(report.dataset.path).name} (sha256 {report.dataset.sha256[:12]}), measured"
        f"{when} on {ran_on(report.machine, report.versions)}{code}; by "
        f"{shown_command(report.command)}"
    )


def shown_command(words: Sequence[str]) -> str:
    """Return a command line in which a path from the root is only a name.

    Folders of a person's machine mean nothing to others, and are nobody's business.
    """
    return join(re.sub(r"(?:(?<==)|^)/.*/", "", word) for word in words)


def _caveats(cases: Sequence[Sequence[_Run]]) -> Iterator[str]:
    runs = list(chain.from_iterable(cases))
    reports = list({id(run.report): run.report for run in runs}.values())
    for title, what in (
        ("timed only some of the conversations", _subset),
        ("other programs kept more cores busy than were left to them", _disturbed),
        ("few rounds", _few),
        ("separate runs whose rounds are put together", _several),
        ("turns that have no ISL and are skipped by all", _skipped),
    ):
        yield from _by_place(title, cases, what)
    for each in _unfinished(reports):
        yield f"not measured, because the comparison was interrupted: {each}"
    budgets = {r.provenance.budget_seconds for r in reports if r.provenance} - {None}
    for budget in sorted(each for each in budgets if each is not None):
        yield f"a budget of {number(budget, 0)} seconds limited the rounds"
    commits = {r.provenance.commit for r in reports if r.provenance}
    if any(commit is None or commit.endswith("+") for commit in commits):
        yield "the code that was measured is no commit: files were changed"
    if any(r.versions.get("native_build_profile", "release") != "release" for r in reports):
        yield "the native core was no release build"
    processors = sorted({r.machine.processor for r in reports})
    if len(processors) > 1:
        yield f"measured on different processors: {listed(processors)}"
    picked = sorted({each for run in runs for each in _picked(run)})
    if picked:
        yield f"{PICKER} runs one of the others, so it does not compete: {'; '.join(picked)}"
    entries = [e for run in runs for e in run.group.entries if e.peak_rss_bytes is not None]
    if any(e.peak_pss_bytes is None for e in entries):
        yield "memory that processes share is counted for each of them"
    yield "the cold start and the memory were measured once in each run"


def _by_place(
    title: str,
    cases: Sequence[Sequence[_Run]],
    what: Callable[[Sequence[_Run]], str | None],
) -> Iterator[str]:
    """Yield a caveat with each value and the cases that it is about, unless it is about all."""
    found: dict[str, list[str]] = {}
    for runs in cases:
        value = what(runs)
        if value is not None:
            group = runs[0].group
            place = f"{group.tokenizer} on {many(group.cores, 'core')}"
            found.setdefault(value, []).append(place)
    if found:
        everywhere = [len(places) == len(cases) for places in found.values()]
        texts = [f"{value} ({', '.join(places)})" for value, places in found.items()]
        yield f"{title}: {next(iter(found)) if any(everywhere) else '; '.join(texts)}"


def _picked(run: _Run) -> Iterator[str]:
    for entry in run.group.entries:
        if entry.strategy == PICKER and entry.reason:
            yield f"with {run.group.tokenizer} it {entry.reason.partition(':')[0]}"


def _subset(runs: Sequence[_Run]) -> str | None:
    group = runs[0].group
    if not group.subset:
        return None
    return f"{group.timed_conversations:,} of {runs[0].report.dataset.conversations:,}"


def _disturbed(runs: Sequence[_Run]) -> str | None:
    loads = [run.group.load for run in runs if run.group.load and run.group.load.disturbed]
    if not loads:
        return None
    return number(max(load.elsewhere for load in loads), 1)


def _few(runs: Sequence[_Run]) -> str | None:
    rounds = sum(run.group.rounds for run in runs)
    return str(rounds) if 0 < rounds < FEW_ROUNDS else None


def _several(runs: Sequence[_Run]) -> str | None:
    return str(len(runs)) if len(runs) > 1 else None


def _skipped(runs: Sequence[_Run]) -> str | None:
    skipped = runs[0].about.skipped_turns
    return f"{skipped:,} of {runs[0].report.dataset.turns:,}" if skipped else None


def _unfinished(reports: Sequence[Report]) -> list[str]:
    settings = {
        f"{tokenizer} on {many(cores, 'core')}, {many(workers, 'worker')}"
        for report in reports
        for tokenizer, cores, workers in report.unfinished
    }
    return sorted(settings)
