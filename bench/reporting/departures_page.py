"""Departures of a renderer from a template as rows of a table, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bench.measuring.departures import Compared, Departures

HEADS = (
    *("dataset", "prompts with", "turns", "equal", "more", "fewer"),
    *("mean", "largest", "renderer refuses", "template refuses", "both refuse"),
)
"""The columns; ``mean`` and ``largest`` are differences, renderer less template, in tokens."""


def rows_of(compared: Sequence[Compared]) -> list[list[str]]:
    """Return the cells of the table.

    Parameters
    ----------
    compared
        The datasets.
    """
    return [[each.dataset, *_cells(row)] for each in compared for row in each.rows]


def told(compared: Sequence[Compared]) -> list[str]:
    """Return a line for the first turn of each kind of departure.

    Parameters
    ----------
    compared
        The datasets.
    """
    lines = []
    for each in compared:
        for example in each.examples:
            counts = f"renderer {_isl(example.renderer)}, template {_isl(example.template)}"
            reason = "" if example.reason is None else f": {example.reason}"
            lines.append(
                f"{each.dataset}: {example.kind}, first in conversation "
                f"{example.conversation!r}, turn {example.turn}: {counts}{reason}"
            )
    return lines


def page(about: Sequence[str], compared: Sequence[Compared]) -> str:
    """Return table and examples as Markdown.

    Parameters
    ----------
    about
        Lines on what was compared.
    compared
        The datasets.
    """
    rows = [HEADS, ["---"] * 2 + ["---:"] * (len(HEADS) - 2), *rows_of(compared)]
    table = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    examples = [f"- {_cell(line)}" for line in told(compared)]
    return "\n".join([*about, "", *table, *([""] if examples else []), *examples, ""])


def _cells(row: Departures) -> list[str]:
    counted = row.mean is not None
    return [
        row.what,
        *(f"{number:,}" for number in (row.turns, row.equal, row.more, row.fewer)),
        _mean(row.mean),
        f"{row.largest:+,}" if counted else "",
        *(f"{n:,}" for n in (row.renderer_refuses, row.template_refuses, row.both_refuse)),
    ]


def _mean(mean: float | None) -> str:
    # One that rounds to zero has no sign of its own.
    return "" if mean is None else f"{round(mean, 1) + 0.0:+.1f}"


def _isl(isl: int | None) -> str:
    return "no ISL" if isl is None else f"{isl:,} tokens"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
