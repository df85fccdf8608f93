"""What came of a check: tables, or JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.checking.asking import Asked, Outcome
from bench.checking.comparing import Comparison, Departure, Row
from strategies.words import many, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from bench.reporting.dataset import Dataset

SCHEMA_VERSION = 1
SCHEMA_PATH = Path(__file__).parents[1] / "data" / "check.schema.json"
EXIT_CODES = {"equal": 0, "different": 1, "inconclusive": 2}
_MOST_REASONS = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """Which turns were asked.

    Parameters
    ----------
    turns
        Turns of the dataset that have a count.
    seed
        Decided which of them.
    left_out
        Strata of which no turn was asked.
    skipped
        Turns of the dataset that have no count.
    """

    turns: int
    seed: int
    left_out: tuple[str, ...]
    skipped: int


@dataclass(frozen=True, slots=True)
class Check:
    """A check with all that a report says of it.

    Parameters
    ----------
    against
        The server's address.
    dataset
        Where the turns come from.
    sample
        Which of them were asked.
    asked
        How the server was asked.
    comparison
        What came of it.
    fingerprint
        All that our counts depend on.
    """

    against: str
    dataset: Dataset
    sample: Sample
    asked: Asked
    comparison: Comparison
    fingerprint: Mapping[str, Any]


def document(check: Check) -> dict[str, Any]:
    """Return what ``--json`` prints. `SCHEMA_PATH` is its schema.

    Parameters
    ----------
    check
        The check.
    """
    comparison = check.comparison
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": comparison.verdict,
        "version": version("isl-bench"),
        "server": {
            "url": check.against,
            "endpoint": check.asked.endpoint.name,
            "model": check.asked.model,
        },
        "tokenizer": dict(check.fingerprint),
        "dataset": {
            "path": check.dataset.path,
            "sha256": check.dataset.sha256,
            "conversations": len(check.dataset.conversations),
            "reading": asdict(check.dataset.reading),
        },
        "sample": {
            "of_turns": check.sample.turns,
            "turns": len(comparison.outcomes),
            "seed": check.sample.seed,
            "skipped": check.sample.skipped,
            "left_out": list(check.sample.left_out),
        },
        "compared": len(comparison.compared),
        "different": len(comparison.different),
        "departures": [_departure(each) for each in comparison.departures],
        "unanswered": [
            {"reason": reason, "turns": number} for reason, number in comparison.reasons
        ],
        "strata": [asdict(row) for row in comparison.rows],
        "turns": [
            {
                **_turn(outcome),
                "ours": outcome.turn.isl,
                "theirs": None if outcome.seen is None else outcome.seen.count,
                "cached": None if outcome.seen is None else outcome.seen.cached,
                "again": outcome.again,
                "reason": outcome.reason,
                "strata": list(outcome.turn.strata),
            }
            for outcome in comparison.outcomes
        ],
    }


def _turn(outcome: Outcome) -> dict[str, Any]:
    turn = outcome.turn
    return {"conversation": turn.conversation.id, "turn": turn.index + 1}


def _departure(departure: Departure) -> dict[str, Any]:
    place = departure.place
    return {
        "kind": departure.kind,
        "where": departure.where,
        "turns": len(departure.outcomes),
        "low": departure.low,
        "high": departure.high,
        "example": _turn(departure.outcomes[0]),
        "at": None if place is None else place.at,
        "unit": None if place is None else place.unit,
        "ours": None if place is None else place.ours,
        "theirs": None if place is None else place.theirs,
    }


def print_report(console: Console, check: Check) -> None:
    """Print what was asked, a table of strata, the kinds of differences, and the verdict.

    Parameters
    ----------
    console
        Where to.
    check
        The check.
    """
    from bench.reporting.fitting import Head, print_table

    comparison, sample = check.comparison, check.sample
    asked = check.asked
    model = "no model named" if asked.model is None else f"model {asked.model}"
    _line(console, f"{check.against}: {asked.endpoint.name} ({asked.endpoint.summary}), {model}")
    _line(
        console,
        f"{many(len(comparison.outcomes), 'turn')} of {sample.turns:,}, seed {sample.seed}; "
        f"messages: {check.fingerprint['messages']}",
    )
    if sample.left_out:
        _line(console, f"not in the sample: {', '.join(sample.left_out)}; --turns takes more")
    heads = [
        Head("turns with", left=True, wraps=True),
        *(Head(title) for title in ("compared", "different")),
        Head("server − ours"),
        Head("no count", rank=2),
    ]
    print_table(console, heads, [_cells(row) for row in comparison.rows])
    for departure in comparison.departures:
        _print_departure(console, departure)
    for reason, number in comparison.reasons[:_MOST_REASONS]:
        _line(console, f"no count of {many(number, 'turn')}: {reason}")
    if len(comparison.reasons) > _MOST_REASONS:
        _line(console, f"and {many(len(comparison.reasons) - _MOST_REASONS, 'other reason')}")
    _line(console, _verdict(comparison))


def _cells(row: Row) -> list[str]:
    differences = "" if not row.different else _span(row.low, row.high)
    return [
        row.stratum,
        *(f"{row.compared:,}", f"{row.different:,}"),
        differences,
        f"{row.unanswered:,}" if row.unanswered else "",
    ]


def _span(low: int, high: int) -> str:
    return _signed(low) if low == high else f"{_signed(low)} to {_signed(high)}"


def _signed(number: int) -> str:
    return f"{number:+,}" if number else "0"


def _print_departure(console: Console, departure: Departure) -> None:
    same = not (departure.low or departure.high)
    tokens = (
        "the counts are equal" if same else f"server − ours: {_span(departure.low, departure.high)}"
    )
    _line(
        console,
        f"{departure.kind}: {many(len(departure.outcomes), 'turn')} ({departure.where}), {tokens}",
    )
    first = departure.outcomes[0].turn
    place = departure.place
    if place is None:
        _line(console, f"for example {first.name}", indent=2)
        return
    _line(
        console,
        f"for example {first.name}, the first difference is after {many(place.at, place.unit)}",
        indent=2,
    )
    _line(console, f"ours:   {place.ours}", indent=2)
    _line(console, f"server: {place.theirs}", indent=2)


def _verdict(comparison: Comparison) -> str:
    compared, different = len(comparison.compared), len(comparison.different)
    missing = len(comparison.outcomes) - compared
    if comparison.verdict == "different":
        return f"{different:,} of {many(compared, 'turn')} have another count on the server"
    if comparison.verdict == "equal":
        left = f", {missing:,} left out" if missing else ""
        return f"equal: all {many(compared, 'turn')} have the same count on the server{left}"
    if not compared:
        return "inconclusive: nothing could be compared"
    return (
        f"inconclusive: {many(compared, 'turn')} have the same count, and the server said none "
        f"of {missing:,}; --on-error skip leaves these out"
    )


def _line(console: Console, line: str, indent: int = 0) -> None:
    from rich.padding import Padding
    from rich.text import Text

    # What does not fit goes on below, with the same indent.
    console.print(Padding(Text(printable(line), overflow="fold"), (0, 0, 0, indent), expand=False))
