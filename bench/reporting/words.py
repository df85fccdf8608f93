"""Numbers, names and lists as text, the same in every table and plot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import floor, isfinite, log10
from typing import TYPE_CHECKING

from strategies.words import many

if TYPE_CHECKING:
    from bench.measuring.estimates import Estimate


CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that a terminal obeys: controls, line breaks, and the direction of text."""


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def setting_words(cores: int, workers: int) -> str:
    """Return a setting in words; its workers only if there is not one for each core."""
    words = many(cores, "core")
    return words if workers == cores else f"{words}, {many(workers, 'worker')}"


def number(value: float, decimals: int = 2) -> str:
    """Return a number with as many decimals as are of use.

    Parameters
    ----------
    value
        The number.
    decimals
        Decimals of numbers below 100. Larger numbers have fewer. Very small numbers have as
        many as they need to show a digit that is not zero.
    """
    size = abs(value)
    if size >= 1000:
        decimals = 0
    elif size >= 100:
        decimals = min(decimals, 1)
    elif size:
        decimals = max(decimals, -floor(log10(size)))
    # A number this small could need hundreds of zeros.
    return f"{value:.1e}" if decimals > 9 else f"{value:,.{decimals}f}"


def interval(estimate: Estimate) -> str:
    """Return a median and its interval, such as ``2.36 [1.89, 2.78]``.

    Too few samples give an interval without bounds, and that is said instead of them.
    """
    if not (isfinite(estimate.low) and isfinite(estimate.high)):
        return f"{number(estimate.median)} [no bounds]"
    median, low, high = map(number, (estimate.median, estimate.low, estimate.high))
    return f"{median} [{low}, {high}]"
