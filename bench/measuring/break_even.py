"""From which size of a dataset on a strategy pays, with its start-up counted."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, inf

from bench.measuring.result import Entry


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Sizes of datasets for which a strategy takes less time than the baseline.

    Parameters
    ----------
    turns, conversations
        The smallest such dataset; None if there is none.
    most_turns
        The largest such dataset; None if there is no limit. A strategy that starts faster and
        counts slower than the baseline has one.
    """

    turns: int | None
    conversations: int | None
    most_turns: int | None = None


def break_even(
    strategy: Entry, baseline: Entry, turns: int, conversations: int
) -> BreakEven | None:
    """Return from which size of a dataset on a strategy takes less time than the baseline.

    It takes that the time of a dataset is the cold start, and then as many seconds for each turn
    as in the timed rounds. So it holds for conversations that are as long as those that were
    timed.

    Parameters
    ----------
    strategy, baseline
        Both timed in the same rounds.
    turns, conversations
        How many each round counted.

    Returns
    -------
    BreakEven or None
        None if one of them was not timed, or its cold start is not known.
    """
    if not (strategy.seconds and baseline.seconds and turns and conversations):
        return None
    if strategy.cold_seconds is None or baseline.cold_seconds is None:
        return None
    start = strategy.cold_seconds - baseline.cold_seconds
    gain = (baseline.seconds.median - strategy.seconds.median) / turns
    first, last = _between(start, gain)
    if first == inf or first > last:
        return BreakEven(None, None)
    return BreakEven(
        turns=int(first),
        conversations=ceil(first * conversations / turns),
        most_turns=None if last == inf else int(last),
    )


def _between(start: float, gain: float) -> tuple[float, float]:
    """Return the least and the largest whole ``n >= 1`` for which ``n * gain > start``."""
    if gain > 0:
        return max(1, floor(start / gain) + 1), inf
    if start >= 0:
        return inf, inf
    return 1, inf if gain == 0 else ceil(start / gain) - 1
