"""Where the time goes: the parts of each strategy, one upon the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.reporting.plots.axes import plain
from bench.reporting.plots.captions import (
    absences,
    by_tokenizer,
    caption,
    fewest_cores,
    setting,
    title,
)
from bench.reporting.plots.page import Column, Row, page, statement
from bench.reporting.plots.style import SMALL, short, widest
from bench.reporting.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.measuring.result import Entry, Group
    from bench.reporting.report import Report

_HEAD = "Where the time goes"
_BAR = 0.24
_SCALED = " ‡"
WHOLE, REST = "whole", "rest"
_ROUNDING = 1.02
"""Medians of parts can add up to a little more than the median of the whole."""

PART_COLOURS = {
    "render": "#0072B2",
    "encode": "#E69F00",
    "cut": "#009E73",
    "convert": "#CC79A7",
    REST: "#BBBBBB",
    WHOLE: "#6E6E6E",
}
"""A colour for each part, in the order in which parts are drawn."""
_OTHER = ("#56B4E9", "#D55E00", "#F0E442", "#332288", "#882255", "#999933")
_DARK = {"#0072B2", "#6E6E6E", "#332288", "#882255", "#009E73", "#D55E00"}


@dataclass(frozen=True, slots=True)
class _Bar:
    """A strategy: microseconds per turn, in all and of each part.

    The parts add up to the whole. If those of several workers were more than that, they are
    `scaled` to it.
    """

    entry: Entry
    whole: float
    parts: Mapping[str, float]
    scaled: bool = False


def parts_figure(report: Report) -> Figure:
    """Return the seconds of each part of each strategy, a row of panels for each tokenizer.

    On the left is the time, on the right are the shares of it. Of the settings of a tokenizer it
    shows the one with the fewest cores, because parts of several workers add up to more time than
    passes.
    """
    found = [(name, fewest_cores(groups)) for name, groups in by_tokenizer(report)]
    bars = [_bars(group) for _, group in found]
    if not any(bars):
        return statement(_HEAD, "No strategy was timed.", caption(report))
    names = [_named(bar.entry) for each in bars for bar in each]
    rows = [
        Row(
            f"{title(report, name)}, {setting(group)}",
            0.1 + _BAR * len(each) if each else 0.1,
            absences([group], [bar.entry.strategy for bar in each]),
            below=0.45 if each else 0.05,
        )
        for (name, group), each in zip(found, bars, strict=True)
    ]
    figure, panels = page(
        _HEAD,
        rows,
        caption(
            report,
            "Left: median time of a turn. Right: the same as shares. A strategy that reports no "
            "parts is one bar; the rest is what no part accounts for. ✗: wrong counts, or wrong on "
            "purpose.",
            *(
                ["‡ the parts of its workers add up to more time than passes, so they are scaled."]
                if any(bar.scaled for each in bars for bar in each)
                else []
            ),
        ),
        columns=[Column(0.25 + widest(names), 0.75, 1.15), Column(0.15, 0.2, 0.85)],
        above=0.2,
    )
    colours = part_colours([part for each in bars for bar in each for part in bar.parts])
    for (left, right), each in zip(panels, bars, strict=True):
        _draw(left, right, each, colours)
    return figure


def part_colours(parts: Sequence[str]) -> dict[str, str]:
    """Return a colour for each part, in the order in which they are drawn."""
    others = [part for part in dict.fromkeys(parts) if part not in PART_COLOURS]
    return {
        **{p: c for p, c in PART_COLOURS.items() if p in parts and p not in {REST, WHOLE}},
        **{part: _OTHER[i % len(_OTHER)] for i, part in enumerate(others)},
        **{p: c for p, c in PART_COLOURS.items() if p in parts and p in {REST, WHOLE}},
    }


def _bars(group: Group) -> list[_Bar]:
    bars = []
    for entry in group.entries:
        if entry.seconds and group.timed_turns > 0:
            per_turn = 1e6 / group.timed_turns
            whole = entry.seconds.median * per_turn
            parts = {part: s * per_turn for part, s in (entry.parts or {}).items() if s > 0}
            total = sum(parts.values())
            scaled = total > _ROUNDING * whole
            if scaled:
                parts = {part: size * whole / total for part, size in parts.items()}
            elif parts:
                parts[REST] = max(0.0, whole - total)
            bars.append(_Bar(entry, whole, parts or {WHOLE: whole}, scaled))
    return sorted(bars, key=lambda bar: bar.whole)


def _named(entry: Entry) -> str:
    return short(entry.strategy) if entry.rankable else f"✗ {short(entry.strategy)}"


def _draw(left: Axes, right: Axes, bars: Sequence[_Bar], colours: Mapping[str, str]) -> None:
    from matplotlib.ticker import MaxNLocator

    if not bars:
        left.set_axis_off()
        right.set_axis_off()
        return
    names = [_named(bar.entry) for bar in bars]
    for at, bar in enumerate(bars):
        total = sum(bar.parts.values())
        start = 0.0
        for part, colour in colours.items():
            size = bar.parts.get(part, 0.0)
            left.barh(at, size, 0.8, left=start, color=colour)
            right.barh(at, 100 * size / total, 0.8, left=100 * start / total, color=colour)
            if size / total > 0.13:
                right.text(
                    100 * (start + size / 2) / total,
                    at,
                    f"{100 * size / total:.0f} %",
                    ha="center",
                    va="center",
                    size=SMALL - 1,
                    color="white" if colour in _DARK else "black",
                )
            start += size
        left.annotate(
            f"{number(bar.whole, 1)} µs{_SCALED if bar.scaled else ''}",
            (total, at),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            size=SMALL,
        )
    left.set_xlim(0, max(sum(bar.parts.values()) for bar in bars))
    right.set_xlim(0, 100)
    left.set_yticks(range(len(bars)), names, parse_math=False)
    right.set_yticks([])
    for panel in (left, right):
        panel.set_ylim(len(bars) - 0.45, -0.55)
    left.xaxis.set_major_formatter(lambda value, _: plain(value))
    left.xaxis.set_major_locator(MaxNLocator(5))
    left.set_xlabel("microseconds per turn", size=SMALL)
    right.set_xlabel("share of the time, %", size=SMALL)
    used = [part for part in colours if any(part in bar.parts for bar in bars)]
    handles = [right.barh(0, 0, color=colours[part], label=short(part)) for part in used]
    legend = right.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1.0),
        ncols=len(used),
        fontsize=SMALL,
        frameon=False,
        handlelength=1,
        columnspacing=1,
        borderaxespad=0.2,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
