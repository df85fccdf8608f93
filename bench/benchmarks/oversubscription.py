"""What it costs to have more workers than cores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from . import workloads


class Oversubscription:
    """114 turns in 40 short chats, byte-level BPE, on all cores."""

    params = (workloads.STRATEGIES, [1, 2, 8])
    param_names = ("strategy", "workers per core")
    version = workloads.version(1)
    repeat = (1, 3, 0.5)
    min_run_count = 1
    rounds = 1
    warmup_time = 0
    timeout = 120

    def setup(self, strategy: str, workers_per_core: int) -> None:
        """Open the strategy with that many workers and warm it up."""
        self.count = counting(strategy, workers_per_core)
        self.number = workloads.calls_to_time(self.count)

    def time_count(self, strategy: str, workers_per_core: int) -> None:  # noqa: ARG002
        """Count every turn."""
        self.count()


@cache
def counting(strategy: str, workers_per_core: int) -> Callable[[], object]:
    """Return the call to time: the same one for each setup in a process."""
    cores = workloads.all_cores()
    workloads.use_cores(cores)
    counter = workloads.opened(strategy, "byte-level BPE", workers_per_core * cores)
    return partial(counter.count, workloads.conversations("short-chat"))
