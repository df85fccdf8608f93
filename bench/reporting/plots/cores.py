"""Speedup against cores: how far each strategy uses the cores that it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.measuring.baseline import BASELINE
from bench.reporting.plots.axes import counted, logarithmic, multiple
from bench.reporting.plots.captions import absences, by_tokenizer, caption, title
from bench.reporting.plots.labels import NEXT_TO_PANEL, Label, cross_out, label_right
from bench.reporting.plots.page import Column, Row, page, statement
from bench.reporting.plots.style import GREY, POINTS, SMALL, look, short, times, widest
from strategies.words import many

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.measuring.estimates import Estimate
    from bench.measuring.result import Entry, Group
    from bench.reporting.report import Report

_HEAD = "Speedup against cores"
_LABEL = 0.16
"""Height of a label, in inches."""


@dataclass(frozen=True, slots=True)
class _Point:
    cores: int
    speedup: Estimate


@dataclass(frozen=True, slots=True)
class _Curve:
    """A strategy, with its speedup on each number of cores.

    `crossed_out` says why it is not ranked, if it is not.
    """

    strategy: str
    points: Sequence[_Point]
    crossed_out: str | None


def cores_figure(report: Report) -> Figure:
    """Return the speedup over the number of cores, a panel for each tokenizer.

    Tokenizers that were measured on one number of cores only have no line, so they are named
    below; `speedup_figure` shows them.
    """
    found = [(name, _one_a_number(groups)) for name, groups in by_tokenizer(report)]
    drawn = [(name, groups) for name, groups in found if len(groups) > 1]
    if not drawn:
        return statement(
            _HEAD,
            "Every tokenizer was measured on one number of cores only, so there is no line to "
            "draw; speedup.png shows the speedups. For this figure, compare on several: "
            "`bench compare --cores 1,2,…`.",
            caption(report),
        )
    curves = [_curves(groups) for _, groups in drawn]
    texts = [
        [*map(_text, each), _ideal(groups)] for (_, groups), each in zip(drawn, curves, strict=True)
    ]
    rows = [
        Row(
            title(report, name),
            max(2.2, _LABEL * (len(labels) + 1)),
            absences(groups, [curve.strategy for curve in each]),
        )
        for (name, groups), each, labels in zip(drawn, curves, texts, strict=True)
    ]
    figure, panels = page(
        _HEAD,
        rows,
        caption(report, *_sentences(report, [name for name, groups in found if len(groups) == 1])),
        columns=[
            Column(0.65, NEXT_TO_PANEL / POINTS + 0.1 + widest([t for each in texts for t in each]))
        ],
    )
    for (panel,), (_, groups), each in zip(panels, drawn, curves, strict=True):
        _draw(panel, groups, each)
        panel.set_xlabel("cores (log scale)", size=SMALL)
    return figure


def _one_a_number(groups: Sequence[Group]) -> list[Group]:
    """Return a group for each number of cores: the one with as many workers, if there is one."""
    chosen: dict[int, Group] = {}
    for group in sorted(groups, key=lambda g: (g.cores, abs(g.workers - g.cores))):
        chosen.setdefault(group.cores, group)
    return list(chosen.values())


def _curves(groups: Sequence[Group]) -> list[_Curve]:
    names = dict.fromkeys(entry.strategy for group in groups for entry in group.entries)
    curves = []
    for name in names:
        points, why = [], None
        for group in groups:
            entry = next((each for each in group.entries if each.strategy == name), None)
            speedup = entry and _speedup(group, entry)
            if entry and speedup:
                points.append(_Point(group.cores, speedup))
                why = why or _crossed_out(entry)
        if points:
            curves.append(_Curve(name, points, why))
    return curves


def _speedup(group: Group, entry: Entry) -> Estimate | None:
    """Return the speedup of an entry. If it is not ranked, it has none, but it may have seconds."""
    from bench.measuring.estimates import Estimate

    if entry.speedup or not entry.seconds:
        return entry.speedup
    baseline = next((each for each in group.entries if each.strategy == group.baseline), None)
    if baseline is None or baseline.seconds is None:
        return None
    ratio = baseline.seconds.median / entry.seconds.median
    return Estimate(ratio, ratio, ratio)


def _crossed_out(entry: Entry) -> str | None:
    if entry.mismatches:
        return f"{entry.mismatches:,} wrong"
    return "control" if entry.control else None


def _text(curve: _Curve) -> str:
    if curve.crossed_out:
        return f"{short(curve.strategy)} ({curve.crossed_out})"
    return f"{short(curve.strategy)} {times(curve.points[-1].speedup.median)}"


def _ideal(groups: Sequence[Group]) -> str:
    most = groups[-1].cores
    return f"ideal: {most}x on {many(most, 'core')}"


def _has_ideal(groups: Sequence[Group]) -> bool:
    # The baseline of the other settings may itself use several cores.
    return all(group.baseline == BASELINE for group in groups)


def _sentences(report: Report, left_out: Sequence[str]) -> list[str]:
    sentences = [
        (
            "Median of the rounds with 95 % band, over the baseline on the same cores. A line "
            "parallel to the ideal one uses its cores fully. Grey band around 1x: noise floor, the "
            "baseline against itself."
        ),
    ]
    if any(group.baseline != BASELINE for group in report.groups):
        sentences.append("No ideal line, because the baseline may use the cores, too.")
    if any(not each.rankable for group in report.groups for each in group.entries if each.seconds):
        sentences.append("Crossed out: not ranked, ratio of medians.")
    if left_out:
        names = ", ".join(map(short, left_out))
        sentences.append(f"On one number of cores only, so not drawn: {names}.")
    return sentences


def _draw(panel: Axes, groups: Sequence[Group], curves: Sequence[_Curve]) -> None:
    cores = [group.cores for group in groups]
    ideal = cores if _has_ideal(groups) else []
    estimates = [point.speedup for curve in curves for point in curve.points]
    floors = [(group.cores, group.noise_floor) for group in groups if group.noise_floor]
    estimates += [floor for _, floor in floors]
    heights = [1.0, *ideal, *(one.low for one in estimates), *(one.high for one in estimates)]
    logarithmic(panel, "y", heights, multiple)
    counted(panel, cores)
    panel.axhline(1, color=GREY, lw=1, zorder=1).set_label("1x")
    panel.fill_between(
        [number for number, _ in floors],
        [floor.low for _, floor in floors],
        [floor.high for _, floor in floors],
        color=GREY,
        alpha=0.15,
        lw=0,
    )
    labels = []
    if ideal:
        panel.plot(cores, ideal, color=GREY, lw=1, ls=(0, (5, 3)), label="ideal")
        labels.append(Label(cores[-1], ideal[-1], _ideal(groups), GREY))
    for curve in curves:
        looks = look(curve.strategy)
        x = [point.cores for point in curve.points]
        y = [point.speedup.median for point in curve.points]
        low = [point.speedup.low for point in curve.points]
        high = [point.speedup.high for point in curve.points]
        crossed = curve.crossed_out is not None
        panel.fill_between(x, low, high, color=looks.colour, alpha=0.2, lw=0)
        panel.errorbar(
            x, y, [_minus(y, low), _minus(high, y)], fmt="none", ecolor=looks.colour, lw=1
        )
        panel.plot(
            x,
            y,
            color=looks.colour,
            marker=looks.marker,
            ms=6,
            lw=1 if crossed else 1.6,
            ls=":" if crossed else "-",
            label=short(curve.strategy),
        )
        if crossed:
            cross_out(panel, x, y)
        labels.append(Label(x[-1], y[-1], _text(curve), looks.ink))
    label_right(panel, labels)


def _minus(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(first, second, strict=True)]
