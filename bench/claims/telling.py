"""Answered claims as text in Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from bench.claims.claim import RULE, Answered, Case
from bench.reporting.words import interval, number


def summary(answers: Mapping[str, Answered]) -> str:
    """Return the questions and the answers as a table."""
    lines = ["| question | answer | numbers |", "|---|---|---|"]
    for each in answers.values():
        numbers = "; ".join(_said(case) for case in each.evidence.cases if case.judged)
        shown = f"{each.claim.quantity}: {numbers}" if numbers else each.evidence.note
        lines.append(f"| {each.claim.question} | **{each.answer}** | {shown} |")
    return "\n".join(lines)


def section(answered: Answered) -> str:
    """Return a claim with its experiment, its rule and its answer."""
    claim = answered.claim
    again = " Times differ from run to run, and so can the answer." if claim.timed else ""
    return (
        f"## {claim.question}\n\n"
        f"**{answered.answer.capitalize()}.** {claim.rule}\n\n"
        f"{claim.experiment} ({answered.evidence.note}.){again}"
    )


def the_rule() -> str:
    """Return the rule by which all claims are answered."""
    return f"**The rule.** {RULE}"


def _said(case: Case) -> str:
    value = case.value
    shown = number(value.median) if value.low == value.high else interval(value)
    return f"{case.label} {shown}"
