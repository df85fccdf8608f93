"""What came of a run: a table by subject with the failed cases by name, or JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.conformance.corpus import LIBRARIES, made_with
from bench.conformance.runner import INCONCLUSIVE, STATUSES, Outcome, Status, exit_code
from strategies.words import many, printable

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1
SCHEMA_PATH = Path(__file__).parents[1] / "data" / "conformance_report.schema.json"


def document(target: str, outcomes: Sequence[Outcome], code: int) -> dict[str, Any]:
    """Return what ``--json`` prints. `SCHEMA_PATH` is its schema.

    Parameters
    ----------
    target
        Name of the target.
    outcomes
        One for each case.
    code
        The exit code.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "target": target,
        "status": ("passed", "wrong", "inconclusive")[code],
        "versions": {name: version(name) for name in ("isl-bench", *LIBRARIES)},
        "made_with": made_with(),
        "summary": _counts(outcomes),
        "cases": [
            {
                "id": outcome.case.id,
                "about": outcome.case.about,
                "shows": list(outcome.case.shows),
                "status": outcome.status,
                "reason": outcome.said or None,
            }
            for outcome in outcomes
        ],
    }


def print_report(console: Console, target: str, outcomes: Sequence[Outcome]) -> None:
    """Print a table with a row for each subject, and each case that is wrong or failed.

    Cases that failed or are unavailable for the same reason share its line.

    Parameters
    ----------
    console
        Where to.
    target
        Name of the target.
    outcomes
        One for each case.
    """
    from bench.reporting.fitting import Head, print_table

    heads = [Head("subject", left=True), *map(Head, ("cases", "passed", "wrong", "failed", "n/a"))]
    by_subject: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_subject.setdefault(outcome.case.subject, []).append(outcome)
    rows = [_row(subject, group) for subject, group in by_subject.items()]
    if len(rows) > 1:
        rows.append(_row("all", outcomes))
    print_table(console, heads, rows)
    for outcome in outcomes:
        if outcome.status == "wrong":
            _print_line(console, f"{outcome.case.id}: {outcome.said}")
            _print_line(console, f"{outcome.case.about}{_shown_bugs(outcome)}", indent=2)
    for reason, names in _by_reason(outcomes, "failed").items():
        _print_line(console, f"failed, {many(len(names), 'case')}: {reason}")
        for name in names:
            _print_line(console, name, indent=2)
    for reason, names in _by_reason(outcomes, "unavailable").items():
        _print_line(console, f"n/a, {many(len(names), 'case')}: {reason}")
    _print_line(console, verdict(target, outcomes))


def verdict(target: str, outcomes: Sequence[Outcome]) -> str:
    """Return in one line whether a target conforms."""
    counts = _counts(outcomes)
    bad = counts["wrong"] + counts["failed"]
    asked = counts["cases"] - counts["unavailable"]
    if exit_code(outcomes) == INCONCLUSIVE:
        return f"{target}: inconclusive, as it answered none of {many(len(outcomes), 'case')}"
    if bad:
        return f"{target}: {bad:,} of {many(asked, 'case')} wrong or failed"
    return f"{target}: all of {many(asked, 'case')} right"


def _by_reason(outcomes: Sequence[Outcome], status: Status) -> dict[str, list[str]]:
    """Return the names of cases that share a reason, by reason."""
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.status == status:
            found.setdefault(outcome.said, []).append(outcome.case.id)
    return found


def _row(subject: str, outcomes: Sequence[Outcome]) -> list[str]:
    counts = _counts(outcomes)
    return [subject, f"{counts['cases']:,}", *(f"{counts[each]:,}" for each in STATUSES)]


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    found = Counter(outcome.status for outcome in outcomes)
    return {"cases": len(outcomes), **{status: found[status] for status in STATUSES}}


def _shown_bugs(outcome: Outcome) -> str:
    return f" ({', '.join(outcome.case.shows)})" if outcome.case.shows else ""


def _print_line(console: Console, line: str, indent: int = 0) -> None:
    from rich.padding import Padding
    from rich.text import Text

    # What does not fit goes on below, with the same indent.
    console.print(Padding(Text(printable(line), overflow="fold"), (0, 0, 0, indent), expand=False))
