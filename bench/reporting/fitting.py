"""Tables that fit a terminal of any width: no cell is ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from strategies.words import printable

Cell: TypeAlias = str | Text
"""A text, or one with a style."""

READABLE = 24
"""Fewest characters in which a column of sentences is easy to read."""

_BETWEEN, _EDGES = 2, 2
"""Characters between two columns, and left and right of all of them."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column, and how to fit its cells.

    Parameters
    ----------
    title
        Shown over the column. It may be broken between words.
    rank
        1 is always shown. If the terminal is too narrow, the highest rank is dropped first, and
        in that rank the last column.
    left
        Whether it is text, which is aligned left.
    wraps
        Whether its cells are sentences, which may take several lines.
    """

    title: str
    rank: int = 1
    left: bool = False
    wraps: bool = False


def print_table(
    console: Console,
    heads: Sequence[Head],
    rows: Sequence[Sequence[Cell]],
    others: Sequence[Sequence[Cell]] = (),
) -> None:
    """Print a table so that it fits the console, with every cell whole.

    If the console is too narrow, columns of higher rank are left out. If that is not enough,
    each row becomes a small block with a line for each cell.

    Parameters
    ----------
    console
        Where to print; its width decides.
    heads
        The columns.
    rows
        A cell for each column.
    others
        Rows of other tables that should get the same columns and widths.
    """
    cells = [[_text(cell) for cell in row] for row in rows]
    everything = [*cells, *([_text(cell) for cell in row] for row in others)]
    shown = list(range(len(heads)))
    while True:
        last = max(shown, key=lambda i: (heads[i].rank, i))
        can_drop = heads[last].rank > 1 and len(shown) > 1
        columns = [[row[i] for row in everything] for i in shown]
        chosen = [heads[i] for i in shown]
        widths = _widths(chosen, columns, console.width, whole_titles=can_drop)
        if widths is not None:
            break
        if not can_drop:
            _print_blocks(console, heads, cells)
            return
        shown.remove(last)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for i, width in zip(shown, widths, strict=True):
        table.add_column(
            Text(printable(heads[i].title)),
            justify="left" if heads[i].left else "right",
            width=width,
            overflow="fold",
        )
    for row in cells:
        table.add_row(*(row[i] for i in shown))
    console.print(table)


def _text(cell: Cell) -> Text:
    if isinstance(cell, Text):
        return Text(printable(cell.plain), style=cell.style)
    return Text(printable(cell))


def _widths(
    heads: Sequence[Head], columns: Sequence[Sequence[Text]], room: int, *, whole_titles: bool
) -> list[int] | None:
    """Return the width of each column, or None if there is not enough room for them.

    With `whole_titles`, no title is broken over lines.
    """
    least, most = [], []
    for head, cells in zip(heads, columns, strict=True):
        title = cell_len(head.title)
        widest = max((cell.cell_len for cell in cells), default=0)
        needed = widest
        if head.wraps:
            words = (_longest_word(cell.plain) for cell in cells)
            needed = max([min(widest, READABLE), *words])
        least.append(max(needed, title if whole_titles else _longest_word(head.title)))
        most.append(max(widest, title))
    left = room - _EDGES - _BETWEEN * (len(heads) - 1) - sum(least)
    if left < 0:
        return None
    widths = least
    # Give the room that is left to the narrowest column that wants more, one character at a time.
    while left and (wanting := [i for i, width in enumerate(widths) if width < most[i]]):
        widths[min(wanting, key=lambda i: widths[i])] += 1
        left -= 1
    return widths


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _print_blocks(console: Console, heads: Sequence[Head], rows: Sequence[Sequence[Text]]) -> None:
    """Print each row as a block, without its empty cells."""
    console.print()
    for row in rows:
        indent = 0
        for head, cell in zip(heads, row, strict=True):
            if cell.plain:
                line = Text.assemble(f"{printable(head.title)}: ", cell)
                console.print(Padding(line, (0, 0, 0, indent), expand=False))
                indent = 2
        console.print()
