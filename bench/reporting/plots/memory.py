"""Speed against memory: which strategies are the fastest for the memory that they take."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.reporting.plots.axes import logarithmic, plain, with_prefix
from bench.reporting.plots.captions import (
    absences,
    by_tokenizer,
    caption,
    most_cores,
    setting,
    title,
)
from bench.reporting.plots.labels import Label, cross_out, label_points
from bench.reporting.plots.page import Column, Row, page, statement
from bench.reporting.plots.style import GREY, SMALL, look, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.measuring.result import Entry, Group
    from bench.reporting.report import Report

_HEAD = "Speed against memory"


@dataclass(frozen=True, slots=True)
class _Point:
    """A strategy: its memory in megabytes, and its speed in tokens per second."""

    entry: Entry
    megabytes: float
    speed: float


def memory_figure(report: Report) -> Figure:
    """Return the speed over the peak of memory, a panel for each tokenizer.

    Of the settings of a tokenizer it shows the one with the most cores. A line connects the
    strategies that are the fastest for their memory (the Pareto front).
    """
    found = [(name, most_cores(groups)) for name, groups in by_tokenizer(report)]
    points = [_points(group) for _, group in found]
    if not any(points):
        return statement(
            _HEAD, "No strategy has both a speed and a peak of memory.", caption(report)
        )
    rows = [
        Row(
            f"{title(report, name)}, {setting(group)}",
            max(2.4, 0.17 * len(each)) if each else 0.3,
            _notes(group, each),
        )
        for (name, group), each in zip(found, points, strict=True)
    ]
    figure, panels = page(
        _HEAD,
        rows,
        caption(
            report,
            "Better is higher and further left. Line: fastest for the memory, of the exact "
            "strategies (Pareto front). Crossed out: wrong counts, or wrong on purpose.",
        ),
        columns=[Column(0.75, 0.25)],
    )
    for (panel,), (_, group), each in zip(panels, found, points, strict=True):
        _draw(panel, each, shared_once=_shared_once(group))
    return figure


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return which points are on the Pareto front, by their places, from the left.

    A point is on it if no other is at least as fast with as little memory.

    Parameters
    ----------
    points
        Pairs of memory and speed.
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    chosen: list[int] = []
    for place in order:
        if not chosen or points[place][1] > points[chosen[-1]][1]:
            chosen.append(place)
    return chosen


def _shared_once(group: Group) -> bool:
    """Whether all strategies have the memory in which shared pages count once.

    The two kinds of memory are not compared with each other.
    """
    timed = [entry for entry in group.entries if entry.peak_rss_bytes]
    return all(entry.peak_pss_bytes for entry in timed)


def _points(group: Group) -> list[_Point]:
    once = _shared_once(group)
    found = []
    for entry in group.entries:
        size = entry.peak_pss_bytes if once else entry.peak_rss_bytes
        if size and entry.tokens_per_second:
            found.append(_Point(entry, size / 1e6, entry.tokens_per_second))
    return found


def _notes(group: Group, points: Sequence[_Point]) -> list[str]:
    shown = {point.entry.strategy for point in points}
    lacking = [
        short(entry.strategy)
        for entry in group.entries
        if entry.seconds and entry.strategy not in shown
    ]
    lines = absences([group], shown)
    return [*lines, f"no memory or no tokens recorded: {', '.join(lacking)}"] if lacking else lines


def _draw(panel: Axes, points: Sequence[_Point], *, shared_once: bool) -> None:
    if not points:
        panel.set_axis_off()
        return
    logarithmic(panel, "x", [point.megabytes for point in points], plain)
    logarithmic(panel, "y", [point.speed for point in points], with_prefix)
    kind = "shared pages counted once" if shared_once else "shared pages counted for each process"
    panel.set_xlabel(f"peak memory in MB, {kind} (log scale)", size=SMALL)
    panel.set_ylabel("tokens per second (log scale)", size=SMALL)
    eligible = [point for point in points if point.entry.rankable]
    best = [eligible[i] for i in front([(point.megabytes, point.speed) for point in eligible])]
    steps = _steps([(point.megabytes, point.speed) for point in best])
    panel.plot(
        [x for x, _ in steps], [y for _, y in steps], color=GREY, lw=1.2, zorder=1, label="front"
    )
    labels = []
    for point in points:
        entry = point.entry
        looks = look(entry.strategy)
        x, y = [point.megabytes], [point.speed]
        panel.plot(
            x,
            y,
            ls="",
            marker=looks.marker,
            ms=8,
            color=looks.colour,
            mec="black" if point in best else looks.colour,
            label=short(entry.strategy),
        )
        said = short(entry.strategy)
        if not entry.rankable:
            cross_out(panel, x, y)
            wrong = f"{entry.mismatches:,} wrong" if entry.mismatches else "control"
            said = f"{said} ({wrong})"
        labels.append(Label(x[0], y[0], said, looks.ink))
    label_points(panel, labels, [steps])


def _steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners of steps through points: each speed lasts until the next memory."""
    corners = list(points[:1])
    for (_, slower), (x, y) in itertools.pairwise(points):
        corners += [(x, slower), (x, y)]
    return corners
