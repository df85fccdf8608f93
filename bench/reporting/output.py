"""Write whole files or none: a file gets its name when it is complete."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from bench.interruption import INTERRUPTION
from strategies import InputError
from strategies.runtime.signals import interruptions_held


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a file that gets its name only when it is complete and on disk.

    Raises
    ------
    InputError
        If it cannot be written: no such folder, no permission, a full disk. A file that had the
        name before is still there.
    """
    temporary = None
    try:
        # An interruption halfway would leave a file whose name nobody knows.
        with interruptions_held():
            file = tempfile.NamedTemporaryFile(  # noqa: SIM115  # closed below
                # Short, so that it is allowed wherever the file's own name is.
                dir=path.parent,
                prefix=f".{path.stem[:20]}.",
                suffix=".part",
                delete=False,
            )
            temporary = Path(file.name)
            INTERRUPTION.unfinished.add(temporary)
        with file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        # Temporary files are private. Give the result the permissions of any new file.
        temporary.chmod(0o666 & ~_umask())
        INTERRUPTION.begin_output()
        temporary.replace(path)
        INTERRUPTION.unfinished.discard(temporary)
        temporary = None
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", file=path) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
            INTERRUPTION.unfinished.discard(temporary)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; raises what `write_whole` raises."""
    write_whole(path, lambda file: file.write(content))


def check_file(path: Path) -> None:
    """Raise `InputError` if a file cannot be made here, so that a long run fails early."""
    try:
        if not path.parent.is_dir():
            raise InputError("no such folder", file=path.parent)
        if path.is_dir():
            raise InputError("is a folder; name a file in it", file=path)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=path) from None
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError("the folder cannot be written to", file=path.parent)


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
