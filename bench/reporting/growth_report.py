"""The report of `bench growth`: one value for its tables, its plots and growth.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from rich.console import Console
from rich.text import Text

from bench.measuring.growth import Curve, Exponent, LeftOut, Point, exponent
from bench.measuring.load import Load
from bench.measuring.machine import Machine
from bench.measuring.recordable import LATER
from bench.reporting.fitting import Head, print_table
from bench.reporting.json_value import decode, encode, member
from bench.reporting.report import LEAST, MOST, read_fingerprint
from bench.reporting.words import number
from strategies import InputError
from strategies.words import printable


@dataclass(frozen=True, slots=True)
class GrowthReport:
    """How the time per turn grows with the turns of a conversation.

    Parameters
    ----------
    strategy, workers
        The first strategy that was timed, and how many workers each had.
    tokenizer
        Fingerprint of the tokenizer.
    points
        Of the first strategy: one for each length, at least one. All have the same parts.
    left_out
        Where it was not timed; None if it was timed at every length.
    others
        The other strategies, timed in the same rounds.
    machine
        What it ran on; None in reports of before.
    started
        When it began, in UTC, as ISO 8601; None in reports of before.
    load
        How busy the machine was; None in reports of before.
    """

    strategy: str
    workers: int
    tokenizer: Mapping[str, Any]
    points: tuple[Point, ...]
    left_out: LeftOut | None = field(default=None, metadata=LATER)
    others: tuple[Curve, ...] = field(default=(), metadata=LATER)
    machine: Machine | None = field(default=None, metadata=LATER)
    started: str | None = field(default=None, metadata=LATER)
    load: Load | None = field(default=None, metadata=LATER)

    @property
    def curves(self) -> tuple[Curve, ...]:
        """All strategies, the first one first."""
        return (Curve(self.strategy, self.points, self.left_out), *self.others)

    @property
    def tokenizer_name(self) -> str:
        """Name of the tokenizer, without its folder."""
        return PurePath(self.tokenizer["name_or_path"]).name

    @property
    def title(self) -> str:
        """The first strategy and the tokenizer, for its table."""
        return self.title_of(self.strategy)

    def title_of(self, strategy: str) -> str:
        """Return a strategy and the tokenizer, for a table."""
        return printable(f"{strategy}, {self.tokenizer_name}")

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
        _check(points, "points")
        others: tuple[Curve, ...] = decode(tuple[Curve, ...], document.get("others", []), "others")
        for i, curve in enumerate(others):
            _check(curve.points, f"others[{i}].points")
        return cls(
            strategy=member(document, "strategy", str),
            workers=member(document, "workers", int),
            tokenizer=read_fingerprint(tokenizer, "tokenizer"),
            points=points,
            left_out=decode(LeftOut | None, document.get("left_out"), "left_out"),
            others=others,
            machine=decode(Machine | None, document.get("machine"), "machine"),
            started=decode(str | None, document.get("started"), "started"),
            load=decode(Load | None, document.get("load"), "load"),
        )


def _check(points: Sequence[Point], where: str) -> None:
    for i, point in enumerate(points):
        # Plots show logarithms, and no measured value is beyond these limits.
        for name in ("turns", "seconds_per_turn"):
            if not LEAST <= getattr(point, name) <= MOST:
                raise InputError(f"must be {LEAST:g} to {MOST:g}", field=f"{where}[{i}].{name}")
        for j, seconds in enumerate(point.round_seconds or ()):
            if not LEAST <= seconds <= MOST:
                field = f"{where}[{i}].round_seconds[{j}]"
                raise InputError(f"must be {LEAST:g} to {MOST:g}", field=field)
        if list(point.parts) != list(points[0].parts):
            raise InputError("must be those of the first point", field=f"{where}[{i}].parts")


def power(found: Exponent | None) -> str:
    """Return a power of the turns T as text, such as ``T^1.97 [1.93, 2.01]``."""
    if found is None:
        return ""
    if found.low is None or found.high is None:
        return f"T^{found.value:.2f}"
    return f"T^{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def print_growth(console: Console, report: GrowthReport) -> None:
    """Print the tables of a growth report.

    Each strategy has a table of its parts. If there are several, a table before these compares
    the time of a whole conversation.
    """
    if report.others:
        _print_conversations(console, report)
    for curve in report.curves:
        if curve.points:
            console.print(
                Text(f"{report.title_of(curve.strategy)}: microseconds per turn", style="bold")
            )
            _print_parts(console, curve.points)


def _print_conversations(console: Console, report: GrowthReport) -> None:
    title = printable(f"{report.tokenizer_name}: milliseconds for a conversation of T turns")
    console.print(Text(title, style="bold"))
    lengths = sorted({point.turns for curve in report.curves for point in curve.points})
    heads = [
        Head("strategy", left=True),
        *(Head(f"{turns:,}") for turns in lengths),
        Head("grows with [95 %]", left=True),
    ]
    rows = []
    for curve in report.curves:
        timed = {point.turns: number(1e3 * point.seconds) for point in curve.points}
        cells = [timed.get(turns, "") for turns in lengths]
        rows.append([curve.strategy, *cells, power(exponent(curve.points))])
    print_table(console, heads, rows)
    for curve in report.curves:
        if curve.left_out:
            console.print(Text(printable(f"  {curve.strategy}: {curve.left_out.reason}")))
    console.print()


def _print_parts(console: Console, points: Sequence[Point]) -> None:
    heads = [Head(title) for title in ("turns", *points[0].parts, "whole")]
    rows = [
        [
            f"{point.turns:,}",
            *(number(1e6 * seconds, 1) for seconds in point.parts.values()),
            number(1e6 * point.seconds_per_turn, 1),
        ]
        for point in points
    ]
    print_table(console, heads, rows)
