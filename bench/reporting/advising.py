"""Advice in a sentence, the same wherever it is shown."""

from __future__ import annotations

from bench.measuring.advice import MOST_MORE_ROUNDS, PICKER, WORTHWHILE, Advice, advise, contest_in
from bench.measuring.contest import Contest
from bench.measuring.result import Group
from bench.reporting.words import interval
from strategies.words import many

NO_ROUNDS = "measured before rounds were kept: run `bench compare` again"
WORTH = f"{WORTHWHILE - 1:.0%}".replace("%", " %")


def advice_line(group: Group) -> str | None:
    """Return which strategy to use, for the line under a group's table.

    It is None if nothing was timed.
    """
    if not group.rounds:
        return None
    contest = contest_in(group)
    if contest is not None:
        return sentence(contest, advise(contest))
    return f"inconclusive: {no_contest(group)}"


def no_contest(group: Group) -> str:
    """Return why the strategies of a group cannot be compared."""
    timed = next((e for e in group.entries if e.strategy == group.baseline), None)
    fault = None
    if timed is None:
        fault = "was not measured"
    elif timed.status == "unavailable":
        fault = "cannot run here"
    elif timed.status == "failed":
        fault = "failed"
    elif not timed.rankable or timed.exact is not True:
        fault = "does not count right here"
    elif timed.peer:
        fault = "is another library, which is never recommended"
    elif timed.strategy == PICKER:
        fault = "runs one of the others; name that one as the baseline"
    elif timed.seconds is None:
        fault = "was not timed"
    return f"{group.baseline}, which the others are compared with, {fault}" if fault else NO_ROUNDS


def sentence(contest: Contest, advice: Advice) -> str:
    """Return advice as a sentence."""
    if advice.use is None:
        return f"inconclusive: {what_would_help(advice)}"
    if advice.use == contest.baseline:
        if not contest.others:
            return f"keep {contest.baseline}: no other strategy can be used here"
        return f"keep {contest.baseline}: every other strategy is less than {WORTH} faster"
    speedup = interval(contest.speedup(advice.use))
    return (
        f"use {advice.use}: {speedup} times as fast as {contest.baseline}{_doubt(contest, advice)}"
    )


def _doubt(contest: Contest, advice: Advice) -> str:
    """Return what is not shown, and might change the advice."""
    if advice.use is None or advice.best is None or advice.best == advice.use:
        return ""
    ratio = interval(contest.ratios[advice.use, advice.best])
    doubt = f"; {advice.best} is less simple, and may be {ratio} times as fast as that"
    if advice.more_rounds is None:
        return doubt
    return f"{doubt} ({many(advice.more_rounds, 'more round')} may show it)"


def what_would_help(advice: Advice) -> str:
    """Return what to do about advice that is inconclusive."""
    if advice.more_rounds is None:
        return (
            f"not even {MOST_MORE_ROUNDS} more rounds would help, because the differences are as "
            "small as the noise; measure on a quieter machine, or more conversations in a round"
        )
    return f"run {many(advice.more_rounds, 'more round')}"
