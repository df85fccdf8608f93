"""Asks a target the cases of the corpus, and judges its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from bench.conformance.asking import Answer, Target, Writer
from bench.conformance.corpus import Case, Expected
from bench.measuring.folders import temporary_folder
from strategies.errors import one_line

Status: TypeAlias = Literal["passed", "wrong", "failed", "unavailable"]
"""``wrong``: another count or other ids. ``failed``: no usable answer, or an error."""
STATUSES: tuple[Status, ...] = get_args(Status)

REFUSED = "refused: "
INCONCLUSIVE = 2
"""Exit code if nothing was answered."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case.

    Parameters
    ----------
    case
        The case.
    status
        See `Status`.
    said
        In one line what is wrong, or why the case is unavailable; empty if it passed.
    """

    case: Case
    status: Status
    said: str = ""


def judged(case: Case, answer: Answer) -> Outcome:
    """Return what an answer means."""
    status, said = _judged(case, answer)
    return Outcome(case, status, one_line(said))


def _judged(case: Case, answer: Answer) -> tuple[Status, str]:
    if answer.failed is not None:
        return "failed", answer.failed
    if answer.unavailable is not None:
        return "unavailable", answer.unavailable
    if answer.error is not None:
        must = case.expected is None
        return ("passed", "") if must else ("failed", f"{REFUSED}{answer.error}")
    wrong = _wrong(case.expected, answer)
    return ("wrong", wrong) if wrong else ("passed", "")


def _wrong(expected: Expected | None, answer: Answer) -> str:
    """Return what is wrong with a count or ids, or an empty text."""
    if expected is None:
        return f"counted {answer.count}, but the text must be refused"
    if answer.count != expected.count:
        return f"counted {answer.count}, not {expected.count}"
    other = answer.ids is not None and not expected.is_equal(answer.ids)
    return "as many tokens, but other ids" if other else ""


def run(target: Target, cases: Sequence[Case]) -> list[Outcome]:
    """Ask a target, and judge what it answers.

    Tokenizers are written to a folder that is removed afterwards.

    Raises
    ------
    InputError
        If the target cannot be started or loaded.
    """
    with temporary_folder() as folder:
        writer = Writer(folder)
        questions = [writer.question(case) for case in cases]
        answers = target.answers(questions)
        return [judged(case, answer) for case, answer in zip(cases, answers, strict=True)]


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Return 0 if all is right, 1 if a case is wrong or failed, 2 if nothing was answered.

    A command that never answers says nothing about how it counts.
    """
    if not any(map(_is_answered, outcomes)):
        return INCONCLUSIVE
    return 1 if any(outcome.status in {"wrong", "failed"} for outcome in outcomes) else 0


def _is_answered(outcome: Outcome) -> bool:
    refused = outcome.status == "failed" and outcome.said.startswith(REFUSED)
    return refused or outcome.status in {"passed", "wrong"}
