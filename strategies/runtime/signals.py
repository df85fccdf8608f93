"""Start workers so that Ctrl-C neither reaches them nor leaves one half started."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

_HELD_BACK = (signal.SIGINT, signal.SIGTERM)


def leave_interrupts_to_parent() -> None:
    """Ignore Ctrl-C from now on; the process that started this one ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def starting_processes() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM while processes are started.

    In this process, signals that arrive meanwhile are delivered when the block ends: an
    interruption halfway would leave a process that its parent does not know yet.

    The new processes inherit a mask that blocks Ctrl-C. It reaches every process of a
    terminal, and one that is still loading Python would print a traceback. Libraries that
    they import may lift the mask, so they call `leave_interrupts_to_parent` as soon as they
    can.
    """
    # Else it starts with the first process, and lifts the mask when it does.
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
