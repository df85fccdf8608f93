"""What is left of something when no part of it can be left out any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Part = TypeVar("Part")


def fewest(parts: Sequence[Part], holds: Callable[[Sequence[Part]], bool]) -> Sequence[Part]:
    """Return what is left of some parts when none can be left out any more.

    Parameters
    ----------
    parts
        Parts that `holds` is true for.
    holds
        Whether some of them still show what is looked for.
    """
    size = (len(parts) + 1) // 2
    while size:
        start = 0
        left_out = False
        while start < len(parts):
            fewer = [*parts[:start], *parts[start + size :]]
            if holds(fewer):
                parts, left_out = fewer, True
            else:
                start += size
        # A part may have been needed by one after it only, and that one is gone.
        size = size if left_out and size == 1 else size // 2
    return parts
