"""Where panels, titles, notes and the caption of a figure stand.

All places are worked out in inches before anything is drawn. So labels can be placed without
drawing the figure first, and every text has room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.reporting.plots.style import (
    GREY,
    LARGE,
    LINE,
    LONGEST_TITLE,
    NORMAL,
    POINTS,
    SMALL,
    short,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 9.0
EDGE = 0.15
"""Around everything, in inches."""

_TITLE = 0.3
_NOTE = SMALL * LINE / POINTS
_GAP = 0.15


@dataclass(frozen=True, slots=True)
class Column:
    """A column of panels.

    Parameters
    ----------
    left, right
        Room beside each panel, for labels, in inches.
    share
        Its share of the width of the page.
    """

    left: float
    right: float
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """A row of panels, one for each column.

    Parameters
    ----------
    title
        Over the first panel; empty if the head says it all.
    height
        Of the panels, in inches.
    notes
        Said under them, each from a new line.
    below
        Room for the axis under the panels, in inches.
    """

    title: str
    height: float
    notes: Sequence[str] = ()
    below: float = 0.45


def page(
    head: str,
    rows: Sequence[Row],
    caption: str,
    *,
    columns: Sequence[Column],
    width: float = WIDTH,
    above: float = 0.0,
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure, and its panels by row and column.

    It is made without any window or global state of matplotlib.

    Parameters
    ----------
    head
        What the figure shows, on top of it.
    rows
        The rows of panels, from the top.
    caption
        Said at the bottom.
    columns
        The columns of panels, from the left.
    width
        Of the page, in inches.
    above
        More room above each panel, in inches.
    """
    from matplotlib.figure import Figure

    room = width - 2 * EDGE
    heads = wrapped(head, room, LARGE)
    notes = [[line for note in row.notes for line in _lines(note, room)] for row in rows]
    captions = _lines(caption, room)
    down = EDGE + len(heads) * LARGE * LINE / POINTS + 0.05
    tops = []
    for row, said in zip(rows, notes, strict=True):
        tops.append(down + (_TITLE if row.title else 0.0) + above)
        down = tops[-1] + row.height + row.below + len(said) * _NOTE + _GAP
    height = down + len(captions) * _NOTE + EDGE

    figure = Figure(figsize=(width, height))
    _text(figure, EDGE, EDGE, heads, LARGE, "black", weight="bold")
    shares = sum(column.share for column in columns)
    panels: list[list[Axes]] = []
    for row, top, said in zip(rows, tops, notes, strict=True):
        if row.title:
            title = [short(row.title, LONGEST_TITLE)]
            _text(figure, EDGE, top - above - _TITLE + 0.05, title, NORMAL, "black", weight="bold")
        _text(figure, EDGE, top + row.height + row.below, said, SMALL, GREY)
        panels.append([])
        start = EDGE
        for column in columns:
            wide = room * column.share / shares
            box = (start + column.left, wide - column.left - column.right)
            bottom = height - top - row.height
            panel = figure.add_axes(
                (box[0] / width, bottom / height, box[1] / width, row.height / height)
            )
            panel.spines[["top", "right"]].set_visible(False)
            panel.tick_params(labelsize=SMALL)
            panels[-1].append(panel)
            start += wide
    _text(figure, EDGE, down, captions, SMALL, GREY)
    return figure, panels


def statement(head: str, text: str, caption: str) -> Figure:
    """Return a figure that says why there is nothing to draw.

    Parameters
    ----------
    head
        What the figure would show.
    text
        Why it does not, and what to do.
    caption
        Said at the bottom.
    """
    from matplotlib.figure import Figure

    room = WIDTH - 2 * EDGE
    parts = [
        (wrapped(head, room, LARGE), LARGE, "black", "bold"),
        (wrapped(text, room, NORMAL), NORMAL, "black", "normal"),
        (_lines(caption, room), SMALL, GREY, "normal"),
    ]
    heights = [len(lines) * size * LINE / POINTS + 0.1 for lines, size, _, _ in parts]
    figure = Figure(figsize=(WIDTH, sum(heights) + 2 * EDGE))
    down = EDGE
    for (lines, size, colour, weight), high in zip(parts, heights, strict=True):
        _text(figure, EDGE, down, lines, size, colour, weight=weight)
        down += high
    return figure


def _lines(text: str, room: float) -> list[str]:
    return wrapped(text, room) if text else []


def _text(
    figure: Figure,
    left: float,
    down: float,
    lines: Sequence[str],
    size: float,
    colour: str,
    weight: str = "normal",
) -> None:
    """Write lines; `left` and `down` are the inches from the corner at the top left."""
    wide, high = figure.get_size_inches()
    for number, line in enumerate(lines):
        figure.text(
            left / wide,
            1 - (down + number * size * LINE / POINTS) / high,
            line,
            size=size,
            color=colour,
            weight=weight,
            va="top",
            parse_math=False,
        )
