"""The interval of a median of few rounds, exact for every distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.measuring.estimates import CONFIDENCE, Estimate


def median_of(samples: Sequence[float]) -> Estimate:
    """Return the median of at least one sample with its 95 % interval.

    The ends are two of the samples, and the interval covers the median with at least 95 %,
    however they are distributed. Fewer than six samples are too few for that: the interval then
    has no bounds, so that it decides nothing.
    """
    from scipy.stats import quantile_test

    bounds: Any = quantile_test(np.asarray(samples, dtype=float), p=0.5).confidence_interval(
        CONFIDENCE
    )
    low, high = map(float, bounds)
    return Estimate(
        float(np.median(samples)),
        -math.inf if math.isnan(low) else low,
        math.inf if math.isnan(high) else high,
    )


def ratio_of(amounts: Sequence[float], others: Sequence[float]) -> Estimate:
    """Return the median ratio of some amounts to those of the same rounds, with its interval."""
    return median_of([a / b for a, b in zip(amounts, others, strict=True)])
