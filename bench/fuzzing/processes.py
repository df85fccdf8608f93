"""Processes that do rounds: each ends with this one, and one that dies fails its round alone."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from time import monotonic

from bench.fuzzing.figures import Figures, Finding
from bench.fuzzing.plan import Plan, Rounds
from bench.fuzzing.rounds import Task, do_round
from bench.measuring.ending import kill_tree
from strategies.runtime.main_script import main_script_hidden
from strategies.runtime.signals import (
    interruptions_held,
    leave_interrupts_to_parent,
    starting_processes,
)

LONGEST_ROUND_SECONDS = 600.0
"""A round takes seconds, and minutes if it makes a case smaller. One that takes longer hangs."""

MOST_MEMORY = 8 << 30
"""Bytes of address space of a process. Without a bound, a library that never ends takes the memory
of the whole machine, and the system kills processes without a word."""

_TO_END = 2.0
"""Seconds that a process has to end after it has closed its connection."""

DIED = "process"
"""The target of a finding that says that a round ended its process."""


@dataclass(slots=True)
class Worker:
    """A process that does one round after the other.

    Parameters
    ----------
    process
        The process.
    connection
        Takes tasks, and gives figures.
    task
        The round that it does; None if it waits for one.
    until
        When it is given up, by the monotonic clock.
    doing
        What it did last, in a few words.
    """

    process: SpawnProcess
    connection: Connection
    task: Task | None = None
    until: float = 0.0
    doing: str = ""

    def begin(self, task: Task) -> None:
        """Give it a round."""
        self.task, self.until = task, monotonic() + LONGEST_ROUND_SECONDS
        self.doing = "before it counted"
        self.connection.send(task)


class Workers:
    """Some processes that do rounds.

    Parameters
    ----------
    plan
        The plan of the search.
    count
        How many processes.
    log
        File for what the processes print, such as the traces of libraries that panic.
    """

    def __init__(self, plan: Plan, count: int, log: Path) -> None:
        self.plan = plan
        self.log = log
        self.all = [self._start() for _ in range(count)]

    def _start(self) -> Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # It has processes of its own, so it cannot be a daemon.
        process = context.Process(target=_work, args=(theirs, self.plan, str(self.log)))
        with starting_processes(), main_script_hidden():
            process.start()
        theirs.close()
        return Worker(process, ours)

    def results(self, seconds: float) -> Iterator[tuple[int, Figures]]:
        """Yield the rounds that end within some seconds, each with what it has seen."""
        waited = wait([each.connection for each in self.all if each.task], seconds)
        for place, worker in enumerate(self.all):
            if worker.task is None:
                continue
            number = worker.task.number
            if worker.connection in waited:
                try:
                    said: str | Figures = worker.connection.recv()
                except (EOFError, OSError):
                    worker.process.join(_TO_END)
                    yield number, self._replace(place, how_ended(worker.process.exitcode))
                    continue
                if isinstance(said, str):
                    worker.doing = said
                else:
                    worker.task = None
                    yield number, said
            elif monotonic() > worker.until:
                why = f"the process did not end within {LONGEST_ROUND_SECONDS:.0f} s,"
                yield number, self._replace(place, why)

    def _replace(self, place: int, why: str) -> Figures:
        """Start another process for one that cannot go on, and return what is to tell."""
        worker = self.all[place]
        _end(worker)
        assert worker.task is not None  # noqa: S101  # for the type checker; it did a round
        said = f"{why} {worker.doing}; what it printed is in {self.log}"
        self.all[place] = self._start()
        return Figures(findings=[Finding(DIED, worker.task.number, said)])

    def close(self) -> None:
        """End all processes."""
        with interruptions_held():
            for worker in self.all:
                _end(worker)


@contextmanager
def workers(plan: Plan, count: int, log: Path) -> Iterator[Workers]:
    """Start processes that do rounds, and leave none behind.

    Parameters
    ----------
    plan
        The plan of the search.
    count
        How many processes.
    log
        File for what they print.
    """
    started = Workers(plan, count, log)
    try:
        yield started
    finally:
        started.close()


def _end(worker: Worker) -> None:
    if worker.process.pid is not None:
        kill_tree(worker.process.pid)
        worker.process.join()
    worker.connection.close()


def how_ended(code: int | None) -> str:
    """Return how a process ended by its exit code; None if that is not known."""
    if code is None:
        return "the process ended"
    if code >= 0:
        return f"the process ended (exit code {code})"
    return f"the process ended ({signal.Signals(-code).name})"


# --- in the processes -------------------------------------------------------------------


def _work(connection: Connection, plan: Plan, log: str) -> None:
    """Do rounds until nobody asks for more."""
    leave_interrupts_to_parent()
    # A fork of this process takes milliseconds, and is safe: it has no other threads.
    os.environ["ISL_BENCH_START_METHOD"] = "fork"
    os.environ["ISL_BENCH_CACHE"] = "off"
    # The library panics on some random tokenizers, and a trace of each takes longer than a prompt.
    os.environ["RUST_BACKTRACE"] = "0"
    with Path(log).open("a", encoding="utf-8") as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
    faulthandler.enable(2)
    _bound_memory()
    rounds = Rounds(plan)

    def tell(doing: str) -> None:
        connection.send(f"while {doing}")

    while True:
        try:
            task: Task = connection.recv()
        except EOFError:
            return
        print(f"round {task.number}", flush=True)  # into the log
        faulthandler.dump_traceback_later(LONGEST_ROUND_SECONDS - 5, file=2)
        figures = do_round(rounds, task, tell)
        faulthandler.cancel_dump_traceback_later()
        connection.send(figures)


def _bound_memory() -> None:
    """Let this process fail alone, and with a trace in the log, if it takes too much memory."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(hard, MOST_MEMORY)
    # Some systems refuse every bound.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
