"""The bytes of dataset files, of pipes and of standard input."""

from __future__ import annotations

import hashlib
import io
import os
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from strategies.conversations import records
from strategies.errors import InputError

STANDARD_INPUT = Path("-")
"""What stands for standard input on a command line."""

_PIPE_BYTES = 1 << 17

_LOOK_MILLISECONDS = 200
"""How often a pipe that gives nothing looks whether it should still be waited for."""


def shown_path(path: Path) -> str:
    """Return the name that errors use for a path."""
    return "standard input" if path == STANDARD_INPUT else str(path)


def is_pipe(path: Path) -> bool:
    """Whether a path can be read once only: standard input, a pipe, a device.

    Raises
    ------
    InputError
        With the file, if there is none.
    """
    if path == STANDARD_INPUT:
        return True
    with _failures(path):
        mode = path.stat().st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def read_file(path: Path) -> bytes:
    """Return the bytes of a file, read once.

    Raises
    ------
    InputError
        With file, if it cannot be read or is larger than any dataset may be.
    """
    with open_file(path) as stream:
        return all_bytes(stream, shown_path(path))


def all_bytes(stream: IO[bytes], name: str) -> bytes:
    """Return the bytes of an open file, as `read_file` does.

    Parameters
    ----------
    stream
        The file, at its start.
    name
        The name that errors use.

    Raises
    ------
    InputError
        If it is larger than any dataset may be.
    """
    limit = records.MAX_DOCUMENT_BYTES
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"larger than {limit >> 30} GiB; split it", file=name)
    return data


@contextmanager
def open_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a dataset file to read its bytes. It can seek, unless it is a `Pipe`.

    Raises
    ------
    InputError
        With the file, if it cannot be read.
    """
    with _failures(path):
        if not is_pipe(path):
            with path.open("rb") as file:
                yield file
            return
        # The descriptor of standard input belongs to the program.
        descriptor = os.dup(0) if path == STANDARD_INPUT else os.open(path, os.O_RDONLY)
        with os.fdopen(descriptor, "rb", buffering=0) as raw:
            yield cast("IO[bytes]", Pipe(raw))


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    """Word what the system says against reading a file."""
    name = shown_path(path)
    try:
        yield
    except IsADirectoryError:
        raise InputError("is a folder; name a dataset file in it", file=name) from None
    except FileNotFoundError:
        raise InputError("no such file", file=name) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=name) from None


class Pipe(io.BufferedReader):
    """Bytes that come once: nobody can go back in them, or know how many there will be.

    Parameters
    ----------
    raw
        The open file. It stays open when this is closed.
    """

    def __init__(self, raw: io.FileIO | IO[bytes]) -> None:
        self._counted = _Counted(raw)
        super().__init__(self._counted, _PIPE_BYTES)

    @property
    def taken(self) -> int:
        """How many bytes have come so far."""
        return self._counted.taken

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes so far."""
        return self._counted.digest.hexdigest()

    def stop(self) -> None:
        """Let a thread that waits for more bytes get an error."""
        self._counted.stopped = True


class _Counted(io.RawIOBase):
    """Fills whole buffers, so that a reader sees as much of a pipe at a time as of a file."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._ready = select.poll()
        self._ready.register(raw, select.POLLIN)
        self.taken = 0
        self.digest = hashlib.sha256()
        self.stopped = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, and return how many bytes that took: fewer only at the end."""
        view = memoryview(buffer)
        filled = 0
        while filled < len(view):
            self._wait()
            length = self._raw.readinto(view[filled:])
            if not length:
                break
            filled += length
        self.taken += filled
        self.digest.update(view[:filled])
        return filled

    def _wait(self) -> None:
        while not self._ready.poll(_LOOK_MILLISECONDS):
            if self.stopped:
                raise OSError("it was not read to its end")
