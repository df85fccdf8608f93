"""How many prompt tokens are counted per second."""

from __future__ import annotations

from functools import partial

from . import workloads


class Throughput:
    """64 turns in 4 tool loops on all cores."""

    params = (workloads.STRATEGIES, workloads.FAMILIES)
    param_names = ("strategy", "family")
    version = workloads.version(1)
    unit = "tokens/s"
    timeout = 120

    def setup(self, strategy: str, family: str) -> None:
        """Open the strategy on all cores."""
        self.conversations = workloads.conversations("agentic")
        workloads.use_cores(workloads.all_cores())
        self.counter = workloads.opened(strategy, family, workloads.all_cores())

    def track_tokens_per_second(self, strategy: str, family: str) -> float:  # noqa: ARG002
        """Return the tokens of all prompts over the seconds of a warm count; more is better."""
        counts = self.counter.count(self.conversations)
        tokens = sum(isl or 0 for turns in counts for isl in turns)
        return tokens / workloads.seconds_per_call(partial(self.counter.count, self.conversations))
