"""Which turns are asked: some of each kind."""

from __future__ import annotations

import random
from collections.abc import Sequence

from bench.checking.strata import Turn, in_order


def sample(turns: Sequence[Turn], number: int, seed: int) -> list[Turn]:
    """Return turns of which every stratum has some, as far as the number allows.

    First each turn is chosen that brings most strata that are not yet in the sample, until none
    is left out. Then every combination of strata gets its turn in rotation, so that a rare one
    is not lost among many.

    Parameters
    ----------
    turns
        All turns.
    number
        How many to return, at most.
    seed
        Decides which ones. The same seed gives the same sample.

    Returns
    -------
    list of Turn
        In the order of the data.
    """
    random_order = random.Random(seed)  # noqa: S311  # a sample is no secret
    cells: dict[tuple[str, ...], list[int]] = {}
    for place, turn in enumerate(turns):
        cells.setdefault(turn.strata, []).append(place)
    for places in cells.values():
        random_order.shuffle(places)
    waiting = list(cells)
    random_order.shuffle(waiting)
    chosen: list[int] = []
    covered: set[str] = set()
    while waiting and len(chosen) < number:
        cell = max(waiting, key=lambda each: len(set(each) - covered))
        if covered.issuperset(cell):
            # Each stratum is there. The other combinations come next, in a random order.
            break
        waiting.remove(cell)
        chosen.append(cells[cell].pop())
        covered.update(cell)
    # Combinations that have no turn yet go first.
    rotation = [*waiting, *(cell for cell in cells if cell not in waiting)]
    while len(chosen) < number:
        rotation = [cell for cell in rotation if cells[cell]]
        if not rotation:
            break
        chosen += [cells[cell].pop() for cell in rotation[: number - len(chosen)]]
    return [turns[place] for place in sorted(chosen)]


def left_out(turns: Sequence[Turn], sampled: Sequence[Turn]) -> list[str]:
    """Return the strata of the data of which the sample has no turn."""
    there = {stratum for turn in sampled for stratum in turn.strata}
    return in_order({stratum for turn in turns for stratum in turn.strata} - there)
