"""Peak memory of a process, with all processes that it has started."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import psutil

from strategies.runtime.workers import no_threads

INTERVAL_SECONDS = 0.05


class PeakMemory:
    """Samples the resident memory of a process tree while a ``with`` block runs.

    Memory that processes share is counted for each of them. So the sum is an upper bound if
    one was forked from another. A peak that is shorter than the sampling interval can be
    missed, so `FreshProcesses.run` also asks the kernel for the peak of the first process.

    Attributes
    ----------
    bytes : int
        The largest sum seen so far.

    Raises
    ------
    WorkerError
        When the block begins, if the thread that samples cannot be started.
    """

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        try:
            self._thread.start()
        except RuntimeError as error:
            raise no_threads("thread that samples memory", error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            self.bytes = max(self.bytes, tree_rss(self._pid))
            if self._stop.wait(INTERVAL_SECONDS):
                return


def tree_rss(pid: int) -> int:
    """Return the resident memory, in bytes, of a process and its descendants together."""
    total = 0
    try:
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            try:
                total += member.memory_info().rss
            except psutil.NoSuchProcess:
                continue
    except psutil.NoSuchProcess:
        pass
    return total
