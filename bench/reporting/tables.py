"""The comparison as tables: for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from bench.measuring.load import Load
from bench.measuring.machine import Machine
from bench.measuring.result import Entry, Group
from bench.reporting.advising import advice_line
from bench.reporting.columns import COLUMNS, Column, Row
from bench.reporting.fitting import Head, print_table
from bench.reporting.report import Report
from bench.reporting.words import listed, number, setting_words
from strategies.words import many, printable


def print_report(console: Console, report: Report, columns: Sequence[Column] = COLUMNS) -> None:
    """Print a table for each group, and under it notes and advice.

    Parameters
    ----------
    console
        Where to print; its width decides which columns are shown.
    report
        The report.
    columns
        The columns. Those without a title are not shown.
    """
    # As `Text`, because names may hold what Rich would read as markup.
    path = printable(report.dataset.path)
    console.print(Text.assemble((path, "bold"), f": {_dataset_line(report)}"), soft_wrap=True)
    shown = [column for column in columns if column.title]
    heads = [Head(column.title, column.rank, column.left) for column in shown]
    tables = [
        [
            [Text(column.text(row), style=_style(row)) for column in shown]
            for row in ranking(report, group)
        ]
        for group in report.groups
    ]
    for group, rows in zip(report.groups, tables, strict=True):
        console.print()
        console.print(Text(_title(report, group), style="bold"))
        print_table(console, heads, rows, [row for table in tables for row in table])
        for note in notes(report, group):
            style = "yellow" if note.startswith("warning") else ""
            console.print(Padding(Text(note, style=style), (0, 0, 0, 2), expand=False))
    for line in unfinished(report):
        console.print()
        console.print(Text(line, style="yellow"))
    console.print()


def markdown(report: Report, columns: Sequence[Column] = COLUMNS) -> str:
    """Return the content of report.md.

    Parameters
    ----------
    report
        The report.
    columns
        The columns. Those without a title are not shown.
    """
    return "\n".join(_markdown(report, [column for column in columns if column.title])) + "\n"


def ranking(report: Report, group: Group) -> Iterator[Row]:
    """Yield the rows of a group as tables show them.

    First come the ranked strategies, fastest first; then those that were timed but not ranked;
    then the rest. The noise floor has a row under the baseline.
    """

    def key(entry: Entry) -> tuple[int, float]:
        if entry.speedup:
            return 0, -entry.speedup.median
        return (1 if entry.seconds else 2), 0.0

    for entry in sorted(group.entries, key=key):
        yield report.row(group, entry)
        if entry.strategy == group.baseline and group.noise_floor:
            yield report.row(
                group, Entry(group.again, False, "ok", None, speedup=group.noise_floor)
            )


def notes(report: Report, group: Group) -> Iterator[str]:
    """Yield what a reader of a group's table should know."""
    if group.noise_floor:
        floor = group.noise_floor
        whole = f" in {many(group.timed_conversations, 'whole conversation')}"
        yield (
            f"{many(group.rounds, 'round')} of {many(group.timed_turns, 'turn')}"
            f"{whole if group.subset else ''}"
            f"; noise floor {number(floor.low)} to {number(floor.high)}; every turn checked"
        )
    if group.load:
        yield _load_line(group.load)
    for entry in group.entries:
        if entry.strategy == group.baseline and entry.status in {"unavailable", "failed"}:
            yield printable(f"nothing is timed, because the baseline {entry.strategy} cannot run")
    about = report.tokenizer(group)
    # Reports of before have none.
    profile = about.fingerprint.get("messages")
    if profile:
        yield printable(f"messages reach the template by the profile {profile}")
    skipped = about.skipped_turns
    if skipped:
        yield f"{skipped:,} of {report.dataset.turns:,} turns have no ISL and are skipped by all"
    for row in ranking(report, group):
        entry = row.entry
        mark = "* control, never ranked; " if entry.control else ""
        if entry.peer:
            mark = "† another library, never recommended; "
        if entry.reason or mark:
            yield printable(f"{mark}{entry.strategy}: {entry.reason or 'exact here'}")
    advice = advice_line(group) if about.tokens else None
    if advice:
        yield printable(advice)


def _load_line(load: Load) -> str:
    """Return how busy the machine was; a warning if that disturbs the times."""
    free = f"{load.left_free} {'was' if load.left_free == 1 else 'were'} left free"
    line = f"other programs kept {number(load.elsewhere)} cores busy, and {free}"
    line += f"; load average before: {number(load.before)}"
    return f"warning, the times are disturbed: {line}" if load.disturbed else f"load: {line}"


def unfinished(report: Report) -> Iterator[str]:
    """Yield a line if settings were planned and are not measured."""
    left = report.unfinished
    if left:
        named = listed(
            [f"{name} on {setting_words(cores, workers)}" for name, cores, workers in left]
        )
        yield printable(f"not measured yet: {named}; repeat the command with --resume")


def _title(report: Report, group: Group) -> str:
    cores, workers = many(group.cores, "core"), many(group.workers, "worker")
    family = report.tokenizer(group).family
    return printable(f"{group.tokenizer} ({family}), {cores}, {workers}")


def _dataset_line(report: Report) -> str:
    data = report.dataset
    return f"{many(data.conversations, 'conversation')}, {many(data.turns, 'turn')}"


def _style(row: Row) -> str:
    entry = row.entry
    if entry.control or entry.status == "unavailable" or entry.strategy == row.group.again:
        return "dim"
    return "red" if entry.status in {"wrong", "failed"} else ""


def _markdown(report: Report, columns: Sequence[Column]) -> Iterator[str]:
    machine, versions, data = report.machine, report.versions, report.dataset
    yield "# Ways to count input sequence lengths, compared"
    yield ""
    yield f"`{printable(data.path)}`: {_dataset_line(report)}, sha256 `{data.sha256[:16]}`."
    yield ""
    yield (
        f"Measured on {printable(machine.processor)}, {machine.cores_available} of "
        f"{machine.cores} cores{_details(machine)}, with Python {printable(versions['python'])}, "
        f"transformers {printable(versions['transformers'])}, tokenizers "
        f"{printable(versions['tokenizers'])}, {_build(versions)}."
    )
    if report.provenance:
        commit = report.provenance.commit or "no repository"
        yield f"Begun {printable(report.provenance.started)}, commit `{printable(commit)}`."
    baseline = report.groups[0].baseline
    yield (
        f"Speedup is against `{printable(baseline)}` on the same cores; `?` marks an inconclusive "
        "one."
    )
    for line in unfinished(report):
        yield ""
        yield f"**{line[0].upper()}{line[1:]}**"
    for group in report.groups:
        about = report.tokenizer(group)
        yield ""
        yield f"## {_title(report, group)}"
        yield ""
        yield (
            f"Rendered {number(about.rendered_bytes / 1e6, 1)} MB, "
            f"amplification {number(about.amplification, 1)}."
        )
        yield ""
        yield _line([column.title for column in columns])
        yield f"|{'|'.join('---' if column.left else '--:' for column in columns)}|"
        for row in ranking(report, group):
            yield _line([column.text(row) for column in columns])
        yield ""
        for note in notes(report, group):
            yield f"- {note}"


def _details(machine: Machine) -> str:
    known = [each for each in (machine.frequency, machine.configuration) if each]
    return printable(f" ({'; '.join(known)})") if known else ""


def _build(versions: Mapping[str, str]) -> str:
    # Reports may hold fewer versions than this build writes.
    known = versions.get("isl-bench", "unknown")
    return printable(f"isl-bench {known} ({versions.get('native_build_profile', 'no')} build)")


def _line(cells: Sequence[str]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(printable(cell).replace('|', chr(92) + '|') for cell in cells)} |"
