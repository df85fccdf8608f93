"""Where experiments run: how much is measured, on which cores, in fresh processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from bench.bundled import tokenizer_path
from bench.measuring.fresh import FreshProcesses, Job, fresh_processes
from bench.measuring.growth import conversations_of
from bench.measuring.machine import available, first_cores
from bench.samples import sample_bytes
from strategies import ChatSpec, ChatTokenizer, Conversation, load_chat, parse_conversations

T = TypeVar("T")

MOST_CORES = 5
"""The claims about workers were made from runs on five cores."""
CONVERSATIONS_A_CORE = 4


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Parameters
    ----------
    rounds
        How often each call or strategy is timed. With fewer than six nothing can be decided.
    openings
        How often a pool is started to time its start; 0 leaves starts out.
    turns
        Turns of the conversations in which growth is measured.
    timed_turns
        Turns of each conversation that pools are timed on.
    timed_tokenizers
        The tokenizers that strategies are timed with.
    pieces
        Pieces of the texts that are searched for counterexamples.
    """

    rounds: int
    openings: int
    turns: tuple[int, ...]
    timed_turns: int
    timed_tokenizers: tuple[str, ...]
    pieces: int


EFFORTS = {
    "quick": Effort(
        rounds=6,
        openings=0,
        turns=(4, 8, 16),
        timed_turns=6,
        timed_tokenizers=("bpe-chatml",),
        pieces=2,
    ),
    "full": Effort(
        rounds=15,
        openings=6,
        turns=(10, 20, 40, 80),
        timed_turns=20,
        timed_tokenizers=("bpe-chatml", "sp-bpe", "sentencepiece"),
        pieces=3,
    ),
}
"""By name. The quick one is for a first look and for tests."""


@dataclass(slots=True)
class _Kept:
    """Results that several claims need, by name."""

    results: dict[str, Any] = field(default_factory=dict)


class Lab:
    """A place for experiments; made by `open_lab`.

    Parameters
    ----------
    effort
        How much is measured.
    processes
        Where jobs run.

    Attributes
    ----------
    cores : tuple of int
        The processors that strategies are timed on.
    """

    def __init__(self, effort: Effort, processes: FreshProcesses) -> None:
        self.effort = effort
        self.cores = first_cores(min(MOST_CORES, len(available())))
        self._processes = processes
        self._kept = _Kept()
        self._chats: dict[str, ChatTokenizer] = {}

    def run(self, job: Job, *arguments: Any, cores: tuple[int, ...] | None = None) -> Any:
        """Run a job in a process of its own and return its result.

        Parameters
        ----------
        job
            A function of a module; it is called with a function to send messages, and with
            the arguments.
        *arguments
            The rest of its arguments.
        cores
            The processors for it; by default all of `cores`.

        Raises
        ------
        IslError
            What the job raised.
        """
        outcome = self._processes.run(
            job, *arguments, cores=cores or self.cores, sample_memory=False
        )
        if outcome.failure is not None:
            raise outcome.failure
        return outcome.result

    def once(self, name: str, measure: Callable[[], T]) -> T:
        """Return what `measure` returns, and the same again for the same name."""
        if name not in self._kept.results:
            self._kept.results[name] = measure()
        found: T = self._kept.results[name]
        return found

    def chat(self, name: str) -> ChatTokenizer:
        """Return a bundled tokenizer, loaded once."""
        if name not in self._chats:
            self._chats[name] = load_chat(tokenizer_path(name))
        return self._chats[name]

    def spec(self, name: str) -> ChatSpec:
        """Return the specification of a bundled tokenizer, for a job."""
        return self.chat(name).spec

    @cached_property
    def sample(self) -> Sequence[Conversation]:
        """The small sample, whole."""
        return parse_conversations(sample_bytes("small"), name="sample")

    @cached_property
    def timed(self) -> Sequence[Conversation]:
        """What pools are timed on: conversations of equal length, as many for each core.

        Threads take turns and processes take whole conversations, so one that is much longer
        than the others would be a matter of luck for processes.
        """
        turns = self.effort.timed_turns
        return conversations_of(turns, turns * CONVERSATIONS_A_CORE * len(self.cores))


@contextmanager
def open_lab(effort: str) -> Iterator[Lab]:
    """Yield a lab of an effort in `EFFORTS`, and leave no process behind.

    Raises
    ------
    ValueError
        If there is no effort of that name.
    """
    if effort not in EFFORTS:
        raise ValueError(f"no effort {effort!r}: one of {', '.join(EFFORTS)}")
    with fresh_processes() as processes:
        yield Lab(EFFORTS[effort], processes)
