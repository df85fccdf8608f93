"""The plan of a comparison: tokenizers, strategies, cores, rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.measuring.baseline import BASELINE
from bench.measuring.machine import check_cores
from strategies import ChatSpec, OnError
from strategies.runtime.workers import checked_workers


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compare.

    Parameters
    ----------
    chats
        Tokenizers.
    strategies
        Names; the baseline is run even if it is not among them.
    cores
        Numbers of cores to pin to, one comparison each.
    workers
        Numbers of workers to run on each number of cores, at most `MAX_WORKERS`; None for as
        many as cores.
    rounds
        Full rounds over all conversations, or None to keep to the budget.
    budget_seconds
        Time for all timed rounds together.
    seed
        Decides the order in rounds, the choice of conversations, and the bootstrap.
    on_error
        Whether a turn without an ISL fails the comparison or is skipped.
    baseline
        Name of the strategy that speedups are against. It may count wrong.
    """

    chats: Sequence[ChatSpec]
    strategies: Sequence[str]
    cores: Sequence[int]
    workers: Sequence[int] | None
    rounds: int | None
    budget_seconds: float
    seed: int
    on_error: OnError
    baseline: str = BASELINE

    def __post_init__(self) -> None:
        for count in self.cores:
            check_cores(count)
        for _, workers in self.settings:
            checked_workers(workers)

    @property
    def settings(self) -> list[tuple[int, int]]:
        """Pairs of cores and workers, the slowest first: the budget is planned by the first."""
        pairs = {(cores, workers) for cores in self.cores for workers in (self.workers or (cores,))}
        return sorted(pairs)

    def timed_seconds(self, cost: float, groups: int) -> float:
        """Return how long the timed rounds of some groups take, about.

        Parameters
        ----------
        cost
            Seconds of one round over all conversations.
        groups
            How many groups.
        """
        return self.budget_seconds if self.rounds is None else self.rounds * cost * groups

    @property
    def names(self) -> list[str]:
        """Names of the strategies to run, the baseline first."""
        return list(dict.fromkeys((self.baseline, *self.strategies)))


def unique_names(chats: Sequence[ChatSpec]) -> list[str]:
    """Return the last part of each name or path, with more of it if two would be equal."""
    parts = [spec.name_or_path.rstrip("/").split("/") for spec in chats]
    depth = 1
    while True:
        names = ["/".join(path[-depth:]) for path in parts]
        if len(set(names)) == len(names):
            return names
        if depth >= max(map(len, parts)):
            # One tokenizer twice, with different templates or kwargs.
            return [f"{name} ({number})" for number, name in enumerate(names, 1)]
        depth += 1
