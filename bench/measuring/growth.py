"""How the time per turn grows with the turns of a conversation, part by part.

Every turn adds the same amount of new text, and the data of every length hold the same amount in
all. Work that a strategy does once for each new text takes the same time per turn at every length.
Work that it does again over the whole history takes longer in longer conversations.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from bench.samples.text import Dice, prose
from strategies import (
    ChatTokenizer,
    Conversation,
    InputError,
    Message,
    client_turns,
    count_turns,
    get,
    is_control,
    open_available,
)

LENGTHS = (25, 50, 100, 200, 400)
CHARACTERS = 400
"""New text in each message; a turn adds two messages."""


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
    """

    turns: int
    seconds_per_turn: float
    parts: dict[str, float]


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
    strategy: str,
    chat: ChatTokenizer,
    *,
    workers: int = 1,
    rounds: int = 9,
    lengths: Sequence[int] = LENGTHS,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Point]:
    """Time a strategy at each length, round after round in shuffled order.

    Parameters
    ----------
    strategy
        Its name.
    chat
        The tokenizer to count with.
    workers
        Threads or processes.
    rounds
        How often each length is timed.
    lengths
        Turns per conversation, one point for each.
    seed
        Seed of the text and of the order.
    progress
        Called with 1 after each run.

    Raises
    ------
    InputError
        If the strategy does not exist or is wrong on purpose.
    UnavailableError
        If it cannot run with this tokenizer.
    """
    chosen = get(strategy)
    if is_control(chosen):
        raise InputError("is wrong on purpose, for comparisons only", field=strategy)
    data = {turns: conversations_of(turns, max(lengths), seed) for turns in lengths}
    seconds: dict[int, list[float]] = {turns: [] for turns in lengths}
    parts: dict[int, list[dict[str, float]]] = {turns: [] for turns in lengths}
    order = random.Random(seed)  # noqa: S311  # no secret
    with open_available(chosen, chat, workers) as counter:
        counter.count(data[min(lengths)])
        for _ in range(rounds):
            for turns in order.sample(list(lengths), len(lengths)):
                started = perf_counter()
                counter.count(data[turns])
                seconds[turns].append(perf_counter() - started)
                parts[turns].append(dict(getattr(counter, "parts", {})))
                progress(1)
    points = []
    for turns in lengths:
        counted = count_turns(data[turns])
        names = parts[turns][0]
        by_part = {name: median(p[name] for p in parts[turns]) / counted for name in names}
        points.append(Point(turns, median(seconds[turns]) / counted, by_part))
    return points
