"""Starting processes that Ctrl-C does not reach."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def starting_processes() -> Iterator[None]:
    """Hold back Ctrl-C while processes are started, here and for good in what is started.

    Ctrl-C reaches every process of a terminal, also those that are still loading Python and
    would print a traceback. Their parent decides what ends. A mask is inherited, and what
    is held back here arrives when the block ends.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
