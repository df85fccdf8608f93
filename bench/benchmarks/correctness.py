"""Whether the counts are those of the full template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import workloads

if TYPE_CHECKING:
    from strategies import Conversation


def conversations() -> list[Conversation]:
    """Return the conversations whose counts are checked."""
    return [c for shape in workloads.CHECKED for c in workloads.conversations(shape)]


def mismatches(strategy: str, family: str) -> int:
    """Return the number of turns for which a strategy and the reference differ."""
    verify = workloads.project("strategies").verify
    return len(verify(strategy, conversations(), workloads.chat(family), workers=2))


class Exact:
    """114 turns of short chats, 64 of tool loops, 37 in many languages, 147 adversarial."""

    params = (workloads.STRATEGIES, workloads.FAMILIES)
    param_names = ("strategy", "family")
    version = workloads.version(1)
    unit = "turns"
    timeout = 120

    def setup(self, strategy: str, family: str) -> None:
        """Make sure that the strategy can run, on these data."""
        workloads.require(strategy, family)
        conversations()

    def track_mismatches(self, strategy: str, family: str) -> int:
        """Return the number of wrong turns, which must be 0."""
        return mismatches(strategy, family)


class Control:
    """The same turns, counted by a strategy that is wrong on purpose."""

    params = (workloads.CONTROLS, workloads.FAMILIES)
    param_names = ("strategy", "family")
    version = workloads.version(1)
    unit = "turns"
    timeout = 120

    def setup(self, strategy: str, family: str) -> None:
        """Make sure that the control can run, on these data."""
        workloads.require(strategy, family)
        conversations()

    def track_wrong_turns(self, strategy: str, family: str) -> int:
        """Return the number of wrong turns. If it is 0 for all families, the check is blind."""
        return mismatches(strategy, family)
