"""Other libraries on the same work: how long they take, and how many turns they count wrong."""

from __future__ import annotations

from . import workloads
from .correctness import conversations, mismatches
from .warm import counting


class Peers:
    """Jinja2, then whole prompts through another library, on one core.

    A library that is not installed is n/a.
    """

    params = (workloads.PEERS, workloads.FAMILIES)
    param_names = ("peer", "family")
    version = workloads.version(1)
    unit = "turns"
    repeat = (1, 3, 0.5)
    min_run_count = 1
    warmup_time = 0
    timeout = 120

    def setup(self, peer: str, family: str) -> None:
        """Open the peer and warm it up."""
        workloads.require(peer, family)
        conversations()
        self.count = counting(peer, family, 1, "agentic")
        self.number = workloads.calls_to_time(self.count)

    def time_count(self, peer: str, family: str) -> None:  # noqa: ARG002
        """Count every turn of the tool loops."""
        self.count()

    def track_wrong_turns(self, peer: str, family: str) -> int:
        """Return the number of wrong turns of those that `correctness.Exact` checks."""
        return mismatches(peer, family)
