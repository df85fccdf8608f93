"""A file that grows under another name, and gets its own when it is complete.

If the program is killed, the file that grew stays, and another run can go on with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from bench.interruption import INTERRUPTION
from bench.reporting.output import failures_told, is_stream, target_of, write_whole
from strategies import InputError

if TYPE_CHECKING:
    from hashlib import _Hash as Digest


def hidden(path: Path, ending: str) -> Path:
    """Return the path of a file of the program, beside the file of a user that it belongs to.

    Its name is short, so that it is allowed wherever the other one is.

    Parameters
    ----------
    path
        The file of the user.
    ending
        With its dot.
    """
    target = target_of(path)
    mark = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]
    return target.parent / f".{target.stem[:20]}.{mark}{ending}"


class GrowingFile:
    """A file to which bytes are added.

    A pipe or a device gets its first byte when all bytes are there.

    Parameters
    ----------
    path
        The name that it gets.
    keep
        Whether what was written stays if the work is not completed.
    start
        How many bytes of an earlier run stay; what comes after them is cut off.
    digest
        SHA-256 of those bytes.

    Raises
    ------
    InputError
        If it cannot be written, if another program writes it, or if the bytes of the earlier
        run are others.
    """

    def __init__(self, path: Path, *, keep: bool = False, start: int = 0, digest: str = "") -> None:
        self.path = path
        self._keep = keep
        self._digest = hashlib.sha256()
        self._part: Path | None = None
        with failures_told(path):
            if is_stream(path):
                self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end
            else:
                self._part = hidden(path, ".part")
                self._file = _opened_alone(self._part, path)
                if not keep:
                    INTERRUPTION.unfinished.add(self._part)
        try:
            with failures_told(path):
                _check_start(self._file, self._digest, start, digest, path)
                self._file.truncate(start)
                self._file.seek(start)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def read(self) -> Iterator[IO[bytes]]:
        """Give the bytes so far, to be read. Afterwards writing goes on after the last one."""
        self._file.flush()
        self._file.seek(0)
        yield self._file
        self._file.seek(0, os.SEEK_END)

    def write(self, content: bytes) -> None:
        """Add bytes.

        Raises
        ------
        InputError
            If they cannot be written.
        """
        with failures_told(self.path):
            self._file.write(content)
        self._digest.update(content)

    def keep(self) -> None:
        """Let what is written stay from now on, even if the work is not completed."""
        self._keep = True
        if self._part is not None:
            INTERRUPTION.unfinished.discard(self._part)

    def state(self) -> dict[str, Any]:
        """Put all bytes on the disk, and return what a later run needs to go on."""
        with failures_told(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            return {"start": self._file.tell(), "digest": self._digest.hexdigest()}

    def complete(self, finish: Callable[[IO[bytes], IO[bytes]], object] | None = None) -> None:
        """Give the file its name.

        Parameters
        ----------
        finish
            Called with this file and another one, to which it writes what gets the name; without
            it, this file gets it.

        Raises
        ------
        InputError
            If it cannot be written.
        BrokenPipeError
            If the program that reads a pipe has ended.
        """
        if finish is not None or self._part is None:
            with failures_told(self.path):
                self._file.flush()
            write_whole(
                self.path,
                lambda out: (finish or _copy)(self._file, out),
                alone=hidden(self.path, ".whole"),
            )
            self._keep = False
            return
        with failures_told(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            INTERRUPTION.begin_output()
            self._part.replace(target_of(self.path))
        INTERRUPTION.unfinished.discard(self._part)
        self._part = None

    def close(self) -> None:
        """Close it. Unless it is complete or to be kept, it is removed."""
        if self._part is not None and not self._keep:
            # While it is locked, no other program can have begun with it.
            self._part.unlink(missing_ok=True)
            INTERRUPTION.unfinished.discard(self._part)
        # Bytes that could not be written are told already, and tried once more here.
        with suppress(OSError):
            self._file.close()


def _copy(whole: IO[bytes], out: IO[bytes]) -> None:
    whole.seek(0)
    shutil.copyfileobj(whole, out)


def _opened_alone(part: Path, path: Path) -> IO[bytes]:
    """Open a file that no other program has open in this way."""
    # A link of this name is not ours.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        descriptor = os.open(part, flags, 0o666)
        file = os.fdopen(descriptor, "r+b")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise InputError("another program is writing this file", file=path) from None
        # The other program may have given the file its name just now.
        if part.exists() and part.stat().st_ino == os.fstat(descriptor).st_ino:
            return file
        file.close()


def _check_start(file: IO[bytes], found: Digest, start: int, digest: str, path: Path) -> None:
    left = start
    while left and (block := file.read(min(left, 1 << 20))):
        found.update(block)
        left -= len(block)
    if left or (start and found.hexdigest() != digest):
        raise InputError(
            "what an earlier run has written was changed; leave out --resume to begin anew",
            file=path,
        )
