"""The figure of an answered claim: its numbers, and the range that speaks for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.claims.claim import Answered, Side, shown
from bench.measuring.estimates import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: dict[Side, str] = {"for": "#0072b2", "against": "#d55e00", "open": "#777777"}
"""Blue, orange and grey, which all readers can tell apart; the labels say it in words, too."""
MARKERS: dict[Side, str] = {"for": "o", "against": "X", "open": "d"}
NARROW, WIDE = 3, 30
"""Factors between the ends of a logarithmic axis, which decide how many numbers are marked."""


def claim_figure(answered: Answered) -> Figure:
    """Return a figure with a line for each case."""
    from matplotlib.figure import Figure

    claim, cases = answered.claim, answered.evidence.cases
    figure = Figure(figsize=(9, 1.35 + 0.32 * max(1, len(cases))), layout="constrained")
    panel = figure.subplots()
    if claim.logarithmic and cases:
        panel.set_xscale("log")
    for row, case in enumerate(cases):
        value, side = _bounded(case.value), claim.supports.side(case.value)
        colour = COLOURS[side] if case.judged else "#000000"
        said = side if case.judged else "for comparison"
        panel.errorbar(
            value.median,
            row,
            xerr=[[value.median - value.low], [value.high - value.median]],
            color=colour,
            marker=MARKERS[side] if case.judged else "|",
            markersize=7,
            capsize=3,
        )
        panel.annotate(
            f"{shown(case.value)}  {said}",
            (value.high, row),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=colour,
        )
    low, high = _limits(answered)
    panel.set_xlim(low, high)
    panel.axvspan(
        max(low, claim.supports.low), min(high, claim.supports.high), color="#0072b2", alpha=0.12
    )
    if claim.logarithmic:
        _mark(panel, high / low)
    panel.set_yticks(range(len(cases)), [case.label for case in cases])
    panel.set_ylim(max(1, len(cases)) - 0.5, -0.5)
    panel.set_xlabel(f"{claim.quantity}\n(shaded: speaks for the claim)")
    panel.spines[["top", "right"]].set_visible(False)
    return figure


def _bounded(value: Estimate) -> Estimate:
    """Return an estimate as it is drawn: without bounds it is a point."""
    bounded = math.isfinite(value.low) and math.isfinite(value.high)
    return value if bounded else Estimate(value.median, value.median, value.median)


def _mark(panel: Axes, factor: float) -> None:
    """Mark some numbers of a logarithmic axis, whatever factor lies between its ends."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    some = (1, 2, 5) if factor > WIDE else (1, 1.5, 2, 3, 5)
    panel.xaxis.set_major_locator(LogLocator(subs=some) if factor > NARROW else MaxNLocator(6))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _limits(answered: Answered) -> tuple[float, float]:
    """Return limits with all numbers inside, a bound of the range, and room for labels."""
    supports = answered.claim.supports
    bounds = [bound for bound in (supports.low, supports.high) if math.isfinite(bound)]
    values = [_bounded(case.value) for case in answered.evidence.cases]
    low = min([*bounds, *(value.low for value in values)])
    high = max([*bounds, *(value.high for value in values)])
    if answered.claim.logarithmic:
        low, high = low / 1.3, high * 1.3
        return low, high * (high / low) ** 0.45
    span = (high - low) or 1
    return low - 0.05 * span, high + 0.45 * span
