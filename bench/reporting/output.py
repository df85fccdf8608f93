"""Write whole files or none: a file gets its name when it is complete.

A symbolic link, a pipe or a device is not replaced by a file: a link still points to its target,
which gets the bytes, and so does a pipe or a device.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench.interruption import INTERRUPTION
from strategies import InputError
from strategies.runtime.signals import interruptions_held

_MOST_LINKS = 40
"""Symbolic links that the system follows one after the other."""


def write_whole(
    path: Path,
    write: Callable[[IO[bytes]], object],
    *,
    interim: bool = False,
    alone: Path | None = None,
) -> None:
    """Let `write` fill a file that gets its name only when it is complete and on disk.

    A pipe or a device gets its first byte when all bytes are there.

    Parameters
    ----------
    path
        The file.
    write
        Called with the open file.
    interim
        Whether the work goes on after it, so that a signal still interrupts.
    alone
        The name of the file until it is complete, if no other program writes it now. After a
        kill the next run replaces what was left there; without it, the name is a random one.

    Raises
    ------
    InputError
        If it cannot be written: no such folder, no permission, a full disk. A file that had the
        name before is still there.
    BrokenPipeError
        If the program that reads a pipe has ended.
    """
    with failures_told(path):
        if is_stream(path):
            with tempfile.TemporaryFile() as content:
                write(content)
                content.seek(0)
                with _opened(path) as stream:
                    shutil.copyfileobj(content, stream)
        else:
            _write_file(target_of(path), write, interim=interim, alone=alone)


@contextmanager
def failures_told(path: Path) -> Iterator[None]:
    """Word what the system says against writing a file.

    Raises
    ------
    InputError
        For any `OSError`, but a broken pipe.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", file=path) from None


def _write_file(
    path: Path, write: Callable[[IO[bytes]], object], *, interim: bool, alone: Path | None
) -> None:
    temporary = None
    try:
        # An interruption halfway would leave a file whose name nobody knows.
        with interruptions_held():
            temporary, file = _named(path) if alone is None else _made_anew(alone)
            INTERRUPTION.unfinished.add(temporary)
        with file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        # Temporary files are private. Give the result the permissions of any new file.
        temporary.chmod(0o666 & ~_umask())
        if not interim:
            INTERRUPTION.begin_output()
        temporary.replace(path)
        INTERRUPTION.unfinished.discard(temporary)
        temporary = None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
            INTERRUPTION.unfinished.discard(temporary)


def _named(path: Path) -> tuple[Path, IO[bytes]]:
    # Short, so that it is allowed wherever the file's own name is.
    prefix = f".{path.stem[:20]}."
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".part")
    return Path(name), os.fdopen(descriptor, "w+b")


def _made_anew(path: Path) -> tuple[Path, IO[bytes]]:
    # A link of this name is not ours, and what it points to must not be written to.
    path.unlink(missing_ok=True)
    return path, path.open("x+b")


def is_stream(path: Path) -> bool:
    """Whether a path names something to write into: a pipe, a device, an open descriptor.

    Raises
    ------
    OSError
        If the system cannot say, as for a name that is too long.
    """
    if _descriptor(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _opened(path: Path) -> IO[bytes]:
    descriptor = _descriptor(path)
    if descriptor is None:
        return path.open("wb")
    # Opened by its name, a file behind it would be cut to nothing, and written from its start.
    if sys.stdout is not None:
        sys.stdout.flush()
    return os.fdopen(os.dup(descriptor), "wb")


def _descriptor(path: Path) -> int | None:
    """Return the open descriptor of this process that a path such as /dev/stdout names."""
    for _ in range(_MOST_LINKS):
        place = re.fullmatch(r"/(?:dev|proc/(?:self|thread-self|[0-9]+))/fd/([0-9]+)", str(path))
        if place:
            return int(place[1])
        if not path.is_symlink():
            return None
        path = Path(os.path.normpath(path.parent / path.readlink()))
    return None


def target_of(path: Path) -> Path:
    """Return the path to write: where a symbolic link points, also if nothing is there yet."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def write_bytes(
    path: Path, content: bytes, *, interim: bool = False, alone: Path | None = None
) -> None:
    """Write a file, whole or not at all; raises what `write_whole` raises.

    Parameters
    ----------
    path
        The file.
    content
        Its bytes.
    interim, alone
        As `write_whole` takes them.
    """
    write_whole(path, lambda file: file.write(content), interim=interim, alone=alone)


def check_file(path: Path) -> None:
    """Raise `InputError` if a file cannot be made here, so that a long run fails early."""
    try:
        if is_stream(path):
            if _descriptor(path) is None and not os.access(path, os.W_OK):
                raise InputError("cannot be written: Permission denied", file=path)
            return
        target = target_of(path)
        if not target.parent.is_dir():
            raise InputError("no such folder", file=target.parent)
        if target.is_dir():
            raise InputError("is a folder; name a file in it", file=path)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=path) from None
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise InputError("the folder cannot be written to", file=target.parent)


def make_folder(path: Path) -> None:
    """Make a folder for output, and its parents.

    Raises
    ------
    InputError
        If that is not possible, so that a long run fails before it begins.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"no folder can be made here: {error.strerror}", file=path) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise InputError("the folder cannot be written to", file=path)


def _umask() -> int:
    # It can only be read by setting it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
