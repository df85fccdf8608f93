"""Starting processes that Ctrl-C does not reach, and that none of it leaves half started."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

_HELD_BACK = (signal.SIGINT, signal.SIGTERM)


def leave_interrupts_to_parent() -> None:
    """Ignore Ctrl-C from now on: the process that started this one decides what ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def starting_processes() -> Iterator[None]:
    """Hold back interruptions while processes are started.

    Here, so that no process is left behind that its parent does not know of yet; what is
    held back arrives when the block ends. In what is started, because Ctrl-C reaches every
    process of a terminal, also those that are still loading Python and would print a
    traceback: they inherit a mask, and call `leave_interrupts_to_parent` as soon as they
    can, for libraries that they import may lift it.
    """
    # It is started with the first process otherwise, and lifts the mask when it is.
    resource_tracker.ensure_running()
    held: list[int] = []
    handlers = {}
    # Only the main thread can have handlers, and only there do they interrupt.
    if threading.current_thread() is threading.main_thread():
        for wanted in _HELD_BACK:
            handlers[wanted] = signal.signal(wanted, lambda caught, _: held.append(caught))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for wanted, handler in handlers.items():
            signal.signal(wanted, handler)
        for number in dict.fromkeys(held):
            signal.raise_signal(number)
