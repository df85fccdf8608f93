"""Whether each thread needs a tokenizer of its own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import local
from time import perf_counter

from bench.claims.claim import Case, Claim, Evidence, Range
from bench.claims.interval import ratio_of
from bench.claims.lab import Lab
from bench.claims.timing import SEED, what_was_timed
from bench.claims.workers import FASTER
from bench.measuring.fresh import Send
from strategies import ChatSpec, ChatTokenizer, Conversation, reference_counts
from strategies.runtime.parallelism import library_threads
from strategies.words import many


@dataclass(slots=True)
class Shared:
    """What threads did with tokenizers of their own, and with one for all.

    Parameters
    ----------
    own_seconds, shared_seconds
        Of each round.
    wrong
        Turns, over all rounds, that a shared tokenizer counted wrongly.
    """

    own_seconds: list[float] = field(default_factory=list)
    shared_seconds: list[float] = field(default_factory=list)
    wrong: int = 0


def time_sharing(
    _send: Send,
    spec: ChatSpec,
    conversations: Sequence[Conversation],
    workers: int,
    rounds: int,
) -> Shared:
    """Count in threads, with a tokenizer for each and with one for all, by turns.

    Parameters
    ----------
    spec
        The tokenizer.
    conversations
        What is counted, by the plain call.
    workers
        Number of threads.
    rounds
        How often each counts.
    """
    chats = [ChatTokenizer(spec) for _ in range(workers)]
    served = [chats[0].serve(each).conversation for each in conversations]
    expected = reference_counts(served, chats[0])
    turns = [(c, place) for c, conversation in enumerate(served) for place in conversation.turns]
    right = [isl for counts in expected for isl in counts]
    order = random.Random(SEED)  # noqa: S311  # no secret
    found = Shared()
    for _ in range(rounds):
        for shared in order.sample([True, False], 2):
            seconds, counts = _count(chats[:1] * workers if shared else chats, served, turns)
            (found.shared_seconds if shared else found.own_seconds).append(seconds)
            if shared:
                found.wrong += sum(a != b for a, b in zip(counts, right, strict=True))
    return found


def _count(
    chats: Sequence[ChatTokenizer],
    conversations: Sequence[Conversation],
    turns: Sequence[tuple[int, int]],
) -> tuple[float, list[int]]:
    """Return the seconds and the counts of all turns, by as many threads as tokenizers."""
    waiting: SimpleQueue[ChatTokenizer] = SimpleQueue()
    for chat in chats:
        waiting.put(chat)
    own = local()

    def take() -> None:
        own.chat = waiting.get()

    def one(turn: tuple[int, int]) -> int:
        conversation = conversations[turn[0]]
        tools = None if conversation.tools is None else list(conversation.tools)
        ids = own.chat.tokenizer.apply_chat_template(
            list(conversation.messages[: turn[1]]),
            tools=tools,
            add_generation_prompt=True,
            return_dict=False,
        )
        return len(ids)

    with library_threads(1), ThreadPoolExecutor(len(chats), initializer=take) as pool:
        started = perf_counter()
        counts = list(pool.map(one, turns))
        return perf_counter() - started, counts


def measure(lab: Lab) -> Evidence:
    """Compare threads with tokenizers of their own to threads that share one."""
    cases, wrong = [], 0
    for name in ("bpe-chatml", "sp-bpe"):
        found: Shared = lab.run(
            time_sharing, lab.spec(name), lab.timed, len(lab.cores), lab.effort.rounds
        )
        cases.append(Case(name, ratio_of(found.shared_seconds, found.own_seconds)))
        wrong += found.wrong
    note = f"{what_was_timed(lab)}; with a shared tokenizer {many(wrong, 'turn')} counted wrongly"
    return Evidence(tuple(cases), note)


OWN = Claim(
    name="tokenizer-per-thread",
    question="Is a tokenizer for each thread faster than one for all threads?",
    experiment="Threads make the plain call for each turn, with one tokenizer each or one for all.",
    quantity="seconds with one for all ÷ seconds with one each",
    supports=Range(low=FASTER),
    measure=measure,
    logarithmic=True,
    timed=True,
)
