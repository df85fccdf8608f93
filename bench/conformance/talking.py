"""Talking to a process: lines in, lines out, with bounds on time and on what it may write."""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import IO

from bench.measuring.ending import kill_tree
from strategies import InputError
from strategies.runtime.signals import interruptions_held

LONGEST_LINE = 8_000_000
"""Bytes of a line; the longest honest one has some hundred thousand ids."""
MOST_OUTPUT = 200_000_000
"""Bytes that one process may write."""

_CHUNK = 1 << 16
_LAST_WORDS = 4_000
"""Bytes of standard error that are kept."""
_TO_END = 2.0
"""Seconds that a process has to end after it has closed its output."""


class StoppedError(Exception):
    """Why a process is not listened to any longer, in one line."""


@contextmanager
def started(line: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command, and kill it and its children at the end.

    Raises
    ------
    InputError
        If it cannot be started.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InputError(f"cannot be read: {error}", field="command") from error
    if not words:
        raise InputError("is empty", field="command")
    try:
        with interruptions_held():
            process = subprocess.Popen(  # noqa: S603  # the user's command
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                # Python would keep short answers back until it ends.
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                process_group=0,
            )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be started: {words[0]}: {reason}", field="command") from error
    try:
        yield process
    finally:
        with interruptions_held():
            kill_tree(process.pid)
            # Children that have outlived it are still in its group.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()


@dataclass(slots=True)
class Talk:
    """One exchange with a process.

    Parameters
    ----------
    process
        The process, with three pipes.
    given
        All that it is to read.
    timeout
        Seconds that may pass without an answer.
    take
        Takes a line; raises `StoppedError` if it is a wrong one.
    is_done
        Whether nothing more is waited for.
    """

    process: subprocess.Popen[bytes]
    given: bytes
    timeout: float
    take: Callable[[bytes], None]
    is_done: Callable[[], bool]
    _line: bytearray = field(default_factory=bytearray)
    _last_words: bytearray = field(default_factory=bytearray)
    _total: int = 0

    def listen(self) -> None:
        """Write and read until nothing more is waited for.

        Raises
        ------
        StoppedError
            If the process ends before, is silent for too long, or writes too much.
        """
        stdin, stdout, stderr = map(
            _pipe, (self.process.stdin, self.process.stdout, self.process.stderr)
        )
        left = memoryview(self.given)
        deadline = monotonic() + self.timeout
        with selectors.DefaultSelector() as selector:
            for pipe in (stdin, stdout, stderr):
                os.set_blocking(pipe.fileno(), False)
                writes = pipe is stdin
                selector.register(pipe, selectors.EVENT_WRITE if writes else selectors.EVENT_READ)
            while not self.is_done():
                left_seconds = deadline - monotonic()
                if left_seconds <= 0:
                    raise StoppedError(f"gave no answer for {self.timeout:g} seconds")
                for key, _ in selector.select(left_seconds):
                    if key.fileobj is stdin:
                        left = _fed(stdin, left)
                        if not left:
                            # It may wait for the end before it answers.
                            selector.unregister(stdin)
                            stdin.close()
                    elif key.fileobj is stderr:
                        if not self._heard(stderr):
                            selector.unregister(stderr)
                    elif self._read(os.read(key.fd, _CHUNK)):
                        deadline = monotonic() + self.timeout

    def _read(self, content: bytes) -> bool:
        """Take what the process has written, and return whether an answer was in it."""
        self._total += len(content)
        # The last line may lack its end.
        self._line += content or (b"\n" if self._line else b"")
        *lines, self._line = self._line.split(b"\n")
        written = [bytes(line) for line in lines if line.strip()]
        for line in written:
            self.take(line)
        if not content and not self.is_done():
            raise StoppedError(self._ended())
        if len(self._line) > LONGEST_LINE:
            raise StoppedError(f"wrote a line of more than {LONGEST_LINE:,} bytes")
        if self._total > MOST_OUTPUT:
            raise StoppedError(f"wrote more than {MOST_OUTPUT:,} bytes")
        return bool(written)

    def _heard(self, stderr: IO[bytes]) -> bool:
        """Keep the end of standard error, and return whether there may be more."""
        content = b""
        with suppress(BlockingIOError):
            content = os.read(stderr.fileno(), _CHUNK)
            self._last_words = (self._last_words + content)[-_LAST_WORDS:]
        return bool(content)

    def _ended(self) -> str:
        """Say how a process ended that closed its output too early, and its last words."""
        try:
            code = self.process.wait(_TO_END)
        except subprocess.TimeoutExpired:
            return "closed its output without an answer"
        while self._heard(_pipe(self.process.stderr)):
            pass
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        lines = self._last_words.decode(errors="backslashreplace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"ended without an answer ({how}){f': {said[:200]}' if said else ''}"


def _fed(stdin: IO[bytes], left: memoryview) -> memoryview:
    """Write what fits into a pipe, and return the rest; nothing is left if nobody reads it."""
    try:
        return left[os.write(stdin.fileno(), left[:_CHUNK]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:
        return left[:0]


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101  # for the type checker; all three are piped
    return pipe
