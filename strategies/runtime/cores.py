"""How many processors there are to use."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Return how many processors this process may run on."""
    return len(os.sched_getaffinity(0))
