"""Plots of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.compare import Group
from bench.growth import Point
from bench.output import write_whole
from bench.report import ranking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def write_speedup_plot(path: Path, groups: Sequence[Group]) -> None:
    """Write a PNG of every ranked speedup with its interval, a panel for each tokenizer.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    figure = speedup_figure(groups)
    write_whole(path, lambda file: figure.savefig(file, format="png", dpi=150))


def write_growth_plot(path: Path, name: str, points: Sequence[Point]) -> None:
    """Write a PNG of the time per turn over the turns of a conversation, part by part.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    panel = figure.subplots()
    turns = [point.turns for point in points]
    for part in points[0].parts:
        times = [1e6 * point.parts[part] for point in points]
        # A logarithm has no place for a part that took nothing.
        if min(times) > 0:
            panel.plot(turns, times, marker="o", label=part)
    total = [1e6 * point.total for point in points]
    panel.plot(turns, total, marker="o", color="black", label="whole")
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xticks(turns)
    panel.xaxis.set_major_formatter(ScalarFormatter())
    panel.xaxis.set_minor_formatter("")
    panel.set_xlabel("turns per conversation (as much new text in each turn)")
    panel.set_ylabel("microseconds per turn")
    panel.set_title(name, loc="left", fontsize=10)
    panel.legend()
    panel.grid(alpha=0.3)
    write_whole(path, lambda file: figure.savefig(file, format="png", dpi=150))


def speedup_figure(groups: Sequence[Group]) -> Figure:
    """Return the figure, without any window or global state of matplotlib."""
    from matplotlib.figure import Figure

    tokenizers = list(dict.fromkeys(group.tokenizer for group in groups))
    bars = max(_bars([g for g in groups if g.tokenizer == name]) for name in tokenizers)
    figure = Figure(
        figsize=(8.5, len(tokenizers) * (0.9 + 0.24 * max(bars, 3)) + 0.6), layout="constrained"
    )
    panels = figure.subplots(len(tokenizers), 1, sharex=True, squeeze=False)[:, 0]
    for panel, name in zip(panels, tokenizers, strict=True):
        _draw(panel, [group for group in groups if group.tokenizer == name])
    panels[-1].set_xlabel("speedup over sequential on the same cores (log scale), 95 % interval")
    return figure


def _bars(groups: Sequence[Group]) -> int:
    return sum(entry.ranked for group in groups for entry in group.entries)


def _draw(panel: Axes, groups: Sequence[Group]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    names = list(
        dict.fromkeys(
            entry.strategy for group in groups for entry, _ in ranking(group) if entry.ranked
        )
    )
    height = 0.8 / len(groups)
    furthest = 1.0
    for number, group in enumerate(groups):
        colour = f"C{number}"
        timings = {entry.strategy: t for entry, t in ranking(group) if entry.ranked and t}
        for place, name in enumerate(names):
            if name not in timings:
                continue
            speedup = timings[name].speedup
            at = place + (number - (len(groups) - 1) / 2) * height
            panel.barh(at, speedup.median - 1, height * 0.9, left=1, color=colour)
            error = [[speedup.median - speedup.low], [speedup.high - speedup.median]]
            panel.errorbar(speedup.median, at, xerr=error, color="black", capsize=2, lw=1)
            panel.annotate(
                f"{speedup.median:.1f}x" if name != "sequential" else "1 by definition",
                (max(speedup.high, 1), at),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
            furthest = max(furthest, speedup.high)
        if group.noise_floor:
            panel.axvspan(
                group.noise_floor.low, group.noise_floor.high, color=colour, alpha=0.15, lw=0
            )
    panel.set_xscale("log")
    panel.set_xlim(left=min(0.5, *panel.get_xlim()), right=max(furthest * 1.8, 2))
    panel.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}x"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.axvline(1, color="grey", lw=0.8)
    panel.set_yticks(range(len(names)), names)
    panel.invert_yaxis()
    panel.set_title(
        f"{groups[0].tokenizer} ({groups[0].reference.fingerprint['family']})",
        loc="left",
        fontsize=10,
    )
    handles = [
        panel.barh(0, 0, color=f"C{number}", label=_label(group))
        for number, group in enumerate(groups)
    ]
    panel.legend(handles=handles, fontsize=8, loc="lower right")
    panel.spines[["top", "right"]].set_visible(False)


def _label(group: Group) -> str:
    cores = f"{group.cores} core{'s' if group.cores > 1 else ''}"
    return cores if group.workers == group.cores else f"{cores}, {group.workers} workers"
