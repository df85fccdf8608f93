"""The report of `bench growth`: one value for its table, its plot and growth.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from rich.console import Console
from rich.text import Text

from bench.measuring.growth import Point
from bench.reporting.fitting import Head, print_table
from bench.reporting.json_value import encode, member
from bench.reporting.report import LEAST, MOST, read_fingerprint
from bench.reporting.words import number, printable
from strategies import InputError


@dataclass(frozen=True, slots=True)
class GrowthReport:
    """How the time per turn grows with the turns of a conversation.

    Parameters
    ----------
    strategy, workers
        The strategy that was timed, and how many workers it had.
    tokenizer
        Fingerprint of the tokenizer.
    points
        One for each length, at least one. All have the same parts.
    """

    strategy: str
    workers: int
    tokenizer: Mapping[str, Any]
    points: tuple[Point, ...]

    @property
    def title(self) -> str:
        """Strategy and tokenizer, for tables and plots."""
        return printable(f"{self.strategy}, {PurePath(self.tokenizer['name_or_path']).name}")

    def as_dict(self) -> dict[str, Any]:
        """Return what growth.json holds."""
        document: dict[str, Any] = encode(self)
        return document

    @classmethod
    def from_dict(cls, document: Any) -> GrowthReport:
        """Return the report that growth.json holds.

        Raises
        ------
        InputError
            If a field is missing or wrong; the error names it.
        """
        tokenizer = member(document, "tokenizer", Mapping[str, Any])
        points: tuple[Point, ...] = member(document, "points", tuple[Point, ...])
        if not points:
            raise InputError("must not be empty", field="points")
        for i, point in enumerate(points):
            # Plots show logarithms, and no measured value is beyond these limits.
            for name in ("turns", "seconds_per_turn"):
                if not LEAST <= getattr(point, name) <= MOST:
                    raise InputError(f"must be {LEAST:g} to {MOST:g}", field=f"points[{i}].{name}")
            if list(point.parts) != list(points[0].parts):
                raise InputError("must be those of the first point", field=f"points[{i}].parts")
        return cls(
            strategy=member(document, "strategy", str),
            workers=member(document, "workers", int),
            tokenizer=read_fingerprint(tokenizer, "tokenizer"),
            points=points,
        )


def print_growth(console: Console, report: GrowthReport) -> None:
    """Print the table of a growth report."""
    console.print(Text(f"{report.title}: microseconds per turn", style="bold"))
    heads = [Head(title) for title in ("turns", *report.points[0].parts, "whole")]
    rows = [
        [
            f"{point.turns:,}",
            *(number(1e6 * seconds, 1) for seconds in point.parts.values()),
            number(1e6 * point.seconds_per_turn, 1),
        ]
        for point in report.points
    ]
    print_table(console, heads, rows)
