"""What runs in fresh processes: the reference, the check of one strategy, timed rounds."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from bench.measuring.fresh import Send
from bench.measuring.subset import conversations_within
from strategies import (
    Amplification,
    ChatSpec,
    ChatTokenizer,
    Conversation,
    Counter,
    Counts,
    OnError,
    UnavailableError,
    amplification,
    availability,
    count_with,
    get,
    reference_counts,
)

BASELINE = "sequential"
AGAIN = "sequential (again)"
"""The baseline run a second time in each round: its speedup is the noise floor."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The truth about a tokenizer on a dataset.

    Parameters
    ----------
    counts
        Full-template counts; None for a turn that raises.
    amplification
        What the prompts render to.
    fingerprint, warnings
        Of the tokenizer.
    """

    counts: Counts
    amplification: Amplification
    fingerprint: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """Tokens of all turns together."""
        return sum(isl or 0 for turns in self.counts for isl in turns)

    @property
    def skipped_turns(self) -> int:
        """Turns that have no ISL."""
        return sum(isl is None for turns in self.counts for isl in turns)


@dataclass(frozen=True, slots=True)
class Check:
    """One strategy, opened and run once over all turns in a process of its own.

    Parameters
    ----------
    unavailable
        Why the strategy cannot run; then the rest is empty.
    counts
        What it counted; None for a turn that it skipped.
    open_seconds
        Loading the tokenizer and opening the strategy; imports are not in it.
    count_seconds
        Counting all turns, once, with nothing warmed up: what a budget is planned by.
    note
        What the strategy says about the run.
    """

    unavailable: str | None
    counts: Counts = field(default_factory=list)
    open_seconds: float = 0.0
    count_seconds: float = 0.0
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of each strategy in one round, and what their parts took, by name."""

    seconds: dict[str, float]
    parts: dict[str, dict[str, float]]


def run_reference(
    send: Send, spec: ChatSpec, conversations: Sequence[Conversation], on_error: OnError
) -> Reference:
    """Count by the plain call; sends the number of turns done."""
    chat = ChatTokenizer(spec)
    counts = reference_counts(conversations, chat, progress=send, on_error=on_error)
    return Reference(counts, amplification(conversations, chat), chat.fingerprint, chat.warnings)


def run_check(
    send: Send,
    spec: ChatSpec,
    strategy: str,
    conversations: Sequence[Conversation],
    workers: int,
    on_error: OnError,
) -> Check:
    """Open a strategy and count everything once; sends the number of turns done."""
    _match_library_threads(workers)
    started = perf_counter()
    chat = ChatTokenizer(spec)
    chosen = get(strategy)
    unavailable = availability(chosen, chat)
    if unavailable is not None:
        return Check(unavailable)
    try:
        with chosen.open(chat, workers=workers) as counter:
            opened = perf_counter()
            counts = count_with(counter, chat, conversations, progress=send, on_error=on_error)
            counted = perf_counter()
            note = getattr(counter, "note", None)
    except UnavailableError as error:
        # What `availability` cannot see without doing the work of opening.
        return Check(str(error))
    return Check(None, counts, opened - started, counted - opened, note)


def run_rounds(
    send: Send,
    spec: ChatSpec,
    strategies: Sequence[str],
    conversations: Sequence[Conversation],
    workers: int,
    on_error: OnError,
    most_rounds: int,
    budget_seconds: float,
    seed: int,
) -> None:
    """Run all strategies side by side, round after round; sends each `Round`.

    Every strategy is opened and warmed by a count of some conversations first. Each round
    runs every strategy once, the baseline twice, in an order that is shuffled anew. It ends
    after `most_rounds`, or when the next round would go over the budget, but not before
    `FEWEST_ROUNDS`.
    """
    _match_library_threads(workers)
    chat = ChatTokenizer(spec)
    order = random.Random(seed)  # noqa: S311  # no secret
    with ExitStack() as stack:
        counters: dict[str, Counter] = {
            name: stack.enter_context(get(name).open(chat, workers=workers)) for name in strategies
        }
        counters[AGAIN] = counters[BASELINE]
        some = conversations_within(conversations, WARM_UP_SHARE, seed)
        for counter in counters.values():
            count_with(counter, chat, some, on_error=on_error)
        begun = perf_counter()
        for number in range(most_rounds):
            names = list(counters)
            order.shuffle(names)
            send(_one_round(names, counters, chat, conversations, on_error))
            spent = perf_counter() - begun
            done = number + 1
            if done >= FEWEST_ROUNDS and spent + spent / done > budget_seconds:
                return


WARM_UP_SHARE = 0.1
FEWEST_ROUNDS = 6
"""So many give an interval that is more than the range of the samples."""


def _one_round(
    names: Sequence[str],
    counters: dict[str, Counter],
    chat: ChatTokenizer,
    conversations: Sequence[Conversation],
    on_error: OnError,
) -> Round:
    seconds, parts = {}, {}
    for name in names:
        # What the one before left behind is not this one's to collect.
        gc.collect()
        started = perf_counter()
        count_with(counters[name], chat, conversations, on_error=on_error)
        seconds[name] = perf_counter() - started
        parts[name] = dict(getattr(counters[name], "parts", {}))
    return Round(seconds, parts)


def _match_library_threads(workers: int) -> None:
    # Read when the library's pool starts, which is at its first use in this process.
    os.environ["RAYON_NUM_THREADS"] = str(workers)
