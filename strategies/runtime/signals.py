"""Start and end workers so that Ctrl-C neither reaches them nor leaves one half started."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_HELD_BACK = (signal.SIGINT, signal.SIGTERM)


def leave_interrupts_to_parent() -> None:
    """Ignore Ctrl-C from now on; the process that started this one ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def interruptions_held() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM, and deliver them when the block ends.

    It is for steps that must not be left half done and that end soon, such as killing workers.
    """
    held: list[int] = []
    handlers: dict[signal.Signals, Any] = {}
    holding = True

    def hold(caught: int, frame: object) -> None:
        # An interruption of the lines below may leave this handler in place.
        before = handlers[signal.Signals(caught)]
        if holding or not callable(before):
            held.append(caught)
        else:
            before(caught, frame)

    # Only the main thread can have handlers, and only there do they interrupt.
    in_main = threading.current_thread() is threading.main_thread()
    try:
        for wanted in _HELD_BACK if in_main else ():
            handlers[wanted] = signal.getsignal(wanted)
            signal.signal(wanted, hold)
        yield
    finally:
        holding = False
        for wanted, handler in handlers.items():
            signal.signal(wanted, handler)
        for number in dict.fromkeys(held):
            signal.raise_signal(number)


@contextmanager
def starting_processes() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM while processes are started.

    In this process, signals that arrive meanwhile are delivered when the block ends: an
    interruption halfway would leave a process that its parent does not know yet.

    The new processes inherit a mask that blocks Ctrl-C. It reaches every process of a
    terminal, and one that is still loading Python would print a traceback. Libraries that
    they import may lift the mask, so they call `leave_interrupts_to_parent` as soon as they
    can.

    They do not import what lies in the working directory, unless this process would.
    """
    from multiprocessing import resource_tracker

    with _working_directory_off_the_path():
        # Else it starts with the first process, and lifts the mask when it does.
        resource_tracker.ensure_running()
        with interruptions_held():
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                yield
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)


_SAFE_PATH = "PYTHONSAFEPATH"


@contextmanager
def _working_directory_off_the_path() -> Iterator[None]:
    """Let a new Python not look for modules in the working directory first.

    `multiprocessing` starts it with ``-c``, which does so until the path of this process has been
    handed over. Until then, a `random.py` in that folder would hide Python's own.
    """
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before
