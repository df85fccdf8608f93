"""Speedups with intervals from paired, interleaved rounds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
FEWEST_FOR_BOOTSTRAP = 6
"""With fewer samples the interval is their range. The range of five samples covers the median
with 94 %; a bootstrap of so few would claim more precision than it has."""
RESAMPLES = 9999

Verdict = Literal["faster", "slower", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median with an interval.

    Parameters
    ----------
    median, low, high
        `low` and `high` bound a 95 % interval (`CONFIDENCE`).
    """

    median: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return the three numbers by name."""
        return {"median": self.median, "low": self.low, "high": self.high}


def median_estimate(samples: Sequence[float], seed: int = 0) -> Estimate:
    """Return the median of some samples with a bootstrap percentile interval.

    Raises
    ------
    ValueError
        If there is no sample.
    """
    values = np.asarray(samples, dtype=float)
    if not len(values):
        raise ValueError("an estimate needs a sample")
    middle = float(np.median(values))
    if len(values) < FEWEST_FOR_BOOTSTRAP:
        return Estimate(middle, float(values.min()), float(values.max()))
    if np.ptp(values) == 0:
        return Estimate(middle, middle, middle)
    low, high = _bootstrap(values, seed)
    return Estimate(middle, low, high)


def speedup_estimate(
    baseline: Sequence[float], seconds: Sequence[float], seed: int = 0
) -> Estimate:
    """Return how many times as fast as the baseline something is.

    Parameters
    ----------
    baseline, seconds
        Seconds of the same rounds, in the same order. What slowed a round slowed both.
    seed
        Seed of the bootstrap.

    Raises
    ------
    ValueError
        If there is not one of each for every round.
    """
    if len(baseline) != len(seconds):
        raise ValueError("paired samples must be of the same rounds")
    ratios = np.log(np.asarray(baseline, dtype=float)) - np.log(np.asarray(seconds, dtype=float))
    logs = median_estimate(ratios.tolist(), seed)
    return Estimate(*(float(np.exp(x)) for x in (logs.median, logs.low, logs.high)))


def ratio_estimate(
    seconds: Sequence[float], others: Sequence[float], confidence: float
) -> Estimate:
    """Return how many times as long something takes as something else, by rounds.

    The interval is that of the median of the ratios. Its ends are two of the ratios, and it covers
    the median with at least this confidence, however the ratios are distributed. With too few
    rounds for that it has no bounds: it reaches from 0 to infinity.

    Parameters
    ----------
    seconds, others
        Seconds of the same rounds, in the same order. At least one round.
    confidence
        Of the interval, such as 0.95.

    Raises
    ------
    ValueError
        If there is not one of each for every round.
    """
    from scipy.stats import quantile_test

    if len(seconds) != len(others):
        raise ValueError("paired samples must be of the same rounds")
    ratios = np.log(np.asarray(seconds, dtype=float)) - np.log(np.asarray(others, dtype=float))
    bounds: Any = quantile_test(ratios, p=0.5).confidence_interval(confidence)
    low, high = (float(np.exp(end)) for end in bounds)
    middle = float(np.exp(np.median(ratios)))
    # SciPy says nan for a bound that the samples are too few for.
    return Estimate(middle, 0.0 if np.isnan(low) else low, np.inf if np.isnan(high) else high)


def separate_ratio_estimate(
    seconds: Sequence[float], others: Sequence[float], confidence: float
) -> Estimate:
    """Return how many times as long something takes as something else, if they ran apart.

    The interval is Welch's, of the ratio of geometric means. It takes that logarithms of seconds
    scatter normally. With fewer than two samples of each it has no bounds.

    Parameters
    ----------
    seconds, others
        Seconds of different runs; at least one of each.
    confidence
        Of the interval, such as 0.95.
    """
    from scipy.stats import ttest_ind

    a, b = (np.log(np.asarray(samples, dtype=float)) for samples in (seconds, others))
    middle = float(np.mean(a) - np.mean(b))
    low, high = -np.inf, np.inf
    if min(len(a), len(b)) > 1 and np.ptp(a) + np.ptp(b) > 0:
        bounds: Any = ttest_ind(a, b, equal_var=False).confidence_interval(confidence)
        low, high = bounds
    return Estimate(*(float(np.exp(each)) for each in (middle, low, high)))


def verdict(speedup: Estimate, noise_floor: Estimate) -> Verdict:
    """Say whether a speedup stands out from 1 and from the baseline against itself."""
    if speedup.low > max(1.0, noise_floor.high):
        return "faster"
    if speedup.high < min(1.0, noise_floor.low):
        return "slower"
    return "inconclusive"


def _bootstrap(values: npt.NDArray[np.float64], seed: int) -> tuple[float, float]:
    from scipy.stats import bootstrap

    with warnings.catch_warnings():
        # SciPy warns of resamples without spread, which the percentile method does not need.
        warnings.simplefilter("ignore")
        result = bootstrap(
            (values,),
            np.median,
            n_resamples=RESAMPLES,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
