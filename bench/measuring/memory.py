"""Peak memory of a process, with all processes that it has started."""

from __future__ import annotations

import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil

from strategies.runtime.workers import no_threads

INTERVAL_SECONDS = 0.05


class PeakMemory:
    """Samples the memory of a process tree while a ``with`` block runs.

    A peak that is shorter than the sampling interval can be missed, so `FreshProcesses.run` also
    asks the kernel for the peak of the first process.

    Parameters
    ----------
    pid
        The first process of the tree.
    origin
        The process that it was forked from, if that one lives and shares memory with it.

    Attributes
    ----------
    rss_bytes : int
        The largest sum of resident memory seen so far. Memory that processes share is counted for
        each of them.
    pss_bytes : int or None
        The same with shared memory counted once; None if the kernel does not tell. What programs
        outside of the tree share with it, such as the code of libraries, is counted in part.

    Raises
    ------
    WorkerError
        When the block begins, if the thread that samples cannot be started.
    """

    def __init__(self, pid: int, origin: int | None = None) -> None:
        self.rss_bytes = 0
        self.pss_bytes: int | None = None
        self._pid = pid
        self._origin = origin
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
            self.rss_bytes = max(self.rss_bytes, tree_rss(self._pid))
            shared_once = tree_pss(self._pid, self._origin)
            if shared_once is not None:
                self.pss_bytes = max(self.pss_bytes or 0, shared_once)
            if self._stop.wait(INTERVAL_SECONDS):
                return


def tree_rss(pid: int) -> int:
    """Return the resident memory, in bytes, of a process and its descendants together."""
    total = 0
    for member in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            total += member.memory_info().rss
    return total


def tree_pss(pid: int, origin: int | None = None) -> int | None:
    """Return the memory of a process and its descendants, in bytes, each page counted once.

    Parameters
    ----------
    pid
        The process.
    origin
        The process that it was forked from, if that one lives.

    Returns
    -------
    int or None
        None if the kernel does not tell, or a process has ended meanwhile.
    """
    if not psutil.LINUX:
        return None
    try:
        # The proportional shares of all who share a page add up to the page. So the sum over the
        # tree and its origin is what they use together, and pages that only the origin uses are
        # taken off.
        total = sum(member.memory_full_info().pss for member in _tree(pid))
        if origin is not None:
            source = psutil.Process(origin).memory_full_info()
            total += source.pss - source.uss
        return int(total)
    except psutil.Error:
        return None


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
