"""How long a count takes once everything is loaded and started."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from . import workloads


class Warm:
    """114 turns in 40 short chats, 64 in 4 tool loops, or 94 in one chat."""

    params = (workloads.STRATEGIES, workloads.FAMILIES, workloads.CORES, workloads.SHAPES)
    param_names = ("strategy", "family", "cores", "shape")
    version = workloads.version(1)
    repeat = (1, 3, 0.5)
    min_run_count = 1
    warmup_time = 0
    timeout = 120

    def setup(self, strategy: str, family: str, cores: int, shape: str) -> None:
        """Open the strategy on that many cores and warm it up."""
        self.count = counting(strategy, family, cores, shape)
        self.number = workloads.calls_to_time(self.count)

    def time_count(self, strategy: str, family: str, cores: int, shape: str) -> None:  # noqa: ARG002
        """Count every turn."""
        self.count()


@cache
def counting(strategy: str, family: str, cores: int, shape: str) -> Callable[[], object]:
    """Return the call to time: the same one for each setup in a process.

    Parameters
    ----------
    strategy, family
        Names of the strategy and of the family of the tokenizer.
    cores
        How many processors it may use, and how many workers it has.
    shape
        Name of the sample to count.
    """
    workloads.use_cores(cores)
    counter = workloads.opened(strategy, family, cores)
    return partial(counter.count, workloads.conversations(shape))
