"""How the time for a conversation grows with its turns.

Every turn adds the same amount of new text, and the data of every length hold the same amount in
all. Work that a strategy does once for each new text takes the same time per turn at every length.
Work that it does again over the whole history takes longer in longer conversations: then a
conversation of T turns takes a time that grows with T².
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import log
from statistics import median
from time import perf_counter

from bench.measuring.recordable import LATER
from bench.samples.text import Dice, prose
from strategies import (
    ChatTokenizer,
    Conversation,
    Counter,
    Counts,
    InputError,
    Message,
    UnavailableError,
    client_turns,
    count_turns,
    get,
    is_control,
    open_available,
)

LENGTHS = (25, 50, 100, 200, 400)
MOST_TURNS = 10_000
CHARACTERS = 400
"""New text in each message; a turn adds two messages."""
LONGEST_RUN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Point:
    """Seconds per turn at one length of conversation.

    Parameters
    ----------
    turns
        Turns in each conversation.
    seconds_per_turn
        The median over rounds.
    parts
        The same for each part that the strategy reports.
    round_seconds
        Seconds per turn of each round, in order; None in reports of before.
    """

    turns: int
    seconds_per_turn: float
    parts: Mapping[str, float]
    round_seconds: tuple[float, ...] | None = field(default=None, metadata=LATER)

    @property
    def seconds(self) -> float:
        """For a whole conversation."""
        return self.turns * self.seconds_per_turn


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was not timed.

    Parameters
    ----------
    turns
        From this length of conversation on; None if at no length.
    reason
        Why.
    """

    turns: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A strategy at several lengths of conversation.

    Parameters
    ----------
    strategy
        Its name.
    points
        One for each length at which it was timed, the shortest first. All have the same parts.
    left_out
        Where it was not timed; None if it was timed at every length.
    """

    strategy: str
    points: tuple[Point, ...]
    left_out: LeftOut | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Exponent:
    """How a time grows: with which power of the turns.

    Parameters
    ----------
    value
        1 if a conversation that is twice as long takes twice the time, 2 if it takes four times.
    low, high
        Bounds of a 95 % interval, from how well a power fits; None if there are only two lengths.
    """

    value: float
    low: float | None
    high: float | None


def exponent(points: Sequence[Point]) -> Exponent | None:
    """Return the power of the turns with which the time of a conversation grows.

    It is the slope of a straight line through the logarithms, by least squares.

    Parameters
    ----------
    points
        Of different lengths.

    Returns
    -------
    Exponent or None
        None if there are fewer than two points.
    """
    from scipy.stats import linregress, t

    from bench.measuring.estimates import CONFIDENCE

    if len(points) < 2:
        return None
    line = linregress(
        [log(point.turns) for point in points], [log(point.seconds) for point in points]
    )
    slope = float(line.slope)
    free = len(points) - 2
    if not free:
        return Exponent(slope, None, None)
    half = float(t.ppf((1 + CONFIDENCE) / 2, free) * line.stderr)
    return Exponent(slope, slope - half, slope + half)


def conversations_of(turns: int, total: int, seed: int = 0) -> list[Conversation]:
    """Return generated conversations of one length.

    Parameters
    ----------
    turns
        Turns of each conversation.
    total
        Turns of all conversations together, about.
    seed
        The same seed gives the same text.
    """
    dice = Dice(f"growth {turns} {seed}")
    made = []
    for number in range(max(1, total // turns)):
        messages: list[Message] = []
        for _ in range(turns):
            messages.append({"role": "user", "content": prose(dice, CHARACTERS)})
            messages.append({"role": "assistant", "content": prose(dice, CHARACTERS)})
        messages.pop()
        made.append(
            Conversation(f"{turns}-{number}", tuple(messages), None, client_turns(messages))
        )
    return made


def measure_growth(
    strategies: Sequence[str],
    chat: ChatTokenizer,
    *,
    workers: int = 1,
    rounds: int = 9,
    lengths: Sequence[int] = LENGTHS,
    longest_run: float = LONGEST_RUN_SECONDS,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
    announce: Callable[[str, str], None] = lambda _name, _reason: None,
) -> list[Curve]:
    """Time strategies at each length, all of them on the same conversations.

    Each runs each length once before; that warms it up, and shows how long a run takes. Then in
    each round every strategy runs every length once, in shuffled order.

    Parameters
    ----------
    strategies
        Their names, each once.
    chat
        The tokenizer to count with.
    workers
        Threads or processes.
    rounds
        How often each length is timed.
    lengths
        Turns per conversation, one point for each.
    longest_run
        A strategy is left out at a length if a run there would take more seconds than this, by
        its runs at shorter lengths.
    seed
        Seed of the text and of the order.
    progress
        Called after each run with how many runs are done; there are ``rounds + 1`` for each
        strategy and length.
    announce
        Called with a name and a reason when a strategy is left out.

    Returns
    -------
    list of Curve
        One for each strategy, in the order given.

    Raises
    ------
    InputError
        If a strategy does not exist or is wrong on purpose.
    UnavailableError
        If none can run with this tokenizer.
    """
    for name in strategies:
        if is_control(get(name)):
            raise InputError("is wrong on purpose, for comparisons only", field=name)
    lengths = sorted(set(lengths))
    data = {turns: conversations_of(turns, max(lengths), seed) for turns in lengths}
    left_out: dict[str, LeftOut] = {}

    def leave_out(name: str, turns: int | None, reason: str) -> None:
        left_out[name] = LeftOut(turns, reason)
        fewer = [each for each in lengths if turns is None or each >= turns]
        progress((rounds + 1) * len(fewer))
        announce(name, reason)

    with ExitStack() as stack:
        counters = {}
        unavailable: UnavailableError | None = None
        for name in strategies:
            try:
                counters[name] = stack.enter_context(open_available(get(name), chat, workers))
            except UnavailableError as error:
                unavailable = unavailable or error
                leave_out(name, None, str(error))
        if unavailable and not counters:
            raise unavailable
        pairs = _first_runs(counters, data, longest_run, leave_out, progress)
        order = random.Random(seed)  # noqa: S311  # no secret
        runs = _timed(counters, data, pairs, rounds, order, progress)
    return [
        Curve(
            name,
            _points({turns: runs[name, turns] for turns in lengths if (name, turns) in runs}, data),
            left_out.get(name),
        )
        for name in strategies
    ]


_Pair = tuple[str, int]
"""A strategy and a length."""
_Run = tuple[float, dict[str, float]]
"""Seconds of all, and of each part."""


def _run(counter: Counter, conversations: Sequence[Conversation]) -> tuple[Counts, _Run]:
    started = perf_counter()
    counts = counter.count(conversations)
    seconds = perf_counter() - started
    return counts, (seconds, dict(getattr(counter, "parts", {})))


def _first_runs(
    counters: Mapping[str, Counter],
    data: Mapping[int, Sequence[Conversation]],
    longest_run: float,
    leave_out: Callable[[str, int | None, str], None],
    progress: Callable[[int], None],
) -> list[_Pair]:
    """Run each strategy at each length once, the shortest first; return what can be timed."""
    first: dict[str, dict[int, float]] = {name: {} for name in counters}
    going = list(counters)
    for turns, conversations in data.items():
        agreed: tuple[str, Counts] | None = None
        for name in list(going):
            seconds = _expected(first[name], turns)
            if seconds > longest_run:
                reason = (
                    f"left out from {turns:,} turns on: a run would take about {seconds:,.0f} "
                    f"seconds, more than {longest_run:g}"
                )
            else:
                counts, (taken, _) = _run(counters[name], conversations)
                agreed = agreed or (name, counts)
                if counts == agreed[1]:
                    first[name][turns] = taken
                    progress(1)
                    continue
                reason = f"left out from {turns:,} turns on: it counts unlike {agreed[0]}"
            going.remove(name)
            leave_out(name, turns, reason)
    return [(name, turns) for name, seconds in first.items() for turns in seconds]


def _expected(known: Mapping[int, float], turns: int) -> float:
    """Return the seconds that a run at a length will take, by those at shorter lengths.

    The data of every length hold as many turns, so the seconds at most double when the length
    does. With two lengths known, they go on to grow as they did between these.
    """
    if not known:
        return 0.0
    *before, last = known
    slope = 1.0
    if before:
        grown = log(known[last] / known[before[-1]]) / log(last / before[-1])
        slope = min(1.0, max(0.0, grown))
    return known[last] * float((turns / last) ** slope)


def _timed(
    counters: Mapping[str, Counter],
    data: Mapping[int, Sequence[Conversation]],
    pairs: Sequence[_Pair],
    rounds: int,
    order: random.Random,
    progress: Callable[[int], None],
) -> dict[_Pair, list[_Run]]:
    """Return the runs of each strategy at each length, one for each round."""
    runs: dict[_Pair, list[_Run]] = {pair: [] for pair in pairs}
    for _ in range(rounds):
        for name, turns in order.sample(list(pairs), len(pairs)):
            runs[name, turns].append(_run(counters[name], data[turns])[1])
            progress(1)
    return runs


def _points(
    runs: Mapping[int, Sequence[_Run]], data: Mapping[int, Sequence[Conversation]]
) -> tuple[Point, ...]:
    """Return a point for each length of the runs of a strategy."""
    names = dict.fromkeys(name for some in runs.values() for _, parts in some for name in parts)
    points = []
    for turns, some in runs.items():
        counted = count_turns(data[turns])
        seconds = tuple(each / counted for each, _ in some)
        parts = {
            name: median(by_part.get(name, 0.0) for _, by_part in some) / counted for name in names
        }
        points.append(Point(turns, median(seconds), parts, seconds))
    return tuple(points)
