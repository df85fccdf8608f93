"""How many processors may be used."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Return how many processors this process may run on."""
    return len(os.sched_getaffinity(0))
