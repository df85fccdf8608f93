"""The ISLs of a dataset in a few numbers: percentiles, and how they grow from turn to turn."""

from __future__ import annotations

import numpy as np

from bench.reporting.facts import Lengths, TurnLengths
from strategies import Counts

MOST_TURNS = 200


def lengths_of(counts: Counts) -> Lengths | None:
    """Return the ISLs in some counts, or None if no turn has one.

    Parameters
    ----------
    counts
        Tokens of each turn of each conversation; None for a turn without an ISL.
    """
    known = [isl for turns in counts for isl in turns if isl is not None]
    if not known:
        return None
    longest = max(map(len, counts))
    places = sorted({round(i) for i in np.linspace(0, longest - 1, min(longest, MOST_TURNS))})
    by_turn = []
    for place in places:
        isls = [turns[place] for turns in counts if place < len(turns)]
        having = [isl for isl in isls if isl is not None]
        if having:
            low, median, high = _percentiles(having, [10, 50, 90])
            by_turn.append(TurnLengths(place + 1, len(having), low, median, high))
    return Lengths(tuple(_percentiles(known, list(range(101)))), tuple(by_turn))


def _percentiles(isls: list[int], which: list[int]) -> list[int]:
    # The nearest rank: an ISL that occurs, not a number between two.
    return [int(each) for each in np.percentile(isls, which, method="inverted_cdf")]
