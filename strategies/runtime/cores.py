"""Which processors may be used, and how many."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Return how many processors this process may run on."""
    return len(processors())


def processors() -> tuple[int, ...]:
    """Return the numbers of the processors that this process may run on, in order."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    # macOS lets every process run on all of them.
    return tuple(range(os.cpu_count() or 1))
