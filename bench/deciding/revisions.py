"""Cases from two revisions of a strategy, which count by turns in builds of their own."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.deciding.builds import SHORT, Build, built
from bench.deciding.cases import Case, Evidence, ran_on
from bench.deciding.reports import FEW_ROUNDS
from bench.deciding.turns import Counting, Task, counting
from bench.measuring.advice import contest_in
from bench.measuring.baseline import again
from bench.measuring.estimates import median_estimate
from bench.measuring.folders import temporary_folder
from bench.measuring.machine import describe_machine, describe_versions, first_cores
from bench.measuring.result import Entry, Group
from bench.measuring.watcher import Watcher
from bench.reporting.advising import no_contest
from bench.reporting.words import listed
from bench.samples import sample_bytes

BASE, HEAD = "base", "head"
AGAIN = again(BASE)
SAMPLE = "small"
ROUNDS_OF_A_START = 5
"""After so many rounds all programs are started anew, because a start has its own luck: where its
memory lies decides a few percent."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to compare.

    Parameters
    ----------
    repository
        A folder in the git repository.
    base, head
        The revisions.
    strategy
        Name of the strategy, in both.
    tokenizers
        Folders, or names on the hub, by the name that is shown.
    dataset
        The file; None for the bundled sample.
    options
        For `load_chat`.
    cores
        Numbers of cores, one setting for each.
    rounds
        How often each revision counts everything.
    seed
        Decides the order within each round.
    """

    repository: Path
    base: str
    head: str
    strategy: str
    tokenizers: Mapping[str, str]
    dataset: Path | None
    options: Mapping[str, Any]
    cores: tuple[int, ...]
    rounds: int
    seed: int

    @property
    def data_name(self) -> str:
        """Name of the dataset in tables."""
        return f"bundled sample ({SAMPLE})" if self.dataset is None else self.dataset.name


@dataclass(slots=True)
class _Measured:
    """What is known of one setting, by the names of the programs."""

    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    cold: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)


def revision_evidence(asked: Asked, watcher: Watcher) -> Evidence:
    """Build two revisions, let them count by turns, and return the cases.

    Each setting has three programs: the base, the base once more, and the head. They are pinned to
    the same cores. In each round each counts everything once, in an order that is shuffled for the
    round, while the others wait.

    Parameters
    ----------
    asked
        What to compare.
    watcher
        Shows a person how far it is.

    Raises
    ------
    InputError
        If a revision does not exist, cannot be built, or cannot count.
    """
    settings = [
        (name, tokenizer, first_cores(cores))
        for name, tokenizer in asked.tokenizers.items()
        for cores in asked.cores
    ]
    with (
        temporary_folder() as folder,
        built(asked.repository, {BASE: asked.base, HEAD: asked.head}, folder, watcher) as builds,
    ):
        data = asked.dataset or folder / "sample.jsonl"
        if asked.dataset is None:
            data.write_bytes(sample_bytes(SAMPLE))
        measured = []
        for name, tokenizer, cores in settings:
            task = Task(tokenizer, data, asked.strategy, cores, asked.options)
            measured.append(_measure(asked, name, task, builds, folder, watcher))
    cases = [
        _case(asked, name, cores, each)
        for (name, _, cores), each in zip(settings, measured, strict=True)
    ]
    return Evidence(
        cases=tuple(cases),
        provenance=(_provenance(asked, builds),),
        caveats=tuple(_caveats(asked, builds, cases, measured)),
    )


def _measure(
    asked: Asked,
    name: str,
    task: Task,
    builds: Mapping[str, Build],
    folder: Path,
    watcher: Watcher,
) -> _Measured:
    programs = {BASE: builds[BASE], AGAIN: builds[BASE], HEAD: builds[HEAD]}
    order = random.Random(asked.seed)  # noqa: S311  # no secret
    found = _Measured()
    cores = len(task.cores)
    with watcher.counting(f"{name}, cores: {cores}: by turns", asked.rounds, "rounds") as advance:
        for begun in range(0, asked.rounds, ROUNDS_OF_A_START):
            verify = () if begun else (BASE, HEAD)
            with counting(programs, task, folder, verify=verify) as running:
                for program, each in running.items():
                    found.said.setdefault(program, each.ready)
                    found.cold.setdefault(program, []).append(each.ready.get("cold_seconds", 0.0))
                if any("unavailable" in each.ready for each in running.values()):
                    return found
                for _ in range(min(ROUNDS_OF_A_START, asked.rounds - begun)):
                    _one_round(running, order, found)
                    advance(1)
    return found


def _one_round(running: Mapping[str, Counting], order: random.Random, found: _Measured) -> None:
    programs = list(running)
    order.shuffle(programs)
    for program in programs:
        found.seconds.setdefault(program, []).append(running[program].count())


def _case(asked: Asked, name: str, cores: Sequence[int], measured: _Measured) -> Case:
    said = measured.said[BASE]
    turns = said.get("turns", 0)
    group = Group(
        tokenizer=name,
        cores=len(cores),
        workers=len(cores),
        rounds=len(measured.seconds.get(BASE, ())),
        timed_conversations=said.get("conversations", 0),
        timed_turns=turns,
        subset=False,
        noise_floor=None,
        recommended=(),
        entries=tuple(_entry(program, measured) for program in (BASE, HEAD)),
        baseline=BASE,
        again_seconds=tuple(measured.seconds.get(AGAIN, ())),
        core_ids=tuple(cores),
    )
    contest = contest_in(group)
    return Case(
        dataset=asked.data_name,
        family=said.get("family") or name,
        group=group,
        turns=turns,
        contest=contest,
        obstacle=None if contest else no_contest(group),
    )


def _entry(program: str, measured: _Measured) -> Entry:
    said = measured.said[program]
    if "unavailable" in said:
        return Entry(program, False, "unavailable", said["unavailable"])
    wrong, seconds = said["mismatches"], measured.seconds.get(program)
    estimate = median_estimate(seconds) if seconds else None
    return Entry(
        program,
        False,
        "wrong" if wrong else "ok",
        said["first"] or said["note"],
        mismatches=wrong,
        seconds=estimate,
        cold_seconds=median(measured.cold[program]),
        turns_per_second=said["turns"] / estimate.median if estimate else None,
        tokens_per_second=said["tokens"] / estimate.median if estimate else None,
        round_seconds=tuple(seconds) if seconds else None,
    )


def _provenance(asked: Asked, builds: Mapping[str, Build]) -> str:
    return (
        f"base {builds[BASE].commit[:SHORT]} and head {builds[HEAD].commit[:SHORT]}, "
        f"{asked.strategy}, {asked.data_name}; built and measured on "
        f"{ran_on(describe_machine(), describe_versions())}; by turns, order from seed "
        f"{asked.seed}"
    )


def _caveats(
    asked: Asked,
    builds: Mapping[str, Build],
    cases: Sequence[Case],
    measured: Sequence[_Measured],
) -> Iterator[str]:
    if builds[BASE].commit == builds[HEAD].commit:
        yield "base and head are the same commit, so any difference would be noise"
    differ = [
        case.group.tokenizer
        for case, each in zip(cases, measured, strict=True)
        if each.said[BASE].get("digest") != each.said[HEAD].get("digest")
        and not any(each.said[name].get("mismatches") for name in (BASE, HEAD))
    ]
    if differ:
        yield (
            f"base and head count differently with {listed(list(dict.fromkeys(differ)))}, although "
            "each counts as its own full-template call does: they give other messages to the "
            "template, so they do not do the same work"
        )
    yield (
        "each revision was verified by its own full-template call, and runs with the libraries "
        "that are installed here"
    )
    if asked.rounds < FEW_ROUNDS:
        yield f"few rounds: {asked.rounds}"
