"""What speedups are against, if a comparison names nothing else."""

from __future__ import annotations

from typing import Final

BASELINE: Final = "sequential"


def again(baseline: str) -> str:
    """Return the name of a baseline's second run in each round. Its speedup is the noise floor."""
    return f"{baseline} (again)"
