"""Fresh processes that need not import the libraries again.

Each strategy is checked in a process that nothing else has touched, and its memory and start-up
are measured there. Importing transformers takes longer than most measurements. So one process
imports it, measures how long that takes, and then only forks, once for each job. It has no threads
and has not used the tokenizers library, so a fork of it is as good as a new process.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeAlias

from bench.measuring.ending import end_children, kill_descendants, kill_tree
from bench.measuring.folders import temporary_folder
from bench.measuring.machine import pin
from bench.measuring.memory import PeakMemory
from strategies import IslError
from strategies.errors import one_line
from strategies.runtime.collection import collection_paused
from strategies.runtime.signals import (
    interruptions_held,
    leave_interrupts_to_parent,
    starting_processes,
)

Send: TypeAlias = Callable[[Any], None]
Job: TypeAlias = Callable[..., Any]
"""A function of a module. It is called with a `Send`, then with its arguments."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job.

    Parameters
    ----------
    result
        What the job returned; None if it failed.
    failure
        Why there is no result: the error that the job raised, or how its process ended.
    peak_rss_bytes, peak_pss_bytes
        Largest memory of its process and all that it started, see `PeakMemory`.
    """

    result: Any
    failure: IslError | None
    peak_rss_bytes: int
    peak_pss_bytes: int | None = None


LONGEST_FOLDER_BYTES = 107 - len("/pymp-12345678/listener-12345678")
"""A fork server has a socket in the temporary folder, and its path may have 107 bytes."""
_SERVER_GONE = "the process that starts jobs ended"


class FreshProcesses:
    """Runs jobs, one at a time, each in a process of its own.

    Attributes
    ----------
    import_seconds : float
        How long importing the libraries took, once, in a new interpreter.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        # A job that has to be killed cannot remove its temporary files.
        self._folders = ExitStack()
        folder = self._folders.enter_context(temporary_folder())
        self._process = context.Process(target=_serve, args=(theirs, str(folder)))
        try:
            with starting_processes():
                self._process.start()
            theirs.close()
            self.import_seconds: float = self._receive()
        except BaseException:
            self.close()
            raise

    def run(
        self,
        job: Job,
        *arguments: Any,
        cores: tuple[int, ...],
        sample_memory: bool = True,
        on_message: Callable[[Any], None] = lambda _: None,
    ) -> Outcome:
        """Run ``job(send, *arguments)`` on some cores and return what became of it.

        Parameters
        ----------
        job
            The function to run.
        *arguments
            Its arguments after `send`.
        cores
            Numbers of the processors to pin the process to.
        sample_memory
            Whether to sample the memory of the process tree. That takes some of a core, so timed
            jobs go without.
        on_message
            Called with each message that the job sends.

        Raises
        ------
        JobDiedError
            If the process that starts jobs has ended.
        """
        try:
            self._connection.send((job, arguments, cores))
        except BrokenPipeError:
            raise JobDiedError(_SERVER_GONE) from None
        pid: int = self._receive()
        assert self._process.pid is not None  # noqa: S101  # for the type checker; it was started
        memory = PeakMemory(pid, self._process.pid)
        with memory if sample_memory else nullcontext():
            while True:
                kind, value = self._receive()
                if kind != "message":
                    break
                on_message(value)
        if kind == "exit":
            failure = JobDiedError(f"its process ended {_how(value)} before it answered")
            return Outcome(None, failure, memory.rss_bytes, memory.pss_bytes)
        result, failure, own_peak = value
        shared_once = memory.pss_bytes
        return Outcome(
            result,
            failure,
            max(memory.rss_bytes, own_peak),
            None if shared_once is None else max(shared_once, own_peak),
        )

    def close(self) -> None:
        """Kill whatever still runs. A second Ctrl-C waits until that is done."""
        with interruptions_held():
            if self._process.pid is not None:
                end_children(self._process.pid)
                kill_tree(self._process.pid)
                self._process.join()
            self._connection.close()
            self._folders.close()

    def _receive(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            raise JobDiedError(_SERVER_GONE) from None


class JobDiedError(IslError):
    """A process that ended before its job was done."""


class UnexpectedError(IslError):
    """A bug that showed in a job. The text says where it was raised."""


@contextmanager
def fresh_processes() -> Iterator[FreshProcesses]:
    """Yield a `FreshProcesses` and leave no process behind."""
    processes = FreshProcesses()
    try:
        yield processes
    finally:
        processes.close()


def _how(exit_code: int) -> str:
    return f"by signal {-exit_code}" if exit_code < 0 else f"with exit code {exit_code}"


# --- in the processes -------------------------------------------------------------------


def _serve(connection: Connection, folder: str) -> None:
    if len(os.fsencode(folder)) <= LONGEST_FOLDER_BYTES:
        # For this process and all that it starts.
        os.environ["TMPDIR"] = tempfile.tempdir = folder
    try:
        _fork_for_jobs(connection)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # The process that asked has ended and needs no answer.
        return


def _fork_for_jobs(connection: Connection) -> None:
    leave_interrupts_to_parent()
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  # for the type checker; this process was spawned
    connection.send(_import_libraries())
    fork = multiprocessing.get_context("fork")
    while True:
        job, arguments, cores = connection.recv()
        process = fork.Process(target=_do, args=(connection, job, arguments, cores))
        process.start()
        if parent.sentinel in wait([process.sentinel, parent.sentinel]):
            kill_descendants(os.getpid())
            return
        process.join()
        # A job that ended well has sent its result itself.
        if process.exitcode != 0:
            connection.send(("exit", process.exitcode))


def _import_libraries() -> float:
    started = time.perf_counter()
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    # `ChatTokenizer` imports them in the same way.
    with collection_paused():
        import tokenizers  # noqa: F401  # for the processes that are forked from here
        from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: F401  # likewise

    return time.perf_counter() - started


def _do(
    connection: Connection, job: Job, arguments: tuple[Any, ...], cores: tuple[int, ...]
) -> None:
    # Exit normally on SIGTERM, so that a process pool can clean up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # As in `_serve`, nobody may be there any more.
    with suppress(BrokenPipeError, ConnectionResetError):
        _answer(connection, job, arguments, cores)


def _answer(
    connection: Connection, job: Job, arguments: tuple[Any, ...], cores: tuple[int, ...]
) -> None:
    connection.send(os.getpid())
    pin(cores)
    result, failure = None, None
    try:
        result = job(lambda message: connection.send(("message", message)), *arguments)
    except IslError as error:
        failure = error
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        failure = UnexpectedError(f"{type(error).__name__}: {one_line(error)} ({place})")
    connection.send(("done", (result, failure, _own_peak())))


def _own_peak() -> int:
    """Return the most memory this process has used, in bytes; 0 if the kernel does not say."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
