"""Tables of counts, written as `bench count` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.reporting.isl_table import About, TableFile, columns_of
from strategies import Conversation, Counts
from strategies.streaming import turns_of


def write_table(
    path: Path,
    conversations: Sequence[Conversation],
    counts: Counts,
    about: About,
    together: int = 1000,
) -> None:
    """Write a table, with a number of conversations at a time."""
    requests = any(each.requests is not None for each in conversations)
    with TableFile(path, columns_of(requests=requests)) as table:
        turns = list(turns_of(conversations, counts))
        for start in range(0, len(turns), together):
            table.add(turns[start : start + together])
        table.complete(about, last=lambda: None)
