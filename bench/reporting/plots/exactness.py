"""Which strategy is exact with which tokenizer, as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.reporting.plots.captions import absences, by_tokenizer, caption
from bench.reporting.plots.page import EDGE, WIDTH, Column, Row, page, statement
from bench.reporting.plots.style import SMALL, short, widest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.measuring.result import Group
    from bench.reporting.report import Report

_HEAD = "Exactness: turns whose count is not the reference's"
_HIGH = 0.34
"""Height of a cell, in inches."""
_SLANT = 35
_MOST = 13.0
"""Width of the map above which rows and columns change places, in inches."""


@dataclass(frozen=True, slots=True)
class _State:
    """What a cell says, and how it looks."""

    text: str
    colour: str
    ink: str = "black"


_EXACT = "#9CCBE8"
_WRONG = "#B23C00"
_FAILED = "#F2C46D"
_ABSENT = "#ECECEC"


@dataclass(frozen=True, slots=True)
class _Map:
    """A table of states, with the names of its rows and columns."""

    rows: Sequence[str]
    columns: Sequence[str]
    states: Sequence[Sequence[_State]]

    @property
    def turned(self) -> _Map:
        """The same with rows as columns."""
        states = [[row[i] for row in self.states] for i in range(len(self.columns))]
        return _Map(self.columns, self.rows, states)

    @property
    def cell(self) -> float:
        """Width of a cell, in inches."""
        texts = [state.text for row in self.states for state in row]
        return max(0.7, 0.2 + widest(texts))

    @property
    def left(self) -> float:
        """Room for the names of the rows, in inches."""
        return 0.2 + widest(self.rows)

    @property
    def right(self) -> float:
        """Room for the end of the slanted names of the columns, in inches."""
        return max(0.2, 0.85 * widest(self.columns) - self.cell / 2)

    @property
    def width(self) -> float:
        """Width of all, in inches."""
        return self.left + self.cell * len(self.columns) + self.right


def exactness_figure(report: Report) -> Figure:
    """Return a heat map of tokenizers and strategies, with words in every cell.

    Strategies are columns. If there are too many for the page, tokenizers are columns.
    """
    tokenizers = by_tokenizer(report)
    names = list(dict.fromkeys(e.strategy for group in report.groups for e in group.entries))
    if not names:
        return statement(_HEAD, "No strategy was run.", caption(report, timed=False))
    entries = [entry for group in report.groups for entry in group.entries]
    controls = {entry.strategy for entry in entries if entry.control}
    peers = {entry.strategy for entry in entries if entry.peer}
    marks = {**dict.fromkeys(controls, " *"), **dict.fromkeys(peers, " †")}
    table = _Map(
        [short(name, 40) for name, _ in tokenizers],
        [f"{short(name)}{marks.get(name, '')}" for name in names],
        [[_state(groups, name) for name in names] for _, groups in tokenizers],
    )
    if table.width > _MOST and table.turned.width < table.width:
        table = table.turned
    notes = [
        f"{short(name, 40)}: {line}"
        for name, groups in tokenizers
        for line in absences(groups, names)
    ]
    figure, ((panel,),) = page(
        _HEAD,
        [Row("", _HIGH * len(table.rows), notes, below=0.15)],
        caption(
            report,
            "Every turn is checked in every setting; a cell shows the worst of the settings.",
            *(
                ["* a control, wrong on purpose: it shows that checks can fail."]
                if controls
                else []
            ),
            *(["† another library: checked, and never recommended."] if peers else []),
            timed=False,
        ),
        columns=[Column(table.left, max(table.right, WIDTH - 2 * EDGE - table.width))],
        width=max(WIDTH, 2 * EDGE + table.width),
        above=0.1 + 0.6 * widest(table.columns),
    )
    _draw(panel, table)
    return figure


def _draw(panel: Axes, table: _Map) -> None:
    for down, row in enumerate(table.states):
        for across, state in enumerate(row):
            panel.barh(down, 1, 1, left=across - 0.5, color=state.colour, edgecolor="white", lw=1.5)
            panel.text(
                across, down, state.text, ha="center", va="center", size=SMALL, color=state.ink
            )
    panel.set_xlim(-0.5, len(table.columns) - 0.5)
    panel.set_ylim(len(table.rows) - 0.5, -0.5)
    panel.set_yticks(range(len(table.rows)), table.rows, parse_math=False)
    panel.set_xticks(
        range(len(table.columns)),
        table.columns,
        rotation=_SLANT,
        ha="left",
        va="bottom",
        rotation_mode="anchor",
        parse_math=False,
    )
    panel.xaxis.tick_top()
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def _state(groups: Sequence[Group], name: str) -> _State:
    """Return the worst state of a strategy in the settings of a tokenizer."""
    entries = [e for group in groups for e in group.entries if e.strategy == name]
    wrong = max((entry.mismatches or 0 for entry in entries), default=0)
    if wrong:
        return _State(f"{wrong:,} wrong", _WRONG, "white")
    if any(entry.status == "wrong" for entry in entries):
        return _State("wrong", _WRONG, "white")
    if any(entry.status == "failed" for entry in entries):
        return _State("failed", _FAILED)
    if any(entry.exact for entry in entries):
        return _State("exact", _EXACT)
    if any(entry.status == "unavailable" for entry in entries):
        return _State("unavailable", _ABSENT, "#4d4d4d")
    return _State("not run" if not entries else "not counted", _ABSENT, "#4d4d4d")
