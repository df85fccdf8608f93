"""Whether threads make progress while a call of the library runs."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Self

from bench.claims.claim import Case, Claim, Evidence, Range
from bench.claims.interval import median_of
from bench.claims.lab import Lab
from bench.measuring.fresh import Send
from bench.measuring.growth import conversations_of
from strategies import ChatSpec, ChatTokenizer
from strategies.words import many

SECONDS = 0.15
"""How long each call is repeated in a round."""
TURNS = 60
HASHING = "hashing, which releases the lock"
"""What calls are compared with. It keeps a core as busy as they do, so that other programs on the
machine disturb both alike."""
PYTHON = "a loop in Python"
"""Two threads of Python code share one lock: each gets half of the time."""


class Ticker:
    """A thread that counts as fast as it gets to run.

    Attributes
    ----------
    ticks : int
        How far it has counted.
    """

    def __init__(self) -> None:
        self.ticks = 0
        self._ended = False
        self._thread = threading.Thread(target=self._count)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()

    def _count(self) -> None:
        while not self._ended:
            self.ticks += 1


def ticks_a_second(call: Callable[[], object], seconds: float = SECONDS) -> float:
    """Return how fast a second thread counts while `call` is made again and again."""
    with Ticker() as ticker:
        # Once it counts, so that its start is not measured.
        while not ticker.ticks:
            time.sleep(0.001)
        before, started = ticker.ticks, time.perf_counter()
        while True:
            call()
            spent = time.perf_counter() - started
            if spent >= seconds:
                return (ticker.ticks - before) / spent


def speeds_beside_calls(_send: Send, spec: ChatSpec, rounds: int) -> list[dict[str, float]]:
    """Return for each round how fast a second thread counts beside each call, in ticks a second.

    Parameters
    ----------
    spec
        The tokenizer; it has a backend of the tokenizers library.
    rounds
        How often each is measured.
    """
    chat = ChatTokenizer(spec)
    (conversation,) = conversations_of(TURNS, TURNS)
    prompt = [text for _, text in chat.prompts(conversation)][-1]
    backend, messages = chat.backend, list(conversation.messages)
    assert backend is not None and prompt is not None  # noqa: S101, PT018  # for the type checker
    data = bytes(10_000_000)
    calls: dict[str, Callable[[], object]] = {
        HASHING: lambda: hashlib.sha256(data),
        PYTHON: lambda: [i for i in range(100_000)],  # noqa: C416  # code that runs in Python
        "encode": lambda: backend.encode(prompt, add_special_tokens=False),
        "encode_batch of one text": lambda: backend.encode_batch(
            [prompt], add_special_tokens=False
        ),
        "encode_batch_fast of one text": lambda: backend.encode_batch_fast(
            [prompt], add_special_tokens=False
        ),
        "apply_chat_template": lambda: chat.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=False
        ),
        "apply_chat_template, rendering only": lambda: chat.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=False
        ),
    }
    for call in calls.values():
        call()
    return [{name: ticks_a_second(call) for name, call in calls.items()} for _ in range(rounds)]


def released(speeds: Mapping[str, float]) -> dict[str, float]:
    """Return where each call stands between hashing (1) and a loop in Python (0).

    Parameters
    ----------
    speeds
        Of the second thread in one round, in ticks a second.

    Returns
    -------
    dict
        Below 0 the call keeps the lock for longer than Python code does. If other programs take
        the cores, the two ends are near to each other. Then the numbers scatter, and decide
        nothing.
    """
    gain = speeds[HASHING] - speeds[PYTHON]
    return {name: (speed - speeds[PYTHON]) / gain for name, speed in speeds.items()}


def measure(lab: Lab) -> Evidence:
    """Measure the progress of a second thread beside each call."""
    if len(lab.cores) < 2:
        return Evidence((), "it needs two cores, so that the threads do not wait for a core")
    rounds: list[dict[str, float]] = lab.run(
        speeds_beside_calls,
        lab.spec("bpe-chatml"),
        lab.effort.rounds,
        cores=lab.cores[:2],
    )
    places = [released(speeds) for speeds in rounds if speeds[HASHING] != speeds[PYTHON]]
    if not places:
        return Evidence((), "other programs took the cores")
    cases = tuple(
        Case(name, median_of([each[name] for each in places]), name not in {HASHING, PYTHON})
        for name in rounds[0]
    )
    note = (
        f"with bpe-chatml, a conversation of {many(TURNS, 'turn')}, on two cores; the first two "
        "rows are for comparison: two threads of Python code share the lock"
    )
    return Evidence(cases, note)


LOCKS = Claim(
    name="threads-run-meanwhile",
    question="Can other threads run while the tokenizer works (is the GIL released)?",
    experiment=(
        "A second thread counts in a Python loop while the first makes one call again and again. "
        "Its speed beside a call that releases the lock is 1, and 0 beside Python code, with which "
        "it takes turns."
    ),
    quantity="speed of the second thread: 1 undisturbed, 0 taking turns, less held up",
    supports=Range(low=0.5),
    measure=measure,
    timed=True,
)
