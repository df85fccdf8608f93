"""What asv recorded last on each machine: warm times, and whether everything was exact."""

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
from bench.reporting.words import many
from strategies import InputError
from strategies.errors import one_line

WARM = "warm.Warm.time_count"
EXACT = "correctness.Exact.track_mismatches"
CONTROL = "correctness.Control.track_wrong_turns"

Combination = tuple[str, str]
"""Strategy and family."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The last commit of one machine and environment, as far as it belongs to the suite.

    Parameters
    ----------
    about
        A row of it, for what all have in common.
    rows
        Those that asv would show.
    warm
        The warm times among them, whatever became of them.
    wrong
        Turns that were counted otherwise than the reference, where there are any.
    checked, unchecked
        Combinations whose counts were compared with the reference, and those that were timed
        without that.
    blind
        Whether the control, which is wrong on purpose, was found to be right.
    failed
        What raised or ran out of time.
    outdated
        How many rows are of benchmarks that the suite has no longer, or in another version.
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
    """Return what was recorded last on each machine, or on one, in each environment.

    With `newest`, only the one of them that was measured last.

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
    """Print a table of warm times for each shape, on the most cores that were measured.

    Raises
    ------
    InputError
        If nothing was recorded for the cores or a shape that are asked for.
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
    """Return the numbers of cores that the machine has, of those that were tried."""
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
    # A strategy that counts wrong is shown, and its time is never taken for a good one.
    return Text(f"{1e3 * row.value:,.2f}{' wrong' if wrong else ''}", style="red" if wrong else "")


def _notes(last: Recorded) -> Iterator[tuple[str, str]]:
    """Yield what is said under the tables, each with its style."""
    if last.checked:
        turns = sum(last.wrong.values())
        checked = f"{len(last.checked)} combinations of strategy and family"
        yield f"mismatches: {turns:,g} turns in {checked}", "red" if last.wrong else ""
    else:
        yield f"{EXACT} was never recorded", "red"
    for (strategy, family), wrong in last.wrong.items():
        yield f"  {strategy}, {family}: {wrong:,g} wrong", "red"
    for strategy, family in last.unchecked:
        yield f"  {strategy}, {family}: timed, and never checked", "red"
    if last.blind:
        yield "the control is wrong on purpose, and was found right: the check is blind", "red"
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
    """JSON knows no other numbers."""
    return value if value is not None and math.isfinite(value) else None


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if value is None or isinstance(value, str | int) else repr(value)
        for name, value in params.items()
    }
