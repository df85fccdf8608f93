"""The types of counting: counts, progress, and how turns that fail are treated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of turns done since the last call."""

OnError: TypeAlias = Literal["raise", "skip"]
"""Whether a turn without an ISL fails the call, or gets no count."""

Counts: TypeAlias = list[list[int | None]]
"""For each conversation the ISL of each turn, in tokens; None for a turn that was skipped."""
