"""How much memory a count takes, with all processes that it starts."""

from __future__ import annotations

import inspect

from . import workloads


class Memory:
    """64 turns in 4 tool loops on all cores, in a new process."""

    params = (workloads.STRATEGIES, workloads.FAMILIES)
    param_names = ("strategy", "family")
    version = workloads.version(1)
    unit = "bytes"
    timeout = 120

    def setup(self, strategy: str, family: str) -> None:
        """Make sure that the strategy can run, and that the commit can run it in a new process."""
        workloads.require(strategy, family)
        self.conversations = workloads.conversations("agentic")
        self.jobs = workloads.project("bench.measuring.jobs", "bench.jobs")
        self.fresh = workloads.project("bench.measuring.fresh", "bench.fresh")
        # The first commits have no such parameter.
        parameters = inspect.signature(self.jobs.run_check).parameters
        self.on_error = ["raise"] if "on_error" in parameters else []

    def track_peak_rss(self, strategy: str, family: str) -> int:
        """Return the peak resident memory of the process tree, in bytes.

        Memory that processes share is counted for each of them.
        """
        workers = workloads.all_cores()
        cores = workloads.available()[:workers]
        spec = workloads.chat(family).spec
        with self.fresh.fresh_processes() as processes:
            outcome = processes.run(
                self.jobs.run_check,
                spec,
                strategy,
                self.conversations,
                workers,
                *self.on_error,
                cores=cores,
            )
        if outcome.failure is not None:
            raise outcome.failure
        peak: int = outcome.peak_rss_bytes
        return peak
