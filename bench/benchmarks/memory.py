"""How much memory a count takes, with all processes that it starts."""

from __future__ import annotations

from . import workloads


class Memory:
    """4 tool loops of 64 turns on all cores, in a new process."""

    params = (workloads.STRATEGIES, workloads.FAMILIES)
    param_names = ("strategy", "family")
    version = workloads.version(1)
    unit = "bytes"
    timeout = 120

    def setup(self, strategy: str, family: str) -> None:
        """Make sure that the strategy can run."""
        workloads.require(strategy, family)

    def track_peak_rss(self, strategy: str, family: str) -> int:
        """Return the largest resident memory of the process tree; shared pages count for each."""
        workers = workloads.all_cores()
        cores = tuple(sorted(workloads.available())[:workers])
        job, fresh = workloads.project("bench.jobs"), workloads.project("bench.fresh")
        spec = workloads.chat(family).spec
        conversations = workloads.conversations("agentic")
        with fresh.fresh_processes() as processes:
            outcome = processes.run(
                job.run_check, spec, strategy, conversations, workers, "raise", cores=cores
            )
        if outcome.failure is not None:
            raise outcome.failure
        peak: int = outcome.peak_rss_bytes
        return peak
