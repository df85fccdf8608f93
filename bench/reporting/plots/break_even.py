"""Break-even lines: from how many turns on a strategy pays for its start-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.measuring.break_even import BreakEven, break_even
from bench.reporting.plots.axes import logarithmic, plain, with_prefix
from bench.reporting.plots.captions import (
    absences,
    by_tokenizer,
    caption,
    most_cores,
    setting,
    title,
)
from bench.reporting.plots.labels import NEXT_TO_PANEL, Label, label_points, label_right
from bench.reporting.plots.page import Column, Row, page, statement
from bench.reporting.plots.style import GREY, POINTS, SMALL, look, short, widest
from strategies.words import many

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.measuring.result import Group
    from bench.reporting.report import Report

_HEAD = "Break-even: total time with the cold start, against the size of the dataset"
_LABEL = 0.16
"""Height of a label, in inches."""
_BEYOND = 10
"""How many times the turns of the dataset are shown at least."""


@dataclass(frozen=True, slots=True)
class _Line:
    """The total time of a strategy: its cold start, and seconds for each turn.

    `pays` is None for the baseline itself.
    """

    strategy: str
    cold: float
    per_turn: float
    pays: BreakEven | None

    def total(self, turns: float) -> float:
        """Return the seconds of a dataset with so many turns."""
        return self.cold + turns * self.per_turn

    @property
    def crossings(self) -> list[int]:
        """The turns at which it begins, or ends, to take less time than the baseline."""
        if self.pays is None or self.pays.turns is None:
            return []
        ends = [self.pays.turns, self.pays.most_turns]
        # A strategy that pays from the first turn on crosses no line there.
        return [turns for turns in ends if turns is not None and turns > 1]


def break_even_figure(report: Report) -> Figure:
    """Return the total time over the turns of a dataset, a panel for each tokenizer.

    Of the settings of a tokenizer it shows the one with the most cores.
    """
    found = [(name, most_cores(groups)) for name, groups in by_tokenizer(report)]
    lines = [_lines(group) for _, group in found]
    if not any(lines):
        return statement(
            _HEAD,
            "No cold start of the baseline and of another strategy is known.",
            caption(report),
        )
    texts = [[_text(line) for line in each] for each in lines]
    rows = [
        Row(
            f"{title(report, name)}, {setting(group)}",
            max(2.6, _LABEL * (len(each) + 1)) if each else 0.1,
            _notes(group, each),
            below=0.45 if each else 0.05,
        )
        for (name, group), each in zip(found, lines, strict=True)
    ]
    figure, panels = page(
        _HEAD,
        rows,
        caption(
            report,
            "Total: libraries, tokenizer and workers started, then the median time of each turn; "
            "so for conversations as long as those that were timed. Circles: where a strategy "
            "crosses the baseline. Dotted: the turns of this dataset.",
        ),
        columns=[
            Column(0.75, NEXT_TO_PANEL / POINTS + 0.1 + widest([t for each in texts for t in each]))
        ],
    )
    for (panel,), each, said in zip(panels, lines, texts, strict=True):
        _draw(panel, each, said, report.dataset.turns)
    return figure


def _lines(group: Group) -> list[_Line]:
    """Return the lines of a group, the baseline first; none if it has no cold start."""
    baseline = next((each for each in group.entries if each.strategy == group.baseline), None)
    if baseline is None or group.timed_turns < 1:
        return []
    lines = []
    for entry in sorted(group.entries, key=lambda each: each is not baseline):
        pays = break_even(entry, baseline, group.timed_turns, group.timed_conversations)
        if pays and entry.rankable and entry.seconds and entry.cold_seconds is not None:
            per_turn = entry.seconds.median / group.timed_turns
            own = None if entry is baseline else pays
            lines.append(_Line(entry.strategy, entry.cold_seconds, per_turn, own))
    return lines if len(lines) > 1 else []


def _text(line: _Line) -> str:
    name, pays = short(line.strategy), line.pays
    if pays is None:
        return f"{name} (baseline)"
    if pays.turns is None:
        return f"{name}: never pays"
    if pays.most_turns is not None:
        return f"{name}: pays up to {many(pays.most_turns, 'turn')}"
    start = "the first turn" if pays.turns == 1 else f"{pays.turns:,} turns"
    return f"{name}: pays from {start} on"


def _notes(group: Group, lines: Sequence[_Line]) -> list[str]:
    shown = {line.strategy for line in lines}
    lacking = [
        short(entry.strategy)
        for entry in group.entries
        if entry.seconds and entry.rankable and entry.strategy not in shown
    ]
    said = absences([group], ())
    return [*said, f"no cold start to compare: {', '.join(lacking)}"] if lacking else said


def _draw(panel: Axes, lines: Sequence[_Line], texts: Sequence[str], turns: int) -> None:
    if not lines:
        panel.set_axis_off()
        return
    crossings = [at for line in lines for at in line.crossings]
    most = max(_BEYOND * turns, *(3 * at for at in crossings), 10)
    at = np.geomspace(1, most, 200)
    logarithmic(panel, "x", [1, most], with_prefix)
    panel.set_xlim(1, most)
    logarithmic(panel, "y", [line.total(x) for line in lines for x in (1, most)], plain)
    panel.axvline(turns, color=GREY, lw=0.9, ls=":", label="this dataset")
    ends, marks, paths = [], [], []
    for line, text in zip(lines, texts, strict=True):
        looks = look(line.strategy)
        totals = [line.total(x) for x in at]
        panel.plot(
            at,
            totals,
            color=looks.colour,
            lw=1.6,
            marker=looks.marker,
            markevery=[len(totals) - 1],
            clip_on=False,
            label=short(line.strategy),
        )
        ends.append(Label(most, totals[-1], text, looks.ink))
        paths.append([(float(x), y) for x, y in zip(at, totals, strict=True)])
        for crossing in line.crossings:
            total = line.total(crossing)
            panel.plot(
                [crossing],
                [total],
                ls="",
                marker="o",
                ms=7,
                mfc="white",
                mec=looks.colour,
                mew=1.6,
                label="break-even",
            )
            marks.append(Label(crossing, total, f"{crossing:,}", looks.ink))
    label_points(panel, marks, paths)
    label_right(panel, ends)
    panel.set_xlabel("turns of the dataset (log scale)", size=SMALL)
    panel.set_ylabel("seconds in all (log scale)", size=SMALL)
