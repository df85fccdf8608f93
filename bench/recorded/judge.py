"""Judge the last results of asv on each machine: warm times, and whether all was exact."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from bench.recorded.results import Row, latest
from bench.reporting.fitting import Head, print_table
from strategies import InputError
from strategies.errors import one_line
from strategies.words import many

WARM = "warm.Warm.time_count"
EXACT = "correctness.Exact.track_mismatches"
CONTROL = "correctness.Control.track_wrong_turns"

Combination = tuple[str, str]
"""Strategy and family."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The results of the last commit on one machine and environment.

    Parameters
    ----------
    about
        Any row of the group; gives machine, environment, commit.
    rows
        The rows of benchmarks as the suite has them now.
    warm
        The warm times among them, also if they failed or are n/a.
    wrong
        Numbers of turns that differ from the reference, for each combination that has any.
    checked, unchecked
        Combinations whose counts were compared with the reference, and combinations that were
        timed without being compared.
    blind
        Whether the check found the control right, although it is wrong on purpose.
    failed
        Rows of benchmarks that raised or ran out of time.
    outdated
        Number of rows that the suite no longer has, or has in another version.
    """

    about: Row
    rows: Sequence[Row]
    warm: Sequence[Row]
    wrong: Mapping[Combination, float]
    checked: Sequence[Combination]
    unchecked: Sequence[Combination]
    blind: bool
    failed: Sequence[Row]
    outdated: int

    @property
    def ok(self) -> bool:
        """Whether nothing failed, and every strategy that was timed was checked and exact."""
        bad = self.wrong or self.unchecked or self.blind or self.failed
        return bool(self.checked) and not bad

    def as_dict(self) -> dict[str, Any]:
        """Return what `bench history --json` prints."""
        return {
            "machine": self.about.machine,
            "environment": dict(self.about.environment),
            "commit": self.about.commit,
            "commit_date": self.about.commit_date.isoformat(),
            "ok": self.ok,
            "warm": [
                {**_plain(each.params), "status": each.status, "seconds": _finite(each.value)}
                for each in self.warm
            ],
            "mismatches": {
                "turns": _finite(sum(self.wrong.values())),
                "checked": len(self.checked),
                "wrong": [
                    {"strategy": strategy, "family": family, "turns": _finite(turns)}
                    for (strategy, family), turns in self.wrong.items()
                ],
                "unchecked": [
                    {"strategy": strategy, "family": family} for strategy, family in self.unchecked
                ],
                "blind": self.blind,
            },
            "not_available": _count(self.rows, "n/a"),
            "failed": [
                {"benchmark": each.benchmark, "params": _plain(each.params)} for each in self.failed
            ],
            "outdated": self.outdated,
        }


def recorded(
    rows: Sequence[Row], machine: str | None = None, *, newest: bool = False
) -> list[Recorded]:
    """Return what was recorded last on each machine, in each environment.

    Parameters
    ----------
    rows
        From `bench.recorded.results.read_history`.
    machine
        Name of the only machine to return, or None for all.
    newest
        Whether to return only the group that was measured last.

    Raises
    ------
    InputError
        If there is no such machine.
    """
    machines = sorted({row.machine for row in rows})
    if machine is not None and machine not in machines:
        raise InputError(f"{machine!r} recorded nothing; {_known(machines)}", field="--machine")
    groups = [group for group in latest(rows) if machine in {None, group[0].machine}]
    if newest:
        groups = [max(groups, key=_measured)]
    return [_judge(group) for group in groups]


def _measured(group: Sequence[Row]) -> datetime:
    """Return when the last benchmark of a commit began."""
    never = datetime.min.replace(tzinfo=UTC)
    return max(row.started or never for row in group)


def _judge(group: Sequence[Row]) -> Recorded:
    rows = [row for row in group if row.current]
    warm = [
        row
        for row in rows
        if row.benchmark == WARM and {"strategy", "family", "cores", "shape"} <= row.params.keys()
    ]
    exact = {
        _combination(row): row.value
        for row in rows
        if row.benchmark == EXACT and row.value is not None
    }
    timed = dict.fromkeys(_combination(row) for row in warm if row.status == "ok")
    control = [row.value for row in rows if row.benchmark == CONTROL and row.status == "ok"]
    return Recorded(
        about=group[0],
        rows=rows,
        warm=warm,
        wrong={combination: turns for combination, turns in exact.items() if turns != 0},
        checked=list(exact),
        unchecked=[combination for combination in timed if combination not in exact],
        blind=bool(control) and not any(control),
        failed=[row for row in rows if row.status == "failed"],
        outdated=len(group) - len(rows),
    )


def print_recorded(
    console: Console,
    last: Sequence[Recorded],
    *,
    cores: Sequence[int] | None = None,
    shapes: Sequence[str] = (),
) -> None:
    """Print tables of warm times, and under them whether everything was exact.

    Parameters
    ----------
    console
        Where to print.
    last
        From `recorded`.
    cores
        A table for each of these numbers of cores; by default for the largest that was measured.
    shapes
        A table for each of these shapes of conversation; by default for all.

    Raises
    ------
    InputError
        If nothing was recorded for a number of cores or a shape.
    """
    _check("--cores", cores or (), [count for each in last for count in _cores(each)])
    _check("--shape", shapes, [shape for each in last for shape in _shapes(each)])
    for each in last:
        environment = each.about.environment.items()
        versions = ", ".join(f"{name} {version}".strip() for name, version in environment)
        console.print(
            Text.assemble((one_line(each.about.machine), "bold"), f": {one_line(versions)}")
        )
        console.print(f"commit {each.about.commit[:8]} of {each.about.commit_date:%Y-%m-%d}\n")
        for shape in shapes or _shapes(each):
            for count in cores or _cores(each)[-1:]:
                wanted = [r for r in each.warm if _setting(r) == (shape, count)]
                if wanted:
                    title = f"{shape}, {many(count, 'core')}: milliseconds of a warm count"
                    console.print(Text(one_line(title), style="bold"))
                    _print_table(console, wanted, each.wrong)
        for note, style in _notes(each):
            indent = 2 + len(note) - len(note.lstrip())
            console.print(Padding(Text(one_line(note), style=style), (0, 0, 0, indent)))
        console.print()


def _check(option: str, wanted: Sequence[object], known: Sequence[object]) -> None:
    for each in wanted:
        if each not in known:
            raise InputError(f"{each} was not measured; {_known(known)}", field=option)


def _cores(last: Recorded) -> list[Any]:
    """Return the numbers of cores that were measured; larger ones the machine does not have."""
    counts = {row.params["cores"] for row in last.warm if row.status == "ok"}
    return sorted(count for count in counts if isinstance(count, int))


def _shapes(last: Recorded) -> list[str]:
    return list(dict.fromkeys(_setting(row)[0] for row in last.warm))


def _setting(row: Row) -> tuple[str, object]:
    return str(row.params["shape"]), row.params["cores"]


def _print_table(console: Console, rows: Sequence[Row], wrong: Mapping[Combination, float]) -> None:
    cells = {_combination(row): row for row in rows}
    families = list(dict.fromkeys(family for _, family in cells))
    heads = [Head("strategy", left=True), *(Head(one_line(family)) for family in families)]
    shown: list[list[str | Text]] = [
        [
            one_line(strategy),
            *(
                _cell(cells.get((strategy, family)), wrong=(strategy, family) in wrong)
                for family in families
            ),
        ]
        for strategy in dict.fromkeys(strategy for strategy, _ in cells)
    ]
    print_table(console, heads, shown)


def _cell(row: Row | None, *, wrong: bool) -> Text:
    if row is None or row.value is None:
        status = "n/a" if row is None else row.status
        return Text(status, style="red" if status == "failed" else "dim")
    # Show the time of a strategy that counts wrong, but mark it.
    return Text(f"{1e3 * row.value:,.2f}{' wrong' if wrong else ''}", style="red" if wrong else "")


def _notes(last: Recorded) -> Iterator[tuple[str, str]]:
    """Yield the notes under the tables, each with its style."""
    if last.checked:
        turns = sum(last.wrong.values())
        checked = f"{many(len(last.checked), 'combination')} of strategy and family"
        yield f"mismatches: {turns:,g} turns in {checked}", "red" if last.wrong else ""
    else:
        yield f"{EXACT} was never recorded", "red"
    for (strategy, family), wrong in last.wrong.items():
        yield f"  {strategy}, {family}: {wrong:,g} wrong", "red"
    for strategy, family in last.unchecked:
        yield f"  {strategy}, {family}: timed, but never checked", "red"
    if last.blind:
        yield "the control is wrong on purpose, but was found right: the check is blind", "red"
    failed = len(last.failed)
    summary = f"{len(last.rows):,} results: {_count(last.rows, 'n/a'):,} n/a, {failed:,} failed"
    yield summary, "red" if failed else ""
    for row in last.failed:
        params = ", ".join(f"{name} {value}" for name, value in row.params.items())
        yield f"  {row.benchmark}{f': {params}' if params else ''}", "red"
    if last.outdated:
        yield f"{last.outdated:,} more are of benchmarks that have changed since", "dim"


def _combination(row: Row) -> Combination:
    return str(row.params.get("strategy")), str(row.params.get("family"))


def _count(rows: Sequence[Row], status: str) -> int:
    return sum(row.status == status for row in rows)


def _known(names: Sequence[object]) -> str:
    return f"there is {', '.join(map(str, dict.fromkeys(names))) or 'nothing'}"


def _finite(value: float | None) -> float | None:
    """Return None for a number that is not finite, because JSON has none."""
    return value if value is not None and math.isfinite(value) else None


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if value is None or isinstance(value, str | int) else repr(value)
        for name, value in params.items()
    }
