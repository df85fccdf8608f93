"""The plain call, spread over processes, each with the tokenizer loaded once."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from threading import BrokenBarrierError, Thread
from typing import TYPE_CHECKING

from strategies.chat.library import without_advice
from strategies.chat.tokenizer import ChatTokenizer
from strategies.conversations.conversation import Conversation
from strategies.conversations.counts import Counts, OnError, Progress
from strategies.errors import InputError, TurnError, WorkerError
from strategies.plain import first_failure, reference_counts
from strategies.runtime.main_script import main_script_hidden
from strategies.runtime.signals import (
    interruptions_held,
    leave_interrupts_to_parent,
    starting_processes,
)
from strategies.runtime.workers import check_threads

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess
    from multiprocessing.synchronize import Barrier

START_METHOD_VARIABLE = "ISL_BENCH_START_METHOD"
THREADS_OF_A_WORKER = 2
"""One counts, and one ends the worker if its parent is killed."""


@dataclass(frozen=True, slots=True)
class ProcessPool:
    """One `apply_chat_template` per turn, whole conversations handed to processes.

    Parameters
    ----------
    start_method
        ``"forkserver"``, ``"spawn"`` or ``"fork"``. By default that of the environment
        variable ``ISL_BENCH_START_METHOD``; without it, forkserver if the system has it, else
        spawn. Fork is no default, because a fork of this process inherits locks, but not the
        threads that would release them.
    """

    start_method: str | None = None
    name: str = "process-pool"
    summary: str = "the plain call in processes, whole conversations, longest first"

    def availability(self, chat: ChatTokenizer) -> str | None:  # noqa: ARG002  # the plain call works everywhere
        """Return None."""
        return None

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[_Counter]:
        """Start the processes and wait until each has loaded the tokenizer."""
        context = self._context(chat)
        # Limits on processes count threads, too. A fork server that meets such a limit writes a
        # traceback, and a pool without one of its own two threads never answers.
        check_threads(
            workers * THREADS_OF_A_WORKER + 2, f"{workers} processes of process-pool, or threads,"
        )
        # The first semaphore of a program starts the process that keeps track of them.
        with _refused(workers), starting_processes():
            # Without it, a worker that is ready early would answer for one that still loads.
            everyone = context.Barrier(workers)
            pool = ProcessPoolExecutor(workers, context, _start_worker, (chat, everyone))
        try:
            with _refused(workers), starting_processes(), main_script_hidden():
                loading = [pool.submit(_wait_for_all) for _ in range(workers)]
                # The pool begins to watch a new process when it is next woken. This task starts
                # no process, but wakes it, so that the death of the last one is noticed too.
                loading.append(pool.submit(_nothing))
            with _thread_refused_to_worker(workers):
                for ready in loading:
                    _result(ready)
            yield _Counter(pool, chat, f"start method {context.get_start_method()}")
        except BaseException:
            # A second Ctrl-C in the middle of this would leave workers that the program waits
            # for when it ends.
            with interruptions_held():
                # Nobody needs the running tasks any more, and shutdown would wait for them.
                killed = _kill_workers(pool)
                pool.shutdown(wait=True, cancel_futures=True)
                for process in killed:
                    # The pool does so only if all of them have started. Else they stay zombies.
                    process.join()
            raise
        pool.shutdown(wait=True)

    def _context(self, chat: ChatTokenizer) -> BaseContext:
        methods = multiprocessing.get_all_start_methods()
        default = "forkserver" if "forkserver" in methods else "spawn"
        method = self.start_method or os.environ.get(START_METHOD_VARIABLE) or default
        if method not in methods:
            raise InputError(
                f"unknown start method {method!r}; there are {', '.join(methods)}",
                field=START_METHOD_VARIABLE,
            )
        context = multiprocessing.get_context(method)
        if method == "forkserver" and chat.coded is None:
            without_advice()
            # The fork server imports it once, instead of each worker. This has no effect if the
            # program has started its fork server before.
            context.set_forkserver_preload(["transformers.models.auto.tokenization_auto"])
        return context


@dataclass(frozen=True, slots=True)
class _Counter:
    pool: ProcessPoolExecutor
    chat: ChatTokenizer
    note: str

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        counts: Counts = [[] for _ in conversations]
        # Work grows with the sum of the prompts. The longest conversation starts first, so
        # that it does not run alone at the end.
        order = sorted(range(len(conversations)), key=lambda i: -sum(conversations[i].turns))
        futures = {
            self.pool.submit(_count_conversation, conversations[place], on_error): place
            for place in order
        }
        try:
            for future in as_completed(futures):
                place = futures[future]
                counts[place] = _result(future)
                if progress:
                    progress(len(counts[place]))
        except TurnError as error:
            for future in futures:
                future.cancel()
            raise first_failure(conversations, self.chat, error) from error
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        return counts


def _result(future: Future[list[int | None]]) -> list[int | None]:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process of process-pool died before it answered (killed, or out of "
            "memory); nothing was counted"
        ) from error


@contextmanager
def _thread_refused_to_worker(workers: int) -> Iterator[None]:
    try:
        yield
    except BrokenBarrierError as error:
        raise WorkerError(
            f"the {workers} processes of process-pool cannot be started: one of them cannot start "
            "a thread"
        ) from error


@contextmanager
def _refused(workers: int) -> Iterator[None]:
    """Raise `WorkerError` in one line if the system or the fork server starts no process."""
    try:
        yield
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "the fork server has ended"
        raise WorkerError(
            f"the {workers} processes of process-pool cannot be started: {reason}"
        ) from error


def _kill_workers(pool: ProcessPoolExecutor) -> list[BaseProcess]:
    # Public as `kill_workers` from Python 3.14 on.
    processes: list[BaseProcess] = list((pool._processes or {}).values())
    for process in processes:
        process.kill()
    return processes


# --- in the workers ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Worker:
    chat: ChatTokenizer
    everyone: Barrier


_worker: _Worker | None = None


def _start_worker(chat: ChatTokenizer, everyone: Barrier) -> None:
    """Keep the tokenizer. Unpickling has just loaded it, or a fork has brought it along."""
    global _worker  # noqa: PLW0603  # the only way from an initializer to the tasks
    _worker = _Worker(chat, everyone)
    leave_interrupts_to_parent()
    # A parent that is killed cannot stop its workers, so they watch it and end with it.
    try:
        Thread(target=_exit_with_parent, daemon=True).start()
    except RuntimeError:
        # The tasks of all workers fail instead of waiting for this one.
        everyone.abort()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)


def _wait_for_all() -> list[int | None]:
    _this_worker().everyone.wait()
    return []


def _nothing() -> list[int | None]:
    return []


def _count_conversation(conversation: Conversation, on_error: OnError) -> list[int | None]:
    return reference_counts([conversation], _this_worker().chat, on_error=on_error)[0]


def _this_worker() -> _Worker:
    if _worker is None:
        raise WorkerError("the worker was started without its tokenizer")
    return _worker
