"""What more cores bring."""

from __future__ import annotations

from functools import partial
from statistics import median

from . import workloads

ROUNDS = 9


class Scaling:
    """About a second of work on one core: 80 tool loops, byte-level BPE, by the native core.

    The other strategies would need minutes for that. `warm` times them on each number of cores.
    """

    params = (["rust"], workloads.CORES[1:])
    param_names = ("strategy", "cores")
    version = workloads.version(1)
    unit = "times the speed of one worker"
    timeout = 300

    def setup(self, strategy: str, cores: int) -> None:
        """Open the strategy with one worker and with as many as cores."""
        self.conversations = workloads.conversations("agentic, large")
        workloads.use_cores(cores)
        self.one = workloads.opened(strategy, "byte-level BPE", 1)
        self.all = workloads.opened(strategy, "byte-level BPE", cores)

    def track_speedup(self, strategy: str, cores: int) -> float:  # noqa: ARG002
        """Return the median ratio of runs side by side; more is better."""
        calls = [partial(counter.count, self.conversations) for counter in (self.one, self.all)]
        ratios = []
        for _ in range(ROUNDS):
            one, all_cores = map(workloads.seconds, calls)
            ratios.append(one / all_cores)
        return median(ratios)
