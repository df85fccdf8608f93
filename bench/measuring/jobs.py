"""The jobs of fresh processes: the reference, the check of one strategy, timed rounds."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from bench.measuring.baseline import BASELINE, again
from bench.measuring.fresh import Send
from bench.measuring.load import Load, LoadMeter
from bench.measuring.subset import conversations_within
from strategies import (
    Amplification,
    ChatSpec,
    ChatTokenizer,
    Conversation,
    Counter,
    Counts,
    OnError,
    TurnError,
    UnavailableError,
    amplification,
    availability,
    available_cores,
    count_with,
    get,
    hinted,
    traceless,
)


@dataclass(frozen=True, slots=True)
class Check:
    """One strategy, opened and run once over all turns in a process of its own.

    Parameters
    ----------
    unavailable
        Why the strategy cannot run, or None. If it cannot, the rest is empty.
    counts
        Its counts, in tokens; None for a turn that it skipped.
    open_seconds
        Loading the tokenizer and opening the strategy, without imports.
    count_seconds
        Counting all turns once, with nothing warmed up. The budget is planned by it.
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


@dataclass(frozen=True, slots=True)
class Facts:
    """What a tokenizer and a dataset are, without any ISL.

    Parameters
    ----------
    amplification
        How large the prompts are, and how much of them repeats.
    fingerprint, warnings
        Of the tokenizer.
    """

    amplification: Amplification
    fingerprint: dict[str, Any]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The counts of a tokenizer on a dataset that are right.

    Parameters
    ----------
    facts
        What the tokenizer and the dataset are.
    plain
        How the plain call fared, which gave the counts.
    peak_rss_bytes, peak_pss_bytes
        Of its process, see `PeakMemory`.
    """

    facts: Facts
    plain: Check
    peak_rss_bytes: int
    peak_pss_bytes: int | None

    @property
    def counts(self) -> Counts:
        """Full-template counts, in tokens; None for a turn that raises."""
        return self.plain.counts

    @property
    def tokens(self) -> int:
        """Tokens of all turns together."""
        return sum(isl or 0 for turns in self.counts for isl in turns)

    @property
    def skipped_turns(self) -> int:
        """Turns that have no ISL."""
        return sum(isl is None for turns in self.counts for isl in turns)


def run_facts(_send: Send, spec: ChatSpec, conversations: Sequence[Conversation]) -> Facts:
    """Describe a tokenizer and what it makes of the conversations.

    It is a job of its own, so that the process of the plain call has only the memory of that.

    Parameters
    ----------
    _send
        Not used.
    spec
        The tokenizer.
    conversations
        The conversations.
    """
    chat = ChatTokenizer(spec)
    warnings = (*chat.warnings, *traceless(conversations, chat))
    return Facts(amplification(conversations, chat), chat.fingerprint, warnings)


def run_reference(
    send: Send, spec: ChatSpec, conversations: Sequence[Conversation], on_error: OnError
) -> Check:
    """Count by the plain call, which gives the counts that are right.

    Parameters
    ----------
    send
        Is sent the number of turns done since its last call.
    spec
        The tokenizer.
    conversations
        The conversations to count.
    on_error
        Whether a turn without an ISL fails the job or is skipped.
    """
    try:
        return run_check(send, spec, BASELINE, conversations, 1, on_error)
    except TurnError as error:
        raise hinted(error, conversations, ChatTokenizer(spec)) from error


def run_check(
    send: Send,
    spec: ChatSpec,
    strategy: str,
    conversations: Sequence[Conversation],
    workers: int,
    on_error: OnError,
) -> Check:
    """Open a strategy and count everything once.

    Parameters
    ----------
    send
        Is sent the number of turns done since its last call.
    spec
        The tokenizer.
    strategy
        Name of the strategy.
    conversations
        The conversations to count.
    workers
        Threads or processes.
    on_error
        Whether a turn without an ISL fails the job or is skipped.
    """
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
        # Some reasons show only when the strategy is opened.
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
    least_rounds: int,
    budget_seconds: float,
    seed: int,
    baseline: str,
    processors: Sequence[int],
) -> Load:
    """Run all strategies side by side, round after round.

    First every strategy is opened, and counts some conversations to warm up. Then each round runs
    every strategy once and the baseline twice, in an order that is shuffled anew.

    Parameters
    ----------
    send
        Is sent each `Round`.
    spec
        The tokenizer.
    strategies
        Names of the strategies; the baseline is one of them.
    conversations
        The conversations to count in each round.
    workers
        Threads or processes of each strategy.
    on_error
        Whether a turn without an ISL fails the job or is skipped.
    most_rounds
        The number of rounds, unless the budget ends them earlier.
    least_rounds
        How many rounds there are, whatever the budget.
    budget_seconds
        For warming up and for the rounds. No round begins that would probably go over it, except
        the first `least_rounds`.
    seed
        Seed of the order, and of the conversations to warm up with.
    baseline
        The strategy that is run twice in each round.
    processors
        Numbers of all processors that the program may use. The load on them is returned.
    """
    _match_library_threads(workers)
    chat = ChatTokenizer(spec)
    order = random.Random(seed)  # noqa: S311  # no secret
    with ExitStack() as stack:
        counters: dict[str, Counter] = {
            name: stack.enter_context(get(name).open(chat, workers=workers)) for name in strategies
        }
        counters[again(baseline)] = counters[baseline]
        begun = perf_counter()
        some = conversations_within(conversations, WARM_UP_SHARE, seed)
        for counter in counters.values():
            count_with(counter, chat, some, on_error=on_error)
        warm = perf_counter()
        meter = LoadMeter(processors, available_cores())
        for number in range(most_rounds):
            names = list(counters)
            order.shuffle(names)
            send(_one_round(names, counters, chat, conversations, on_error))
            now = perf_counter()
            done = number + 1
            next_round = (now - warm) / done
            if done >= least_rounds and now - begun + next_round > budget_seconds:
                break
        return meter.read()


WARM_UP_SHARE = 0.1


def timed_count(
    counter: Counter,
    chat: ChatTokenizer,
    conversations: Sequence[Conversation],
    on_error: OnError = "raise",
) -> float:
    """Count once, and return the seconds it took.

    Parameters
    ----------
    counter
        Open, and warmed up.
    chat
        The tokenizer.
    conversations
        The conversations to count.
    on_error
        Whether a turn without an ISL fails the count or is skipped.
    """
    # Collect now, so that it is not timed with the garbage of what ran before.
    gc.collect()
    started = perf_counter()
    count_with(counter, chat, conversations, on_error=on_error)
    return perf_counter() - started


def _one_round(
    names: Sequence[str],
    counters: dict[str, Counter],
    chat: ChatTokenizer,
    conversations: Sequence[Conversation],
    on_error: OnError,
) -> Round:
    seconds, parts = {}, {}
    for name in names:
        seconds[name] = timed_count(counters[name], chat, conversations, on_error)
        parts[name] = dict(getattr(counters[name], "parts", {}))
    return Round(seconds, parts)


def _match_library_threads(workers: int) -> None:
    # The library reads this when its thread pool starts, at its first use in this process.
    os.environ["RAYON_NUM_THREADS"] = str(workers)
