"""The comparison as tables: for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bench.measuring.compare import Entry, Group, Timing
from bench.measuring.estimates import Estimate
from bench.measuring.jobs import AGAIN
from bench.reporting.output import write_whole
from bench.reporting.report import Dataset, ranking
from strategies import count_turns

COLUMNS = ("strategy", "exact", "seconds", "speedup [95 %]", "turns/s", "cold s", "MB")

MARKDOWN_ONLY = "turns/s"
"""Eighty characters have no room for it."""


def print_groups(console: Console, groups: Sequence[Group], dataset: Dataset) -> None:
    """Print a table for each group, with its notes and its advice under it."""
    # As `Text`, for names may hold what Rich takes for markup.
    line = Text.assemble((dataset.path, "bold"), f": {_dataset_line(dataset)}")
    console.print(line, soft_wrap=True)
    for group in groups:
        table = Table(
            title=Text(_title(group), style="bold"),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            # Eighty characters are enough for it, and are what a pipe has.
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        shown = [i for i, column in enumerate(COLUMNS) if column != MARKDOWN_ONLY]
        for i in shown:
            table.add_column(COLUMNS[i], justify="left" if i < 2 else "right", no_wrap=True)
        for cells, style in _rows(group):
            table.add_row(*(Text(cells[i]) for i in shown), style=style)
        console.print(table)
        for note in notes(group):
            console.print(Padding(Text(note), (0, 0, 0, 2)))
    console.print()


def write_markdown(
    path: Path, groups: Sequence[Group], dataset: Dataset, report: dict[str, Any]
) -> None:
    """Write report.md, whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    text = "\n".join(_markdown(groups, dataset, report)) + "\n"
    write_whole(path, lambda file: file.write(text.encode(errors="backslashreplace")))


def notes(group: Group) -> Iterator[str]:
    """Yield what a reader of a group's table should know."""
    if group.noise_floor:
        floor = group.noise_floor
        yield (
            f"{many(group.rounds, 'round')} of {many(group.turns, 'turn')}"
            + (f" in {many(group.conversations, 'whole conversation')}" if group.subset else "")
            + f"; noise floor {floor.low:.2f} to {floor.high:.2f}; every turn checked"
        )
    skipped = group.reference.skipped_turns
    if skipped:
        yield f"{skipped:,} of {group.checked_turns:,} turns have no ISL and are skipped by all"
    for entry, _ in ranking(group):
        star = "* control, never ranked; " if entry.control else ""
        if entry.reason or star:
            yield f"{star}{entry.strategy}: {entry.reason or 'exact here'}"
    if len(group.recommended) == 1:
        yield f"use {group.recommended[0]}"
    elif group.recommended:
        yield f"use {' or '.join(group.recommended)}: no difference shown (inconclusive)"


def _title(group: Group) -> str:
    cores, workers = many(group.cores, "core"), many(group.workers, "worker")
    family = group.reference.fingerprint["family"]
    return f"{group.tokenizer} ({family}), {cores}, {workers}"


def many(number: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _dataset_line(dataset: Dataset) -> str:
    conversations = dataset.conversations
    return f"{many(len(conversations), 'conversation')}, {many(count_turns(conversations), 'turn')}"


def _rows(group: Group) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the cells of each row and the style of the row."""
    for entry, timing in ranking(group):
        yield _row(group, entry, timing), _style(entry)
        if entry.strategy == "sequential" and group.noise_floor:
            yield (AGAIN, "", "", _interval(group.noise_floor), "", "", ""), "dim"


def _row(group: Group, entry: Entry, timing: Timing | None) -> tuple[str, ...]:
    return (
        f"{entry.strategy} *" if entry.control else entry.strategy,
        _exact(entry),
        f"{timing.seconds.median:.3f}" if timing else "",
        _speedup(entry, timing),
        f"{group.turns / timing.seconds.median:,.0f}" if timing else "",
        "" if entry.cold_seconds is None else f"{entry.cold_seconds:.2f}",
        "" if entry.peak_rss_bytes is None else f"{entry.peak_rss_bytes / 1e6:,.0f}",
    )


def _exact(entry: Entry) -> str:
    if entry.mismatches is None:
        return {"unavailable": "n/a"}.get(entry.status, entry.status)
    return "yes" if entry.mismatches == 0 else f"NO: {entry.mismatches:,}"


def _speedup(entry: Entry, timing: Timing | None) -> str:
    if timing is None:
        return ""
    if not entry.ranked:
        return "not ranked"
    if entry.strategy == "sequential":
        return "1"
    mark = " ?" if timing.verdict == "inconclusive" else ""
    return _interval(timing.speedup) + mark


def _interval(estimate: Estimate) -> str:
    return f"{estimate.median:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _style(entry: Entry) -> str:
    if entry.status == "ok" and not entry.control:
        return ""
    return "red" if entry.status in {"wrong", "failed"} and not entry.control else "dim"


def _markdown(groups: Sequence[Group], dataset: Dataset, report: dict[str, Any]) -> Iterator[str]:
    machine, versions = report["machine"], report["versions"]
    yield "# Ways to count input sequence lengths, compared"
    yield ""
    yield f"`{dataset.path}`: {_dataset_line(dataset)}, sha256 `{dataset.sha256[:16]}`."
    yield ""
    yield (
        f"Measured on {machine['processor']}, {machine['cores_available']} of "
        f"{machine['cores']} cores, with Python {versions['python']}, transformers "
        f"{versions['transformers']}, tokenizers {versions['tokenizers']}."
    )
    yield "Speedup is against `sequential` on the same cores; `?` marks an inconclusive one."
    for group in groups:
        size = group.reference.amplification
        yield ""
        yield f"## {_title(group)}"
        yield ""
        yield f"Rendered {size.rendered_bytes / 1e6:.1f} MB, amplification {size.factor:.1f}."
        yield ""
        yield f"| {' | '.join(COLUMNS)} |"
        yield f"|{'|'.join(['---'] * 2 + ['--:'] * (len(COLUMNS) - 2))}|"
        for cells, _ in _rows(group):
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        yield ""
        for note in notes(group):
            yield f"- {note}"
