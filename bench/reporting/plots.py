"""Plots of a comparison."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bench.measuring.growth import Point
from bench.measuring.jobs import BASELINE
from bench.reporting.output import write_whole
from bench.reporting.tables import many

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def write_speedup_plot(path: Path, report: dict[str, Any]) -> None:
    """Write a PNG of every ranked speedup with its interval, a panel for each tokenizer.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    _write(path, speedup_figure(report))


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
    panel.set_title(name, loc="left", fontsize=10, parse_math=False)
    panel.legend()
    panel.grid(alpha=0.3)
    _write(path, figure)


def _write(path: Path, figure: Figure) -> None:
    def save(file: IO[bytes]) -> None:
        with warnings.catch_warnings():
            # A name in a script that the font lacks is drawn as boxes; that is all there is
            # to say, and standard error is for what a user can mend.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            figure.savefig(file, format="png", dpi=150)

    write_whole(path, save)


def speedup_figure(report: dict[str, Any]) -> Figure:
    """Return the speedups of a comparison, without any window or global state of matplotlib.

    Parameters
    ----------
    report
        What `report.json` holds.
    """
    from matplotlib.figure import Figure

    families = {each["tokenizer"]: each["family"] for each in report["tokenizers"]}
    settings = {
        name: [group for group in report["groups"] if group["tokenizer"] == name]
        for name in families
    }
    speedups = {name: [_speedups(report, group) for group in settings[name]] for name in families}
    bars = max(sum(map(len, each)) for each in speedups.values())
    figure = Figure(
        figsize=(8.5, len(families) * (0.9 + 0.24 * max(bars, 3)) + 0.6), layout="constrained"
    )
    panels = figure.subplots(len(families), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (name, family) in zip(panels, families.items(), strict=True):
        _draw(panel, settings[name], speedups[name])
        # A dollar sign in a name is no formula.
        panel.set_title(f"{name} ({family})", loc="left", fontsize=10, parse_math=False)
    estimates = [one for each in speedups.values() for group in each for one in group.values()]
    nearest = min([0.5, *(0.9 * one["low"] for one in estimates)])
    furthest = max([2.0, *(one["high"] for one in estimates)])
    # The panels share the axis, so limits of one are limits of all. Right of the furthest bar
    # there is room for its label: a share of the axis, which is logarithmic.
    panels[-1].set_xlim(nearest, furthest * (furthest / nearest) ** 0.12)
    panels[-1].set_xlabel("speedup over sequential on the same cores (log scale), 95 % interval")
    return figure


def _speedups(report: dict[str, Any], group: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return what is ranked in a group by strategy, fastest first."""
    setting = ("tokenizer", "cores", "workers")
    found = {
        result["strategy"]: result["speedup"]
        for result in report["results"]
        if result["speedup"] and all(result[key] == group[key] for key in setting)
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]["median"]))


def _draw(
    panel: Axes,
    groups: Sequence[dict[str, Any]],
    speedups: Sequence[dict[str, dict[str, float]]],
) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    names = list(dict.fromkeys(name for each in speedups for name in each))
    height = 0.8 / len(groups)
    for number, (group, timed) in enumerate(zip(groups, speedups, strict=True)):
        colour = f"C{number}"
        for name, speedup in timed.items():
            median, low, high = speedup["median"], speedup["low"], speedup["high"]
            at = names.index(name) + (number - (len(groups) - 1) / 2) * height
            panel.barh(at, median - 1, height * 0.9, left=1, color=colour)
            error = [[median - low], [high - median]]
            panel.errorbar(median, at, xerr=error, color="black", capsize=2, lw=1)
            panel.annotate(
                f"{median:.1f}x" if name != BASELINE else "1 by definition",
                (max(high, 1), at),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        floor = group["noise_floor"]
        if floor:
            panel.axvspan(floor["low"], floor["high"], color=colour, alpha=0.15, lw=0)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}x"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.axvline(1, color="grey", lw=0.8)
    panel.set_yticks(range(len(names)), names)
    panel.invert_yaxis()
    handles = [
        panel.barh(0, 0, color=f"C{number}", label=_label(group))
        for number, group in enumerate(groups)
    ]
    panel.legend(handles=handles, fontsize=8, loc="lower right")
    panel.spines[["top", "right"]].set_visible(False)


def _label(group: dict[str, Any]) -> str:
    cores, workers = many(group["cores"], "core"), many(group["workers"], "worker")
    return cores if group["workers"] == group["cores"] else f"{cores}, {workers}"
