"""How the cost of a conversation grows with its turns, and which parts grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log
from typing import TYPE_CHECKING

from bench.measuring.estimates import median_estimate
from bench.measuring.growth import exponent
from bench.reporting.growth_report import power
from bench.reporting.plots.axes import counted, logarithmic, plain
from bench.reporting.plots.captions import date_sentence, machine_sentence
from bench.reporting.plots.labels import NEXT_TO_PANEL, Label, label_points, label_right
from bench.reporting.plots.page import Column, Row, page, statement
from bench.reporting.plots.parts import WHOLE, part_colours
from bench.reporting.plots.style import GREY, POINTS, SMALL, look, short, widest
from bench.reporting.words import number
from strategies.words import many

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.measuring.growth import Curve, Point
    from bench.reporting.growth_report import GrowthReport

_GUIDES = {1: "slope of T (linear)", 2: "slope of T² (quadratic)"}
_LABEL = 0.16
"""Height of a label, in inches."""
_TURNS = "turns per conversation, T (log scale)"


def growth_figure(report: GrowthReport) -> Figure:
    """Return the time of a conversation over its turns, with the power with which it grows."""
    curves = [curve for curve in report.curves if curve.points]
    texts = [_text(curve) for curve in curves]
    figure, ((panel,),) = page(
        f"Time for a conversation of T turns, {short(report.tokenizer_name)}",
        [
            Row(
                "",
                max(3.2, _LABEL * (len(curves) + len(_GUIDES) + 1)),
                [f"{short(c.strategy)}: {c.left_out.reason}" for c in report.curves if c.left_out],
            )
        ],
        _caption(
            report,
            "Solid: median of the rounds, with 95 % interval. Dashed: the power of T that fits "
            "best, by least squares over the logarithms; its 95 % interval says how well it fits. "
            "Every turn adds the same amount of text.",
        ),
        columns=[Column(0.75, NEXT_TO_PANEL / POINTS + 0.1 + widest([*texts, *_GUIDES.values()]))],
    )
    points = [point for curve in curves for point in curve.points]
    logarithmic(panel, "y", [1e3 * point.seconds for point in points], plain)
    counted(panel, [point.turns for point in points])
    panel.set_xlabel(_TURNS, size=SMALL)
    panel.set_ylabel("milliseconds per conversation (log scale)", size=SMALL)
    labels = _guides(panel, points)
    lines: list[list[tuple[float, float]]] = []
    longest = max(point.turns for point in points)
    inside: list[Label] = []
    for curve, text in zip(curves, texts, strict=True):
        looks = look(curve.strategy)
        turns = [point.turns for point in curve.points]
        times = [1e3 * point.seconds for point in curve.points]
        errors = [_error(point) for point in curve.points]
        panel.errorbar(
            turns,
            times,
            [[low for low, _ in errors], [high for _, high in errors]],
            color=looks.colour,
            marker=looks.marker,
            ms=6,
            lw=1.6,
            capsize=2,
            label=short(curve.strategy),
        )
        fit = _fit(curve.points)
        if fit:
            panel.plot(turns, fit, color=looks.ink, lw=0.9, ls="--", label="fit")
        lines.append(list(zip(turns, times, strict=True)))
        # The label of a line that ends before the others stands at its end.
        chosen = labels if turns[-1] == longest else inside
        chosen.append(Label(turns[-1], times[-1], text, looks.ink))
    label_right(panel, labels)
    label_points(panel, inside, lines)
    return figure


def growth_parts_figure(report: GrowthReport) -> Figure:
    """Return the time per turn over the turns of a conversation, part by part.

    Each strategy that reports parts has a panel.
    """
    head = f"Time per turn by part, {short(report.tokenizer_name)}"
    curves = [curve for curve in report.curves if curve.points and curve.points[0].parts]
    lacking = [curve.strategy for curve in report.curves if curve not in curves]
    without = [f"No parts known: {', '.join(map(short, lacking))}."] if lacking else []
    if not curves:
        return statement(head, "No strategy reports parts of its time.", _caption(report, *without))
    names = [short(name) for curve in curves for name in curve.points[0].parts]
    figure, panels = page(
        head,
        [Row(curve.strategy, 2.4) for curve in curves],
        _caption(
            report,
            "Every turn adds the same amount of text. A part that rises works over the whole "
            "history again in each turn.",
            *without,
        ),
        columns=[Column(0.75, NEXT_TO_PANEL / POINTS + 0.1 + widest([WHOLE, *names]))],
    )
    colours = part_colours([name for curve in curves for name in (*curve.points[0].parts, WHOLE)])
    for (panel,), curve in zip(panels, curves, strict=True):
        _draw_parts(panel, curve.points, colours)
    return figure


def _text(curve: Curve) -> str:
    grows = power(exponent(curve.points))
    return f"{short(curve.strategy)} ~ {grows}" if grows else short(curve.strategy)


def _error(point: Point) -> tuple[float, float]:
    """Return how far the interval reaches below and above a point, in milliseconds."""
    if not point.round_seconds:
        return 0.0, 0.0
    found = median_estimate(point.round_seconds)
    scale = 1e3 * point.turns
    return (
        max(0.0, scale * (point.seconds_per_turn - found.low)),
        max(0.0, scale * (found.high - point.seconds_per_turn)),
    )


def _fit(points: Sequence[Point]) -> list[float] | None:
    """Return the fitted power at the turns of some points, in milliseconds."""
    found = exponent(points)
    if found is None:
        return None
    # A line by least squares goes through the middle of the points.
    x = sum(log(point.turns) for point in points) / len(points)
    y = sum(log(1e3 * point.seconds) for point in points) / len(points)
    return [exp(y + found.value * (log(point.turns) - x)) for point in points]


def _guides(panel: Axes, points: Sequence[Point]) -> list[Label]:
    """Draw how a linear and a quadratic time would grow, and return their labels."""
    first, last = min(p.turns for p in points), max(p.turns for p in points)
    if first == last:
        return []
    start = [1e3 * point.seconds for point in points if point.turns == first]
    middle = exp(sum(map(log, start)) / len(start))
    labels = []
    for slope, text in _GUIDES.items():
        end = middle * (last / first) ** slope
        panel.plot([first, last], [middle, end], color=GREY, lw=0.8, ls=":", label=text, zorder=1)
        labels.append(Label(last, end, text, GREY))
    low, high = panel.get_ylim()
    panel.set_ylim(low, max(high, 1.2 * labels[-1].y))
    return labels


def _draw_parts(panel: Axes, points: Sequence[Point], colours: Mapping[str, str]) -> None:
    turns = [point.turns for point in points]
    times = {part: [1e6 * point.parts[part] for point in points] for part in points[0].parts}
    times[WHOLE] = [1e6 * point.seconds_per_turn for point in points]
    # A logarithmic axis has no place for zero.
    shown = {part: each for part, each in times.items() if min(each) > 0}
    logarithmic(panel, "y", [value for each in shown.values() for value in each], plain)
    counted(panel, turns)
    labels = []
    for part, each in shown.items():
        colour = "black" if part == WHOLE else colours[part]
        panel.plot(turns, each, color=colour, marker="o", ms=5, lw=1.6, label=short(part))
        labels.append(Label(turns[-1], each[-1], short(part), "black"))
    label_right(panel, labels)
    panel.set_xlabel(_TURNS, size=SMALL)
    panel.set_ylabel("microseconds per turn (log scale)", size=SMALL)


def _caption(report: GrowthReport, *sentences: str) -> str:
    said = [*sentences, f"Dataset generated, {many(report.workers, 'worker')}."]
    if report.machine:
        said.append(machine_sentence(report.machine))
    else:
        said.append("Machine not recorded.")
    said.append(date_sentence(report.started))
    if report.load and report.load.disturbed:
        busy = number(report.load.elsewhere, 1)
        said.append(f"Busy machine, so less sure: other programs kept {busy} cores busy.")
    return " ".join(said)
