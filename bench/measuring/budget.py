"""How much is timed in how many seconds."""

from __future__ import annotations

from dataclasses import dataclass

MOST_ROUNDS = 30
SHORTEST_BASELINE_SECONDS = 0.2
"""A subset takes the baseline at least this long, because short runs measure the scheduler."""
WANTED_ROUNDS = 15
"""If a budget is short, conversations are left out until this many rounds fit."""


@dataclass(slots=True)
class Budget:
    """Seconds for the timed rounds of several groups. What one leaves, the others have.

    Parameters
    ----------
    left
        Seconds that are not spent.
    groups
        How many groups are to be timed.
    """

    left: float
    groups: int

    @property
    def part(self) -> float:
        """Seconds for the next group."""
        return max(0.0, self.left) / max(1, self.groups)

    def spend(self, seconds: float) -> None:
        """Take off what a group has spent."""
        self.left -= seconds
        self.groups -= 1

    def share(self, cost: float, baseline_seconds: float) -> float:
        """Return which part of the work of all turns a round can do.

        Parameters
        ----------
        cost
            Seconds of one round over everything.
        baseline_seconds
            Of the baseline, likewise.
        """
        within = self.part / (cost * WANTED_ROUNDS)
        return min(1.0, max(within, SHORTEST_BASELINE_SECONDS / baseline_seconds))


def duration(seconds: float) -> str:
    """Return some seconds in words, as exactly as an estimate can be."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
