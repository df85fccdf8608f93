"""Logarithmic axes whose ticks are numbers that people read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf, log10
from typing import TYPE_CHECKING, Literal

from bench.reporting.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEPS = ((0.9, (1, 1.5, 2, 3, 4, 6, 8)), (3.0, (1, 2, 5)), (inf, (1,)))
"""Up to how many powers of ten which multiples of them have a tick."""


def logarithmic(
    panel: Axes, which: Literal["x", "y"], values: Iterable[float], text: Callable[[float], str]
) -> None:
    """Make an axis logarithmic, so wide that it shows some values, with readable ticks.

    Parameters
    ----------
    panel
        The panel.
    which
        Its axis.
    values
        What the axis must show. A logarithmic axis has no place for zero, so only positive
        values count.
    text
        Returns the label of a tick.
    """
    from matplotlib.ticker import (
        FixedLocator,
        FuncFormatter,
        LogLocator,
        NullFormatter,
        NullLocator,
    )

    shown = [value for value in values if value > 0] or [1.0]
    low, high = min(shown), max(shown)
    decades = log10(high / low)
    # Room at both ends, and at least a factor of three in all.
    room = 10 ** max(0.06 * decades, (0.5 - decades) / 2)
    low, high = low / room, high * room
    steps = next(steps for most, steps in _STEPS if log10(high / low) <= most)
    axis = panel.xaxis if which == "x" else panel.yaxis
    (panel.set_xscale if which == "x" else panel.set_yscale)("log")
    (panel.set_xlim if which == "x" else panel.set_ylim)(low, high)
    ticks = LogLocator(subs=steps, numticks=12).tick_values(low, high)
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axis.set_minor_formatter(NullFormatter())
    panel.grid(axis=which, color="#e6e6e6", lw=0.6)
    panel.set_axisbelow(True)


def counted(panel: Axes, values: Sequence[int]) -> None:
    """Make a logarithmic x axis with a tick at each of some whole numbers.

    Parameters
    ----------
    panel
        The panel.
    values
        The numbers. Of two that are too near to each other, the first gets the tick.
    """
    logarithmic(panel, "x", values, lambda value: f"{value:,.0f}")
    ticks: list[int] = []
    low, high = panel.get_xlim()
    apart = (high / low) ** 0.04
    for value in sorted(set(values)):
        if value > 0 and (not ticks or value > apart * ticks[-1]):
            ticks.append(value)
    panel.set_xticks(ticks)


def plain(value: float) -> str:
    """Return the label of a tick: a number with no decimals that say nothing."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def multiple(value: float) -> str:
    """Return the label of a tick on an axis of speedups, such as ``0.5x``."""
    return f"{plain(value)}x"


def with_prefix(value: float) -> str:
    """Return the label of a tick: a large number with k, M or G for thousands and so on."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{plain(value / size)} {letter}"
    return plain(value)
