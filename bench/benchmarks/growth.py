"""How the time for a conversation grows with its turns."""

from __future__ import annotations

import math
from functools import partial
from statistics import linear_regression
from typing import TYPE_CHECKING

from . import workloads

if TYPE_CHECKING:
    from strategies import Conversation

TURNS = (16, 32, 64)


class Growth:
    """The first 16, 32 and 64 turns of the long chat on one core."""

    params = (workloads.STRATEGIES, workloads.FAMILIES)
    param_names = ("strategy", "family")
    version = workloads.version(1)
    unit = "exponent of T"
    timeout = 120

    def setup(self, strategy: str, family: str) -> None:
        """Open the strategy on one core."""
        (self.conversation,) = workloads.conversations("long")
        workloads.use_cores(1)
        self.counter = workloads.opened(strategy, family, 1)

    def track_exponent(self, strategy: str, family: str) -> float:  # noqa: ARG002
        """Return the slope of log seconds over log turns: 1 is linear, the plain call has 2."""
        seconds = [
            workloads.seconds_per_call(
                partial(self.counter.count, [first(self.conversation, turns)]), samples=2
            )
            for turns in TURNS
        ]
        line = linear_regression([math.log(t) for t in TURNS], [math.log(s) for s in seconds])
        return line.slope


def first(conversation: Conversation, turns: int) -> Conversation:
    """Return the beginning of a conversation, with that many turns."""
    ends = conversation.turns[:turns]
    return type(conversation)(
        conversation.id, conversation.messages[: ends[-1]], conversation.tools, ends
    )
