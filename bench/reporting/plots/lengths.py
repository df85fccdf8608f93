"""The ISLs of the dataset: their distribution, and how they grow from turn to turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.reporting.plots.axes import logarithmic, with_prefix
from bench.reporting.plots.captions import caption, title
from bench.reporting.plots.page import Column, Row, page, statement
from bench.reporting.plots.style import SMALL, short
from strategies.words import many

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.reporting.facts import Lengths
    from bench.reporting.report import Report

_HEAD = "Input sequence lengths (ISL) of the dataset"
_COLOUR = "#0072B2"
_NAMED = (50, 90, 99)
"""Percentiles that are written on the curve."""


def lengths_figure(report: Report) -> Figure:
    """Return the distribution of the ISLs and the ISL by turn, a row for each tokenizer."""
    known = [(each, each.lengths) for each in report.tokenizers if each.lengths]
    lacking = [short(each.tokenizer) for each in report.tokenizers if not each.lengths]
    if not known:
        return statement(
            _HEAD,
            "The report holds no ISLs: either no turn has one, or an earlier version of "
            "`bench compare` wrote it, which did not record them.",
            caption(report, timed=False),
        )
    figure, panels = page(
        _HEAD,
        [Row(title(report, each.tokenizer), 2.0) for each, _ in known],
        caption(
            report,
            "Left: share of turns with at most this many tokens. Right: median over the "
            "conversations that have the turn; the band holds 80 % of them (10th to 90th "
            "percentile).",
            *([f"No ISLs recorded for {', '.join(lacking)}."] if lacking else []),
            timed=False,
        ),
        columns=[Column(0.65, 0.35), Column(0.65, 0.2)],
    )
    for (left, right), (_, lengths) in zip(panels, known, strict=True):
        _distribution(left, lengths)
        _by_turn(right, lengths)
    return figure


def _distribution(panel: Axes, lengths: Lengths) -> None:
    values = lengths.percentiles
    logarithmic(panel, "x", values, with_prefix)
    zero = values[0] <= 0
    if zero:
        # A prompt of no tokens has no place on a logarithmic axis. Below 1, this one is linear.
        panel.set_xscale("symlog", linthresh=1)
        most = 1.3 * max(2, values[-1])
        panel.set_xlim(-0.2, most)
        panel.set_xticks([0, *(10**n for n in range(20) if 10**n <= most)])
        panel.xaxis.set_major_formatter(lambda value, _: with_prefix(value))
    panel.plot(values, range(len(values)), color=_COLOUR, lw=1.8, drawstyle="steps-post")
    for percent in _NAMED:
        value = values[percent]
        panel.plot([value], [percent], marker="o", ms=5, color=_COLOUR)
        panel.annotate(
            f"p{percent} {value:,}",
            (value, percent),
            xytext=(6, -9) if value <= values[0] else (-6, 3),
            textcoords="offset points",
            ha="left" if value <= values[0] else "right",
            size=SMALL,
        )
    panel.set_ylim(0, 108)
    panel.set_yticks(range(0, 101, 25), [f"{share} %" for share in range(0, 101, 25)])
    panel.grid(color="#e6e6e6", lw=0.6)
    panel.set_xlabel(
        f"tokens in the prompt (log scale{', linear below 1' if zero else ''})", size=SMALL
    )
    panel.set_ylabel("turns", size=SMALL)


def _by_turn(panel: Axes, lengths: Lengths) -> None:
    from matplotlib.ticker import MaxNLocator

    turns = [each.turn for each in lengths.by_turn]
    median = [each.median for each in lengths.by_turn]
    panel.fill_between(
        turns,
        [each.low for each in lengths.by_turn],
        [each.high for each in lengths.by_turn],
        color=_COLOUR,
        alpha=0.22,
        lw=0,
        label="10th to 90th percentile",
    )
    panel.plot(
        turns,
        median,
        color=_COLOUR,
        lw=1.8,
        marker="o" if len(turns) <= 30 else "",
        ms=4,
        label="median",
    )
    first, last = lengths.by_turn[0], lengths.by_turn[-1]
    panel.set_ylim(0, 1.08 * max(1, *(each.high for each in lengths.by_turn)))
    panel.set_xlim(0 if len(turns) > 1 else turns[0] - 1, 1.02 * turns[-1] + 0.5)
    panel.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    panel.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    panel.yaxis.set_major_formatter(lambda value, _: with_prefix(value))
    panel.grid(color="#e6e6e6", lw=0.6)
    have = f"{many(first.conversations, 'conversation')} at turn {first.turn}"
    if last is not first:
        have += f", {last.conversations:,} at turn {last.turn}"
    panel.set_xlabel(f"turn ({have})", size=SMALL)
    panel.set_ylabel("tokens in the prompt", size=SMALL)
