"""Speedups as bars: every setting of every tokenizer side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench.reporting.plots.axes import logarithmic, multiple
from bench.reporting.plots.captions import absences, by_tokenizer, caption, setting, title
from bench.reporting.plots.page import Column, Row, page
from bench.reporting.plots.style import SMALL, short, times, widest
from bench.reporting.words import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.measuring.estimates import Estimate
    from bench.measuring.result import Group
    from bench.reporting.report import Report

_BAR = 0.24
"""Height of a strategy in one setting, in inches."""
_SETTINGS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""A colour for each setting of a tokenizer."""
_FIRST = "1 by definition"


def speedup_figure(report: Report) -> Figure:
    """Return every ranked speedup with its interval, a panel for each tokenizer."""
    tokenizers = by_tokenizer(report)
    speedups = [[_speedups(group) for group in groups] for _, groups in tokenizers]
    rows = [
        Row(
            title(report, name),
            _BAR * max(3, sum(map(len, found)) + 1) if any(found) else 2 * _BAR,
            absences(groups, ()),
            below=0.45 if name == tokenizers[-1][0] else 0.25,
        )
        for (name, groups), found in zip(tokenizers, speedups, strict=True)
    ]
    names = [short(strategy) for found in speedups for each in found for strategy in each]
    figure, panels = page(
        f"Speedup over {_baselines(report)} on the same cores",
        rows,
        caption(
            report,
            "Bars: median of the rounds, with 95 % interval. Shaded: noise floor, the "
            "baseline against itself.",
        ),
        columns=[Column(left=0.25 + widest(names), right=0.1)],
    )
    estimates = [one for each in speedups for group in each for one in group.values()]
    estimates += [group.noise_floor for group in report.groups if group.noise_floor]
    nearest = min([0.5, *(0.9 * one.low for one in estimates)])
    furthest = max([2.0, *(one.high for one in estimates)])
    for (panel,), (_, groups), found in zip(panels, tokenizers, speedups, strict=True):
        logarithmic(panel, "x", (nearest, furthest), multiple)
        # All panels have the same limits. Right of the furthest bar there is room for its label.
        panel.set_xlim(nearest, furthest * (furthest / nearest) ** 0.17)
        _draw(panel, groups, found)
    panels[-1][0].set_xlabel("speedup (log scale)", size=SMALL)
    return figure


def _speedups(group: Group) -> dict[str, Estimate]:
    """Return the speedups of the ranked strategies of a group, fastest first."""
    found = {entry.strategy: entry.speedup for entry in group.entries if entry.speedup}
    return dict(sorted(found.items(), key=lambda item: -item[1].median))


def _draw(panel: Axes, groups: Sequence[Group], speedups: Sequence[Mapping[str, Estimate]]) -> None:
    names = list(dict.fromkeys(name for each in speedups for name in each))
    height = 0.8 / len(groups)
    handles = []
    for place, (group, timed) in enumerate(zip(groups, speedups, strict=True)):
        colour = _SETTINGS[place % len(_SETTINGS)]
        for name, speedup in timed.items():
            median, low, high = speedup.median, speedup.low, speedup.high
            at = names.index(name) + (place - (len(groups) - 1) / 2) * height
            panel.barh(at, median - 1, height * 0.9, left=1, color=colour)
            error = [[median - low], [high - median]]
            panel.errorbar(median, at, xerr=error, color="black", capsize=2, lw=1)
            panel.annotate(
                _FIRST if name == group.baseline else times(median),
                (max(high, 1), at),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
            )
        floor = group.noise_floor
        if floor:
            panel.axvspan(floor.low, floor.high, color=colour, alpha=0.15, lw=0, zorder=0)
        handles.append(panel.barh(0, 0, color=colour, label=setting(group)))
    panel.axvline(1, color="grey", lw=0.8)
    panel.set_yticks(range(len(names)), [short(name) for name in names], parse_math=False)
    panel.set_ylim(max(len(names), 1) - 0.4, -0.6)
    panel.legend(
        handles=handles,
        fontsize=SMALL,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        frameon=False,
        ncols=len(groups),
        borderaxespad=0,
        handlelength=1,
    )


def _baselines(report: Report) -> str:
    return listed(list(dict.fromkeys(short(group.baseline) for group in report.groups)))
