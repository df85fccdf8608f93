"""Where the time of a warm count goes."""

from __future__ import annotations

from . import workloads

PARTS = ["convert", "render", "cut", "encode"]
IN_PARTS = ["batched", "spliced", "rust"]
"""The strategies that report the seconds of their parts."""


class Parts:
    """64 turns in 4 tool loops on one core."""

    params = (IN_PARTS, workloads.FAMILIES, PARTS)
    param_names = ("strategy", "family", "part")
    version = workloads.version(1)
    unit = "seconds"
    timeout = 120

    def setup(self, strategy: str, family: str, part: str) -> None:  # noqa: ARG002
        """Open the strategy on one core."""
        self.conversations = workloads.conversations("agentic")
        workloads.use_cores(1)
        self.counter = workloads.opened(strategy, family, 1)

    def track_seconds(self, strategy: str, family: str, part: str) -> float:  # noqa: ARG002
        """Return the mean seconds of a part over some counts.

        If a strategy has no such part, it is nan, which asv shows as n/a.
        """
        calls = workloads.calls_to_time(lambda: self.counter.count(self.conversations))
        total = 0.0
        for _ in range(calls):
            self.counter.count(self.conversations)
            total += getattr(self.counter, "parts", {}).get(part, float("nan"))
        return total / calls
