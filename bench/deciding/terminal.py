"""A decision in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from bench.deciding.reports import shown_command
from bench.deciding.rule import rule
from bench.deciding.tables import (
    Table,
    break_even_table,
    counts_line,
    mean_table,
    strategy_tables,
    who_table,
)
from bench.deciding.verdict import Decision
from bench.reporting.fitting import print_table
from strategies.words import printable

_STYLES = {"decided": "bold", "inconclusive": "bold yellow", "wrong": "bold red"}


def print_decision(console: Console, decision: Decision) -> None:
    """Print the verdict, then the rule, then everything that it comes from.

    Parameters
    ----------
    console
        Where to print; its width decides which columns are shown.
    decision
        What to print.
    """
    console.print(Text(printable(decision.verdict), style=_STYLES[decision.status]))
    console.print(Text(printable(counts_line(decision)), style="red" if decision.wrong else ""))
    console.print()
    _print_table(console, who_table(decision))
    _print_list(console, "The rule", rule(decision.evidence))
    for table in strategy_tables(decision):
        _print_table(console, table)
    for found in (mean_table(decision), break_even_table(decision)):
        if found is not None:
            _print_table(console, found)
    _print_list(console, "Caveats", decision.evidence.caveats)
    again = f"this decision again: {shown_command(decision.command)}"
    _print_list(console, "Where this comes from", [*decision.evidence.provenance, again])


def _print_table(console: Console, table: Table) -> None:
    console.print(Text(printable(table.title), style="bold"))
    rows = [
        [Text(printable(cell), style="bold" if i in table.strong else "") for cell in row]
        for i, row in enumerate(table.rows)
    ]
    print_table(console, table.heads, rows)
    for note in table.notes:
        console.print(Padding(Text(printable(note)), (0, 0, 0, 2), expand=False))
    console.print()


def _print_list(console: Console, title: str, lines: Sequence[str]) -> None:
    console.print(Text(title, style="bold"))
    for line in lines:
        console.print(Padding(Text(printable(f"- {line}")), (0, 0, 0, 2), expand=False))
    console.print()
