"""The columns of a comparison, one row each: terminal, Markdown and report.json share them.

To add a column, add a row to `COLUMNS`. If it shows something that is not measured yet, add
that to `bench.measuring.result.Entry` first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from bench.measuring.estimates import Estimate
from bench.reporting.words import interval, number

if TYPE_CHECKING:
    from bench.measuring.result import Entry, Group
    from bench.reporting.facts import Data, Tokenizer


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: a strategy in a group of a report.

    Parameters
    ----------
    data, tokenizer
        What was counted, and with which tokenizer.
    group
        The setting, and what was timed in it.
    entry
        The strategy.
    """

    data: Data
    tokenizer: Tokenizer
    group: Group
    entry: Entry


def plain(value: Any) -> str:
    """Return the text of a cell for a value; an empty text if there is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    return interval(value) if isinstance(value, Estimate) else str(value)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Parameters
    ----------
    key
        Its name in the results of report.json.
    value
        Returns the value for a row, as JSON can hold it. It is called for every row, even if the
        strategy could not run.
    title
        Shown over the column, in the terminal and in Markdown. A column without a title is in
        JSON only.
    cell
        Returns the text of a cell; by default as `plain` does.
    rank
        1 is always shown. If the terminal is too narrow, the highest rank is dropped first.
    left
        Whether it is text, which is aligned left.
    """

    key: str
    value: Callable[[Row], Any]
    title: str = ""
    cell: Callable[[Row], str] | None = None
    rank: int = 2
    left: bool = False

    def text(self, row: Row) -> str:
        """Return the cell of a row."""
        return self.cell(row) if self.cell else plain(self.value(row))


def marked(entry: Entry) -> str:
    """Return the name of a strategy; a control has a star after it, and a peer a dagger."""
    return f"{entry.strategy}{' *' if entry.control else ' †' if entry.peer else ''}"


def _exact(row: Row) -> str:
    entry = row.entry
    if entry.mismatches is None:
        return {"unavailable": "n/a", "ok": ""}.get(entry.status, entry.status)
    return "yes" if entry.mismatches == 0 else f"NO: {entry.mismatches:,}"


def _seconds(row: Row) -> str:
    seconds = row.entry.seconds
    return number(seconds.median, 3) if seconds else ""


def _speedup(row: Row) -> str:
    entry = row.entry
    if entry.speedup is None:
        return "not ranked" if entry.seconds else ""
    if entry.strategy == row.group.baseline:
        return "1"
    return interval(entry.speedup) + (" ?" if entry.verdict == "inconclusive" else "")


def _turns_per_second(row: Row) -> str:
    speed = row.entry.turns_per_second
    return "" if speed is None else number(speed, 0)


def _megabytes(row: Row) -> str:
    size = row.entry.memory_bytes
    return "" if size is None else f"{size / 1e6:,.0f}"


COLUMNS = (
    Column("tokenizer", attrgetter("group.tokenizer")),
    Column("cores", attrgetter("group.cores")),
    Column("workers", attrgetter("group.workers")),
    Column(
        "strategy",
        attrgetter("entry.strategy"),
        "strategy",
        lambda row: marked(row.entry),
        rank=1,
        left=True,
    ),
    Column("control", attrgetter("entry.control")),
    Column("peer", attrgetter("entry.peer")),
    Column("status", attrgetter("entry.status")),
    Column("reason", attrgetter("entry.reason")),
    Column("turns", attrgetter("data.turns")),
    Column("mismatches", attrgetter("entry.mismatches")),
    Column("exact", attrgetter("entry.exact"), "exact", _exact, rank=1, left=True),
    Column("seconds", attrgetter("entry.seconds"), "seconds", _seconds, rank=1),
    Column("speedup", attrgetter("entry.speedup"), "speedup [95 %]", _speedup, rank=1),
    Column("verdict", attrgetter("entry.verdict")),
    Column(
        "turns_per_second",
        attrgetter("entry.turns_per_second"),
        "turns/s",
        _turns_per_second,
        rank=3,
    ),
    Column("tokens_per_second", attrgetter("entry.tokens_per_second")),
    Column("cold_seconds", attrgetter("entry.cold_seconds"), "cold s"),
    Column("peak_rss_bytes", attrgetter("entry.peak_rss_bytes"), "MB", _megabytes),
    Column("parts", attrgetter("entry.parts")),
    Column("peak_pss_bytes", attrgetter("entry.peak_pss_bytes")),
    Column("round_seconds", attrgetter("entry.round_seconds")),
)
