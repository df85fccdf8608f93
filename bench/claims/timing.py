"""The timed experiments that several claims share. They run as jobs in fresh processes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeAlias

from bench.claims.interval import ratio_of
from bench.claims.lab import Lab
from bench.measuring.estimates import Estimate
from bench.measuring.fresh import Send
from bench.measuring.growth import conversations_of
from bench.measuring.jobs import timed_count
from strategies import ChatSpec, ChatTokenizer, Conversation, count_turns, count_with, get
from strategies.words import many

Contender: TypeAlias = tuple[str, int]
"""Name of a strategy, and its workers."""

SEED = 0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each contender; the same place in two lists is the same round.

    Parameters
    ----------
    opening
        To load what it needs and start its workers.
    counting
        To count all turns once it has been opened and warmed up.
    """

    opening: dict[Contender, list[float]] = field(default_factory=dict)
    counting: dict[Contender, list[float]] = field(default_factory=dict)

    def ratio(self, slow: Contender, fast: Contender) -> Estimate:
        """Return how many times as long one takes to count as another."""
        return ratio_of(self.counting[slow], self.counting[fast])

    def opening_ratio(self, slow: Contender, fast: Contender) -> Estimate:
        """Return how many times as long one takes to open as another."""
        return ratio_of(self.opening[slow], self.opening[fast])

    def whole_ratio(self, slow: Contender, fast: Contender) -> Estimate:
        """Return the same for opening and counting once, in rounds that had both."""
        return ratio_of(self._sums(slow), self._sums(fast))

    def _sums(self, contender: Contender) -> list[float]:
        pairs = zip(self.opening[contender], self.counting[contender], strict=False)
        return [opened + counted for opened, counted in pairs]


def time_contenders(
    _send: Send,
    spec: ChatSpec,
    contenders: Sequence[Contender],
    conversations: Sequence[Conversation],
    rounds: int,
    openings: int,
) -> Times:
    """Time strategies side by side, in rounds of shuffled order.

    Parameters
    ----------
    spec
        The tokenizer.
    contenders
        The strategies with their workers.
    conversations
        What they count.
    rounds
        How often each counts.
    openings
        How often each is opened before, for the time of that alone.
    """
    chat = ChatTokenizer(spec)
    order = random.Random(SEED)  # noqa: S311  # no secret
    times = Times()
    for _ in range(openings):
        for name, workers in order.sample(contenders, len(contenders)):
            started = perf_counter()
            with get(name).open(chat, workers=workers):
                opened = perf_counter()
            times.opening.setdefault((name, workers), []).append(opened - started)
    with ExitStack() as stack:
        counters = {
            (name, workers): stack.enter_context(get(name).open(chat, workers=workers))
            for name, workers in contenders
        }
        for counter in counters.values():
            count_with(counter, chat, conversations)
        for _ in range(rounds):
            for contender in order.sample(contenders, len(contenders)):
                seconds = timed_count(counters[contender], chat, conversations)
                times.counting.setdefault(contender, []).append(seconds)
    return times


def time_growth(
    _send: Send, spec: ChatSpec, strategy: str, turns: Sequence[int], rounds: int
) -> list[dict[int, dict[str, float]]]:
    """Time one conversation of each length, in rounds of shuffled order, on one worker.

    Parameters
    ----------
    spec
        The tokenizer.
    strategy
        Name of the strategy.
    turns
        The lengths.
    rounds
        How often each is counted.

    Returns
    -------
    list of dict
        For each round and length: the seconds as ``"whole"``, and those of each part.
    """
    chat = ChatTokenizer(spec)
    order = random.Random(SEED)  # noqa: S311  # no secret
    data = {length: conversations_of(length, length) for length in turns}
    found = []
    with get(strategy).open(chat, workers=1) as counter:
        count_with(counter, chat, data[max(turns)])
        for _ in range(rounds):
            one: dict[int, dict[str, float]] = {}
            for length in order.sample(list(turns), len(turns)):
                seconds = timed_count(counter, chat, data[length])
                one[length] = {"whole": seconds, **getattr(counter, "parts", {})}
            found.append(one)
    return found


def contest(lab: Lab, tokenizer: str, contenders: Sequence[Contender]) -> Times:
    """Time strategies side by side on the conversations of equal length.

    Parameters
    ----------
    lab
        Where they are timed, and how often.
    tokenizer
        Its name.
    contenders
        The strategies with their workers.
    """
    effort = lab.effort
    times: Times = lab.run(
        *(time_contenders, lab.spec(tokenizer), contenders, lab.timed),
        *(effort.rounds, effort.openings),
    )
    return times


def pools(lab: Lab, tokenizer: str) -> Times:
    """Time the plain call alone, in threads and in processes, as many as cores."""
    workers = len(lab.cores)
    contenders = [("sequential", 1), ("thread-pool", workers), ("process-pool", workers)]
    times: Times = lab.once(f"pools of {tokenizer}", lambda: contest(lab, tokenizer, contenders))
    return times


def what_was_timed(lab: Lab) -> str:
    """Return how much the pools counted, as the beginning of a note."""
    turns = many(count_turns(lab.timed), "turn")
    return (
        f"{many(lab.effort.rounds, 'round')} of {turns} in {len(lab.timed)} conversations of equal "
        f"length on {many(len(lab.cores), 'core')}, in shuffled order"
    )
