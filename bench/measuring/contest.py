"""Who is shown to be faster than whom, from the seconds of rounds that all strategies ran in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import ceil, inf, log2

from bench.measuring.estimates import (
    CONFIDENCE,
    Estimate,
    ratio_estimate,
    separate_ratio_estimate,
)


@dataclass(frozen=True, slots=True)
class Contest:
    """Strategies that were timed in the same rounds, compared pair by pair.

    Parameters
    ----------
    baseline
        The strategy that the others must beat; one of `names`.
    names
        The strategies.
    ratios
        For each ordered pair ``(a, b)``, the seconds of `a` over those of `b` in the same round:
        how many times as fast `b` is. An interval without a bound reaches 0 or infinity.
    floor
        The same for the baseline and its second run: the noise floor, with `CONFIDENCE` by itself.
        It only makes claims harder to show, so it is none of the comparisons to correct for.
    rounds
        How many rounds there were.
    confidence
        Of each interval in `ratios`. It is high enough that all of them hold together with
        `CONFIDENCE`.
    fewest
        How many rounds an interval needs to have bounds.
    """

    baseline: str
    names: tuple[str, ...]
    ratios: Mapping[tuple[str, str], Estimate]
    floor: Estimate
    rounds: int
    confidence: float
    fewest: int

    @property
    def margin(self) -> float:
        """How far the baseline may differ from itself, as a factor; infinite if nobody knows."""
        return max(self.floor.high, 1 / self.floor.low if self.floor.low else inf)

    @property
    def others(self) -> tuple[str, ...]:
        """The strategies except the baseline."""
        return tuple(name for name in self.names if name != self.baseline)

    def speedup(self, name: str) -> Estimate:
        """Return how many times as fast as the baseline a strategy is."""
        return self.ratios[self.baseline, name]

    def faster(self, name: str, other: str) -> bool:
        """Whether a strategy is shown to be faster than another one, by more than the margin."""
        return name != other and self.ratios[other, name].low > self.margin


def contest_of(
    seconds: Mapping[str, Sequence[float]], baseline: str, again: Sequence[float]
) -> Contest:
    """Compare strategies by the seconds of the same rounds.

    The number of comparisons is fixed before anyone looks at a number: all pairs of strategies.
    So each interval gets the confidence that Bonferroni's inequality asks for.

    Parameters
    ----------
    seconds
        For each strategy, the baseline among them, its seconds in each round.
    baseline
        Name of the baseline.
    again
        Seconds of the baseline's second run in each round.

    Raises
    ------
    ValueError
        If not all have the same rounds.
    """
    floor = ratio_estimate(seconds[baseline], again, CONFIDENCE)
    fewest = fewest_rounds(simultaneous(len(seconds)))
    return _contest(seconds, baseline, ratio_estimate, floor, len(again), fewest)


def contest_of_separate(
    seconds: Mapping[str, Sequence[float]], baseline: str, floor: Estimate
) -> Contest:
    """Compare strategies that did not run in the same rounds.

    Parameters
    ----------
    seconds
        For each strategy, the baseline among them, its seconds in each of its own runs.
    baseline
        Name of the baseline.
    floor
        How many times as fast as itself the baseline is found to be, in runs that are as far
        apart.
    """
    fewest = min(map(len, seconds.values()))
    return _contest(seconds, baseline, separate_ratio_estimate, floor, fewest, 2)


def _contest(
    seconds: Mapping[str, Sequence[float]],
    baseline: str,
    ratio: Callable[[Sequence[float], Sequence[float], float], Estimate],
    floor: Estimate,
    rounds: int,
    fewest: int,
) -> Contest:
    confidence = simultaneous(len(seconds))
    ratios = {
        (a, b): ratio(seconds[a], seconds[b], confidence) for a, b in permutations(seconds, 2)
    }
    return Contest(baseline, tuple(seconds), ratios, floor, rounds, confidence, fewest)


def simultaneous(strategies: int) -> float:
    """Return the confidence of one interval, if all pairs of some strategies are compared."""
    pairs = max(1, strategies * (strategies - 1) // 2)
    return 1 - (1 - CONFIDENCE) / pairs


def fewest_rounds(confidence: float) -> int:
    """Return how many rounds an interval of a median needs to have bounds.

    All rounds are on the same side of the median with probability ``2 ** (1 - rounds)``.
    """
    return ceil(1 - log2(1 - confidence))
