"""The matrix as a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.matrix.result import Matrix
from bench.matrix.states import STATES, state_of, text_of
from bench.reporting.plots.style import SMALL, short, widest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDE, _HIGH = 0.62, 0.2
"""Size of a cell, in inches."""
_SLANT = 40


def matrix_figure(matrix: Matrix) -> Figure:
    """Return a heat map of templates and tokenizers, with the turns compared in every cell.

    Parameters
    ----------
    matrix
        The matrix; cells that are not there stay white.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    rows, columns = list(matrix.templates), list(matrix.tokenizers)
    cells = {
        (rows.index(cell.template), columns.index(cell.tokenizer)): matrix.claims(cell)
        for cell in matrix.cells
    }
    left = 0.2 + widest([short(row) for row in rows])
    above = 0.3 + 0.65 * widest([short(column) for column in columns])
    present = {state_of(cell) for cell in cells.values()}
    below = 0.25 + 0.2 * len(present)
    right = 0.2 + 0.7 * widest([short(columns[-1])])
    width = left + _WIDE * len(columns) + right
    height = above + _HIGH * len(rows) + below
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes(
        (
            left / width,
            below / height,
            _WIDE * len(columns) / width,
            _HIGH * len(rows) / height,
        )
    )
    for (row, column), cell in cells.items():
        state = state_of(cell)
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=state.colour, edgecolor="white"))
        axes.text(
            *(column + 0.5, row + 0.52, text_of(cell)),
            ha="center",
            va="center",
            fontsize=SMALL,
            color=state.ink,
        )
    axes.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    axes.set_xticks(
        [place + 0.5 for place in range(len(columns))],
        [short(column) for column in columns],
        rotation=_SLANT,
        ha="left",
        rotation_mode="anchor",
        fontsize=SMALL,
        parse_math=False,
    )
    axes.set_yticks(
        [place + 0.5 for place in range(len(rows))],
        [short(row) for row in rows],
        fontsize=SMALL,
        parse_math=False,
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.legend(
        handles=[
            Patch(facecolor=state.colour, label=state.meaning, edgecolor="#5f5f5f", linewidth=0.5)
            for state in STATES
            if state in present
        ],
        loc="lower left",
        fontsize=SMALL,
        frameon=False,
    )
    return figure
