"""Answered claims as text in Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from bench.claims.claim import RULE, Answered, Case, shown


def summary(answers: Mapping[str, Answered]) -> str:
    """Return the questions and the answers as a table."""
    lines = ["| question | answer | numbers |", "|---|---|---|"]
    for each in answers.values():
        numbers = "; ".join(_said(case) for case in each.evidence.cases if case.judged)
        found = f"{each.claim.quantity}: {numbers}" if numbers else each.evidence.note
        lines.append(f"| {each.claim.question} | **{each.answer}** | {found} |")
    return "\n".join(lines)


def section(answered: Answered) -> str:
    """Return a claim with its experiment, its rule and its answer."""
    claim = answered.claim
    note = answered.evidence.note
    again = " Times differ from run to run, and so can the answer." if claim.timed else ""
    return (
        f"## {claim.question}\n\n"
        f"**{answered.answer.capitalize()}.** {claim.rule}\n\n"
        f"{claim.experiment}\n\n{note[0].upper()}{note[1:]}.{again}"
    )


def the_rule() -> str:
    """Return the rule by which all claims are answered."""
    return f"**The rule.** {RULE}"


def _said(case: Case) -> str:
    return f"{case.label} {shown(case.value)}"
