"""A search: rounds are handed to processes until the time is over, and written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from bench.fuzzing.plan import Plan
from bench.fuzzing.processes import Workers, workers
from bench.fuzzing.rounds import Task, controls_left
from bench.fuzzing.state import State

ENOUGH = 3
"""Small cases that are made of one target; more of the same would take the time of the search."""

SAVED_AFTER_SECONDS = 10.0
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """When a search ends. Rounds that have begun are finished.

    Parameters
    ----------
    seconds
        After this time.
    prompts
        After this many prompts; None for no limit.
    rounds
        After this many rounds; None for no limit.
    """

    seconds: float
    prompts: int | None = None
    rounds: int | None = None


def search(
    plan: Plan,
    state: State,
    limits: Limits,
    *,
    processes: int,
    path: Path,
    progress: Callable[[State], object] = lambda _: None,
) -> None:
    """Do rounds until the limits are reached; the state says what they have seen.

    Parameters
    ----------
    plan
        What to compare.
    state
        How far the search has come; it is changed, and written every few seconds.
    limits
        When to end.
    processes
        How many processes do rounds.
    path
        File of the state. What the processes print goes beside it.
    progress
        Called with the state about once a second.
    """
    if _is_over(state, limits, 0):
        return
    began, before = monotonic(), state.seconds
    saved = began
    waiting = state.waiting()
    with workers(plan, processes, path.with_name("processes.log")) as started:
        try:
            while True:
                state.seconds = before + monotonic() - began
                if not _is_over(state, limits, monotonic() - began):
                    for worker in started.all:
                        if worker.task is None:
                            worker.begin(_task(next(waiting), plan, state))
                elif not any(worker.task for worker in started.all):
                    return
                _take(started, state)
                progress(state)
                if monotonic() - saved > SAVED_AFTER_SECONDS:
                    state.write(path)
                    saved = monotonic()
        finally:
            state.seconds = before + monotonic() - began
            state.write(path)


def _is_over(state: State, limits: Limits, seconds: float) -> bool:
    enough = limits.prompts is not None and state.figures.prompts >= limits.prompts
    done = limits.rounds is not None and state.rounds >= limits.rounds
    return enough or done or seconds >= limits.seconds


def _take(started: Workers, state: State) -> None:
    for number, figures in started.results(LOOK_SECONDS):
        state.finish(number, figures)


def _task(number: int, plan: Plan, state: State) -> Task:
    """Return a round; a control that has been found is compared no more.

    Parameters
    ----------
    number
        Number of the round.
    plan
        The plan of the search.
    state
        How far it has come.
    """
    findings = state.figures.findings
    left = controls_left(plan, findings)
    found = Counter(finding.target for finding in findings if finding.row is not None)
    targets = tuple(name for name in plan.targets if name in left or name not in plan.controls)
    return Task(number, targets, frozenset(name for name in found if found[name] >= ENOUGH))
