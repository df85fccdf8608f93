"""The types of counting: counts, progress, and how turns that fail are treated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of turns done since the last call."""

OnError: TypeAlias = Literal["raise", "skip"]
"""Whether a turn without an ISL fails the call, or gets no count."""

Counts: TypeAlias = list[list[int | None]]
"""For each conversation the ISL of each turn, in tokens; None for a turn that was skipped."""

Column: TypeAlias = Literal["shared", "osl"]
"""A column beside the ISL; docs/columns.md says what each means."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a counter found of the columns that were asked for.

    Parameters
    ----------
    counts
        The ISL of every turn, in tokens.
    shared, osl
        The same of these columns; None if it was not asked for.
    left
        Places of conversations of which the counter has the ISL alone.
    """

    counts: Counts
    shared: Counts | None
    osl: Counts | None
    left: Sequence[int]
