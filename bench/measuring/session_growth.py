"""How long a call of a session takes as its conversation grows, against the plain call.

Every turn adds the same amount of new text. A session counts each turn after the turns before it,
as a client does; the plain call gets the whole history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from bench.measuring.growth import conversations_of
from strategies import ChatTokenizer, Conversation, session
from strategies.runtime.collection import collection_paused

LENGTHS = (10, 100, 400)

WINDOW = 10
"""Turns up to a length whose calls are taken as calls at that length."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Seconds of calls of one kind.

    Parameters
    ----------
    p50, p99
        Seconds. With fewer than a hundred calls, the second is the longest one.
    calls
        How many were timed.
    """

    p50: float
    p99: float
    calls: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Calls:
        """Return the figures of some calls, at least one."""
        ordered = sorted(seconds)
        last = min(len(ordered) - 1, int(0.99 * len(ordered)))
        return cls(median(ordered), ordered[last], len(ordered))


@dataclass(frozen=True, slots=True)
class SessionPoint:
    """Calls at one length of conversation.

    Parameters
    ----------
    turns
        The turns so far.
    tokens
        The prompt of that turn, of the first conversation.
    add
        Adding the messages of a turn.
    isl
        `Session.isl` after that.
    plain
        `apply_chat_template` on the whole history.
    mismatches
        Conversations whose count differs from the plain call's.
    """

    turns: int
    tokens: int
    add: Calls
    isl: Calls
    plain: Calls
    mismatches: int

    @property
    def per_turn(self) -> float:
        """Seconds that a session takes for a turn: to add it and to count it, by the medians."""
        return self.add.p50 + self.isl.p50

    @property
    def faster(self) -> float:
        """How many times as long the plain call takes."""
        return self.plain.p50 / self.per_turn


def measure_sessions(
    chat: ChatTokenizer,
    *,
    lengths: Iterable[int] = LENGTHS,
    rounds: int = 9,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[list[SessionPoint], str | None]:
    """Time sessions, one for each round, and the plain call at each length in between.

    Parameters
    ----------
    chat
        The tokenizer to count with.
    lengths
        Turns of the conversation at which calls are timed.
    rounds
        Conversations, each of other text, after one more that warms everything up.
    seed
        Of the text.
    progress
        Called with 1 after each conversation.

    Returns
    -------
    tuple of list of SessionPoint and str or None
        One point for each length, the shortest first; and what the sessions note.
    """
    lengths = sorted(set(lengths))
    add: dict[int, list[float]] = {turns: [] for turns in lengths}
    isl: dict[int, list[float]] = {turns: [] for turns in lengths}
    plain: dict[int, list[float]] = {turns: [] for turns in lengths}
    wrong = dict.fromkeys(lengths, 0)
    tokens = dict.fromkeys(lengths, 0)
    note = None
    for number in range(rounds + 1):
        (whole,) = conversations_of(lengths[-1], lengths[-1], seed + number)
        growing = session(chat)
        before = 0
        for turn, after in enumerate(whole.turns, start=1):
            new = whole.messages[before:after]
            before = after
            # The garbage of the plain calls is not a session's to collect.
            with collection_paused():
                started = perf_counter()
                growing.extend(new)
                added = perf_counter()
                count = growing.isl()
                counted = perf_counter()
            for length in lengths if number else ():
                if length - WINDOW < turn <= length:
                    add[length].append(added - started)
                    isl[length].append(counted - added)
            if turn in plain:
                asked = Conversation("plain", whole.messages[:after], None, (after,))
                # Only the call itself is timed.
                chat.serve(asked)
                started = perf_counter()
                expected = len(chat.apply_chat_template(asked, 0))
                seconds = perf_counter() - started
                wrong[turn] += count != expected
                tokens[turn] = tokens[turn] or expected
                if number:
                    plain[turn].append(seconds)
        note = note or growing.note
        progress(1)
    points = [
        SessionPoint(
            turns,
            tokens[turns],
            Calls.of(add[turns]),
            Calls.of(isl[turns]),
            Calls.of(plain[turns]),
            wrong[turns],
        )
        for turns in lengths
    ]
    return points, note
