"""What Ctrl-C and SIGTERM do, from the first line of the program to its last.

It depends on how far the command is:

- Until its output begins, they interrupt it: nothing is written, and the exit code is 130.
- When the first file gets its name, or the result begins to be printed, the work is done. A signal
  then changes nothing: the rest is written and printed, and the exit code is that of the work. A
  signal that follows another one after `SAME_INTERRUPTION_SECONDS` still interrupts, with code 130,
  because nobody may be reading what is printed.
- When all is written and printed, or an error is being told, they are ignored.

An interruption is a `KeyboardInterrupt` in the main thread, so that workers are stopped and files
are removed on the way out. Code between may lose it, or not hear it: a destructor, a library in C,
a long call that never returns to Python. So a thread watches. If the program has not ended
`SAME_INTERRUPTION_SECONDS` after the signal, the thread ends it, with its processes and its
unfinished files.

This file imports only the standard library, so that signals are taken before the slow imports.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Never

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXIT_INTERRUPTED = 130
SAME_INTERRUPTION_SECONDS = 5.0
"""Signals that follow one this soon are the same interruption. The way out may take this long."""
LOST_AGAIN_SECONDS = 0.01
"""An interruption that was lost in a destructor is sent again after this time."""
NOTHING_WRITTEN = "interrupted; nothing was written"
NOT_COMPLETE = "interrupted; output is not complete"

_TAKEN = (signal.SIGINT, signal.SIGTERM)
_LOST = b"\0"
"""Says in the pipe of signals that an interruption was lost; no signal has this number."""
_SHOW_CURSOR = b"\r\x1b[2K\x1b[?25h"
"""A progress bar hides the cursor, and leaves a line."""


class Interruption:
    """The interruption of a command, of which there is at most one in a process.

    Attributes
    ----------
    unfinished : set of Path
        Files and folders to remove if the program has to be ended.
    kill_processes : callable
        Kills the processes that the program has started, then.
    kept : str or None
        What is kept of work that is not complete, and how to go on.
    """

    def __init__(self) -> None:
        self._raised = False
        self._told = False
        self._last = -inf
        self._output_begun = False
        # Whoever holds it may begin the output or end the program. It is never held for long.
        self._decision = threading.Lock()
        self.unfinished: set[Path] = set()
        self.kill_processes: Callable[[], object] = lambda: None
        self.kept: str | None = None
        # The interpreter writes the number of each signal into it, and `_watch` reads.
        self._pipe: tuple[int, int] | None = None

    @property
    def raised(self) -> bool:
        """Whether the command was interrupted."""
        return self._raised

    @property
    def line(self) -> str:
        """What to tell about it."""
        if self._output_begun:
            return NOT_COMPLETE
        return f"interrupted; {self.kept}" if self.kept else NOTHING_WRITTEN

    def listen(self) -> None:
        """Take the signals from now on. If they are taken already, this changes nothing."""
        if signal.getsignal(signal.SIGTERM) == self._take:
            return
        self._raised, self._told, self._output_begun = False, False, False
        self._last, self.kept = -inf, None
        signal.signal(signal.SIGTERM, self._take)
        # What a script starts in the background ignores Ctrl-C.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._take)
        sys.unraisablehook = self._not_raised
        if self._pipe is None:
            self._pipe = os.pipe()
            os.set_blocking(self._pipe[1], False)
            os.register_at_fork(after_in_child=_leave_signals_to_parent)
            # If threads are refused, an interruption still works as long as nobody loses it.
            with suppress(RuntimeError):
                threading.Thread(target=self._watch, name="signals", daemon=True).start()
        signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)

    def ignore(self) -> None:
        """Let no signal disturb the end of this process."""
        for number in _TAKEN:
            signal.signal(number, signal.SIG_IGN)

    def begin_output(self) -> None:
        """Say that the work is done, just before the first file gets its name or a line is printed.

        Raises
        ------
        KeyboardInterrupt
            If the command was interrupted and a library has lost the interruption.
        """
        with self._decision:
            if self._raised and not self._output_begun:
                raise KeyboardInterrupt
            self._output_begun = True

    def told(self) -> None:
        """Say that the person knows of the interruption."""
        self._told = True

    def _take(self, _signal: int, _frame: object) -> None:
        now = time.monotonic()
        if now - self._last < SAME_INTERRUPTION_SECONDS:
            return
        first, self._last = self._last == -inf, now
        if first and self._output_begun:
            return
        self._raised = True
        raise KeyboardInterrupt

    def _not_raised(self, ignored: sys.UnraisableHookArgs) -> None:
        # Python drops an interruption that arrives in a destructor, and importing transformers
        # runs thousands of destructors.
        if ignored.exc_type is KeyboardInterrupt and self._pipe is not None:
            with suppress(BlockingIOError):
                os.write(self._pipe[1], _LOST)
        else:
            sys.__unraisablehook__(ignored)

    def _watch(self) -> None:
        assert self._pipe is not None  # noqa: S101  # for the type checker
        deadline: float | None = None
        while True:
            left = None if deadline is None else max(0, deadline - time.monotonic())
            if select.select([self._pipe[0]], [], [], left)[0]:
                told = os.read(self._pipe[0], 1)
                if told == _LOST:
                    time.sleep(LOST_AGAIN_SECONDS)
                    self._last = -inf
                    # A program that a script starts in the background ignores SIGINT.
                    os.kill(os.getpid(), signal.SIGTERM)
                elif told[0] in _TAKEN and deadline is None:
                    deadline = time.monotonic() + SAME_INTERRUPTION_SECONDS
                continue
            deadline = None
            # It is not given back at the end, so that no output begins while the program ends.
            self._decision.acquire()
            if not self._output_begun:
                self._end()
            self._decision.release()

    def _end(self) -> Never:
        """End the program from another thread, because the main thread does not."""
        try:
            self.kill_processes()
            for path in list(self.unfinished):
                _remove(path)
            if not self._told:
                line = f"bench: {self.line}\n".encode(errors="backslashreplace")
                os.write(2, (_SHOW_CURSOR if os.isatty(2) else b"") + line)
        finally:
            os._exit(EXIT_INTERRUPTED)


def _remove(path: Path) -> None:
    if path.is_dir():
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _leave_signals_to_parent() -> None:
    # A forked worker would write the signals that it gets into the pipe of its parent.
    signal.set_wakeup_fd(-1)


INTERRUPTION = Interruption()
