"""How busy the machine was with other programs while something was timed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter

import psutil

TOLERATED_LOAD = 0.2
"""Cores. A quiet system keeps about a tenth of a core busy."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the machine was while a setting was timed.

    Parameters
    ----------
    before
        Load average of the last minute when the rounds began, this program included.
    elsewhere
        Cores that other programs kept busy during the rounds, on average.
    left_free
        Cores that this setting left to other programs.
    """

    before: float
    elsewhere: float
    left_free: int

    @property
    def disturbed(self) -> bool:
        """Whether other programs were busier than the cores that were left to them."""
        return self.elsewhere > self.left_free + TOLERATED_LOAD


class LoadMeter:
    """Measures the load from its making on, in the process that is timed.

    Parameters
    ----------
    processors
        Numbers of all processors that the program may use.
    used
        How many of them are used by what is timed.
    """

    def __init__(self, processors: Sequence[int], used: int) -> None:
        self._processors = processors
        self._left_free = len(processors) - used
        self._before = os.getloadavg()[0]
        self._started = perf_counter()
        self._busy = _busy_seconds(processors)
        self._own = _own_seconds()

    def read(self) -> Load:
        """Return the load since the meter was made."""
        wall = perf_counter() - self._started
        busy = _busy_seconds(self._processors) - self._busy
        own = _own_seconds() - self._own
        # The clock of processors ticks in hundredths of a second.
        elsewhere = max(0.0, busy - own) / wall if wall else 0.0
        return Load(self._before, elsewhere, self._left_free)


_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")


def _busy_seconds(processors: Sequence[int]) -> float:
    """Return how long processors have worked, for whomever. Time that a host takes counts."""
    times = psutil.cpu_times(percpu=True)
    return sum(
        # Some systems have only the first three.
        sum(getattr(each, kind, 0.0) for kind in _BUSY)
        for number, each in enumerate(times)
        if number in processors
    )


def _own_seconds() -> float:
    """Return how long processors have worked for this process and all that it started."""
    total = 0.0
    process = psutil.Process()
    for member in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = member.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
