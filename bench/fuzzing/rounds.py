"""A round: its cases are counted by every target, and what differs is made small."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from bench.fuzzing.figures import Figures, Finding
from bench.fuzzing.plan import Plan, Rounds
from bench.fuzzing.rows import row_of
from bench.fuzzing.targets import first_difference
from strategies import InputError, IslError, UnavailableError, reference_counts
from strategies.errors import one_line
from strategies.testing import Case, shrunk
from strategies.testing.comparing import Difference

LONGEST_SHRINK_SECONDS = 40.0

_NO_NAME = re.compile("[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Task:
    """A round to do.

    Parameters
    ----------
    number
        Number of the round.
    targets
        What it compares.
    shown
        Those of the targets of which there are small cases enough.
    """

    number: int
    targets: tuple[str, ...]
    shown: frozenset[str] = frozenset()


def do_round(rounds: Rounds, task: Task, tell: Callable[[str], object] = lambda _: None) -> Figures:
    """Compare all cases of a round, and return what was seen.

    Parameters
    ----------
    rounds
        Writes the cases.
    task
        What to do.
    tell
        Called with what begins now, in a few words. It is for the one who waits: a library may
        end this process.
    """
    figures = Figures()
    workers, left_out = rounds.counting(task.number)
    task = replace(task, targets=tuple(name for name in task.targets if name not in left_out))
    with tempfile.TemporaryDirectory(prefix="bench-fuzz-") as folder:
        for number, case in enumerate(rounds.cases(task.number), start=1):

            def now(who: str, number: int = number) -> None:
                tell(f"{who} counted case {number}")

            try:
                _compare(figures, case, workers, rounds.plan, task, Path(folder), now)
            except InputError:
                # Random templates may be ones that no count is exact for.
                figures.refused += 1
    return figures


def _compare(
    figures: Figures,
    case: Case,
    workers: int,
    plan: Plan,
    task: Task,
    folder: Path,
    tell: Callable[[str], object],
) -> None:
    """Count a case by the reference and by every target.

    Parameters
    ----------
    figures
        What is seen is added to them.
    case
        The case.
    workers
        Workers of each strategy.
    plan
        The plan of the search.
    task
        The round.
    folder
        For the files of the tokenizer.
    tell
        Called with the name of who counts now.

    Raises
    ------
    InputError
        If the case cannot be loaded.
    """
    chat = case.load(folder)
    tell("the reference")
    expected = reference_counts(case.conversations, chat, on_error="skip")
    turns = sum(map(len, expected))
    figures.prompts += turns
    figures.counted += sum(isl is not None for isls in expected for isl in isls)
    for target in task.targets:
        tell(target)
        try:
            found = first_difference(target, case.conversations, chat, expected, workers)
        except UnavailableError:
            figures.unavailable[target] += turns
            continue
        figures.compared[target] += turns
        if found is not None:
            figures.findings.append(_finding(case, found, workers, plan, task))


def _finding(case: Case, found: Difference, workers: int, plan: Plan, task: Task) -> Finding:
    """Return what was found, as a small case if there are not enough of them.

    Parameters
    ----------
    case
        The case that shows it.
    found
        The difference.
    workers
        Workers that the target had.
    plan
        The plan of the search.
    task
        The round.
    """
    if found.target in task.shown:
        return Finding(found.target, task.number, one_line(str(found)))
    with tempfile.TemporaryDirectory(prefix="bench-fuzz-") as folder:
        seen: dict[str, Difference] = {}

        def fails(candidate: Case) -> bool:
            now = compared(candidate, found.target, workers, Path(folder))
            if now is not None:
                seen["last"] = now
            return now is not None

        small = shrunk(case, fails, seconds=LONGEST_SHRINK_SECONDS)
    said = one_line(str(seen.get("last", found)))
    try:
        name = _NO_NAME.sub("-", f"seed-{plan.seed}-round-{task.number}-{found.target}".lower())
        name = name.strip("-")
        row = row_of(small, name, said)
    except IslError as error:
        return Finding(found.target, task.number, f"{said} ({one_line(error)})")
    return Finding(found.target, task.number, said, row)


def compared(case: Case, target: str, workers: int, folder: Path) -> Difference | None:
    """Return the first difference of one target in a case, or None.

    Parameters
    ----------
    case
        The case.
    target
        Name of the target.
    workers
        Workers of a strategy.
    folder
        For the files of the tokenizer.
    """
    try:
        chat = case.load(folder)
        expected = reference_counts(case.conversations, chat, on_error="skip")
        return first_difference(target, case.conversations, chat, expected, workers)
    except IslError:
        # It cannot be loaded, or the target is unavailable.
        return None


def controls_left(plan: Plan, findings: Collection[Finding]) -> tuple[str, ...]:
    """Return the controls that no finding is about."""
    found = {finding.target for finding in findings}
    return tuple(name for name in plan.controls if name not in found)


def verdict(plan: Plan, findings: Collection[Finding], *, one_round: bool = False) -> int:
    """Return the exit code of a search: 1 if something is wrong, 2 if it says nothing, else 0.

    A search that has not found the strategies that are wrong on purpose could miss others, too.

    Parameters
    ----------
    plan
        The plan of the search.
    findings
        What it has found.
    one_round
        Whether it did a single round again. That judges this round alone, in which the controls
        need not differ.
    """
    if any(finding.target not in plan.controls for finding in findings):
        return 1
    return 2 if controls_left(plan, findings) and not one_round else 0
