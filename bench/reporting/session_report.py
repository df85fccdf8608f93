"""The report of `bench growth --session`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from rich.console import Console

from bench.measuring.load import Load
from bench.measuring.machine import Machine
from bench.measuring.session_growth import Calls, SessionPoint
from bench.reporting.fitting import Head, print_table
from bench.reporting.json_value import encode
from bench.reporting.words import number
from strategies.words import printable


@dataclass(frozen=True, slots=True)
class SessionReport:
    """How long a call of a session takes as its conversation grows.

    Parameters
    ----------
    tokenizer
        Fingerprint of the tokenizer.
    points
        One for each length, the shortest first.
    note
        What the sessions note: that they take a slower way, and why.
    machine, started, load
        What it ran on, when it began (UTC, ISO 8601), and how busy the machine was.
    """

    tokenizer: Mapping[str, Any]
    points: tuple[SessionPoint, ...]
    note: str | None
    machine: Machine
    started: str
    load: Load

    @property
    def mismatches(self) -> int:
        """Counts that differ from the plain call's."""
        return sum(point.mismatches for point in self.points)

    @property
    def growth(self) -> float:
        """Seconds per turn at the last length, over those at the first."""
        return self.points[-1].per_turn / self.points[0].per_turn

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        document: dict[str, Any] = encode(self)
        for point, written in zip(self.points, document["points"], strict=True):
            written["faster"] = point.faster
        return {**document, "growth": self.growth}


def print_session(console: Console, report: SessionReport) -> None:
    """Print the table of a report.

    Parameters
    ----------
    console
        Where to print it.
    report
        What was measured.
    """
    name = printable(PurePath(report.tokenizer["name_or_path"]).name)
    console.print(f"session, {name}: microseconds per call", style="bold", markup=False)
    heads = [
        Head("turns"),
        Head("tokens", rank=3),
        Head("add p50", rank=2),
        Head("isl p50"),
        Head("isl p99"),
        Head("apply_chat_template p50"),
        Head("p99", rank=2),
        Head("times faster"),
        Head("counts", rank=1),
    ]
    rows = [
        [
            f"{point.turns:,}",
            f"{point.tokens:,}",
            _microseconds(point.add)[0],
            *_microseconds(point.isl),
            *_microseconds(point.plain),
            number(point.faster),
            "equal" if not point.mismatches else f"{point.mismatches} WRONG",
        ]
        for point in report.points
    ]
    print_table(console, heads, rows)
    first, last = report.points[0].turns, report.points[-1].turns
    console.print(
        f"a call at {last:,} turns takes {number(report.growth)} times as long as one at {first:,}",
        markup=False,
    )
    if report.note is not None:
        console.print(report.note, markup=False)


def _microseconds(calls: Calls) -> tuple[str, str]:
    return number(calls.p50 * 1e6), number(calls.p99 * 1e6)
