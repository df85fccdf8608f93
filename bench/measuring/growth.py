"""How the time per turn grows with the turns of a conversation, part by part.

Every turn adds the same amount of new text, and all lengths hold the same amount of it
together. What a strategy does once per new text stays flat per turn; what it does over the
whole history again grows with the length.
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
    """Return conversations of `turns` turns each, about `total` turns together."""
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

    Raises
    ------
    InputError
        If the strategy is wrong on purpose.
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
