"""Plots of the reports. To add one, write a function of the report and add a row."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from bench.reporting.words import many, number, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.measuring.estimates import Estimate
    from bench.measuring.result import Group
    from bench.reporting.growth_report import GrowthReport
    from bench.reporting.report import Report

DOTS_PER_INCH = 150
MOST_PIXELS = 60_000
"""Longest side of a picture. matplotlib draws less than 2 to the power of 16."""


def png(figure: Figure) -> bytes:
    """Return a figure as the content of a PNG file; the same figure gives the same bytes."""
    file = io.BytesIO()
    dots = min(DOTS_PER_INCH, MOST_PIXELS / max(figure.get_size_inches()))
    with warnings.catch_warnings():
        # For example, that the font lacks a script. Nobody can mend that, and boxes are drawn.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(file, format="png", dpi=dots)
    return file.getvalue()


def growth_figure(report: GrowthReport) -> Figure:
    """Return the time per turn over the turns of a conversation, part by part."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    panel = figure.subplots()
    points = report.points
    turns = [point.turns for point in points]
    for part in points[0].parts:
        times = [1e6 * point.parts[part] for point in points]
        # A logarithmic axis has no place for zero.
        if min(times) > 0:
            panel.plot(turns, times, marker="o", label=_name(part))
    whole = [1e6 * point.seconds_per_turn for point in points]
    panel.plot(turns, whole, marker="o", color="black", label="whole")
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xticks(turns)
    panel.xaxis.set_major_formatter(ScalarFormatter())
    panel.xaxis.set_minor_formatter("")
    panel.set_xlabel("turns per conversation (the same amount of new text in each)")
    panel.set_ylabel("microseconds per turn")
    panel.set_title(_name(report.title), loc="left", fontsize=10)
    panel.legend()
    panel.grid(alpha=0.3)
    return figure


def speedup_figure(report: Report) -> Figure:
    """Return every ranked speedup with its interval, a panel for each tokenizer.

    It is drawn without any window or global state of matplotlib.
    """
    from matplotlib.figure import Figure

    names = [each.tokenizer for each in report.tokenizers]
    groups = [[group for group in report.groups if group.tokenizer == name] for name in names]
    speedups = [[_speedups(group) for group in each] for each in groups]
    bars = max(sum(map(len, each)) for each in speedups)
    figure = Figure(
        figsize=(8.5, len(names) * (0.9 + 0.24 * max(bars, 3)) + 0.6), layout="constrained"
    )
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for panel, about, group, found in zip(panels, report.tokenizers, groups, speedups, strict=True):
        _draw(panel, group, found)
        panel.set_title(_name(f"{about.tokenizer} ({about.family})"), loc="left", fontsize=10)
    estimates = [one for each in speedups for group in each for one in group.values()]
    nearest = min([0.5, *(0.9 * one.low for one in estimates)])
    furthest = max([2.0, *(one.high for one in estimates)])
    # The panels share the axis, so these limits are those of all. Right of the furthest bar there
    # is room for its label: a share of the logarithmic axis.
    panels[-1].set_xlim(nearest, furthest * (furthest / nearest) ** 0.12)
    panels[-1].set_xlabel("speedup over sequential on the same cores (log scale), 95 % interval")
    return figure


def _speedups(group: Group) -> dict[str, Estimate]:
    """Return the speedups of the ranked strategies of a group, fastest first."""
    found = {entry.strategy: entry.speedup for entry in group.entries if entry.speedup}
    return dict(sorted(found.items(), key=lambda item: -item[1].median))


def _draw(panel: Axes, groups: Sequence[Group], speedups: Sequence[Mapping[str, Estimate]]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    names = list(dict.fromkeys(name for each in speedups for name in each))
    height = 0.8 / len(groups)
    for place, (group, timed) in enumerate(zip(groups, speedups, strict=True)):
        colour = f"C{place}"
        for name, speedup in timed.items():
            median, low, high = speedup.median, speedup.low, speedup.high
            at = names.index(name) + (place - (len(groups) - 1) / 2) * height
            panel.barh(at, median - 1, height * 0.9, left=1, color=colour)
            error = [[median - low], [high - median]]
            panel.errorbar(median, at, xerr=error, color="black", capsize=2, lw=1)
            panel.annotate(
                f"{number(median, 1)}x" if name != group.baseline else "1 by definition",
                (max(high, 1), at),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        floor = group.noise_floor
        if floor:
            panel.axvspan(floor.low, floor.high, color=colour, alpha=0.15, lw=0)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}x"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.axvline(1, color="grey", lw=0.8)
    panel.set_yticks(range(len(names)), [_name(name) for name in names])
    panel.invert_yaxis()
    handles = [
        panel.barh(0, 0, color=f"C{place}", label=_label(group))
        for place, group in enumerate(groups)
    ]
    panel.legend(handles=handles, fontsize=8, loc="lower right")
    panel.spines[["top", "right"]].set_visible(False)


def _name(text: str) -> str:
    """Return a name for matplotlib, with dollar signs that do not start a formula."""
    return printable(text).replace("$", r"\$")


def _label(group: Group) -> str:
    cores, workers = many(group.cores, "core"), many(group.workers, "worker")
    return cores if group.workers == group.cores else f"{cores}, {workers}"


COMPARISON_PLOTS: dict[str, Callable[[Report], Figure]] = {"speedup.png": speedup_figure}
GROWTH_PLOTS: dict[str, Callable[[GrowthReport], Figure]] = {"growth.png": growth_figure}
