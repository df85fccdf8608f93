"""The folder of entries: private to the user, whole files only, bounded in size.

Each step is done relative to the open folder, and no symbolic link is followed. So nobody can
put another folder or file in its place between a check and its use.

Whatever the system refuses, such as a full disk or a folder that cannot be written, is as if
nothing were kept.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER_VARIABLE = "ISL_BENCH_CACHE"
"""Environment variable that names the folder; `OFF` there means that nothing is kept."""

OFF = "off"

MAX_BYTES = 1 << 29
"""Size of all entries together. The least recently used ones go first."""

ABANDONED_SECONDS = 3600
"""An unfinished file this old belongs to a process that was killed."""

USED_SECONDS = 60
"""The time of use of an entry is noted at most this often."""

_NAME = "entries"
"""The folder inside the one that a user names. It is made here, so it can be private."""

_UNFINISHED = ".part"


def default_place() -> Path | None:
    """Return the folder that the environment names; None if nothing is to be kept.

    It is ``ISL_BENCH_CACHE``, else ``isl-bench`` in ``XDG_CACHE_HOME``, else in ``~/.cache``.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return None if named == OFF else Path(named)
    base = os.environ.get("XDG_CACHE_HOME", "")
    # By the specification of these folders, a relative path is to be ignored.
    if not os.path.isabs(base):  # noqa: PTH117  # an empty one is no path
        home = os.path.expanduser("~")  # noqa: PTH111  # it raises nothing if there is no home
        base = os.path.join(home, ".cache") if os.path.isabs(home) else ""  # noqa: PTH117, PTH118
    return Path(base, "isl-bench") if base else None


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the folder.

    Parameters
    ----------
    name
        Its name.
    size
        In bytes.
    used
        When it was last used, in seconds since the epoch.
    """

    name: str
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class Folder:
    """The entries in a folder.

    Parameters
    ----------
    place
        The folder that the user names. It need not exist.
    """

    place: Path

    @property
    def path(self) -> Path:
        """Where the entries lie."""
        return self.place / _NAME

    def open_entry(self, name: str, *, notes_use: bool = True) -> int | None:
        """Return an open descriptor of an entry; None if there is none, or it is not private.

        Parameters
        ----------
        name
            Its name.
        notes_use
            Whether it counts as used now.
        """
        with self._opened() as folder:
            if folder is None:
                return None
            try:
                entry = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            except OSError:
                return None
        found = os.fstat(entry)
        if not stat.S_ISREG(found.st_mode) or not _private(found):
            os.close(entry)
            return None
        if notes_use and time.time() - found.st_mtime > USED_SECONDS:
            with suppress(OSError):
                os.utime(entry)
        return entry

    def write(self, name: str, pieces: Sequence[bytes]) -> bool:
        """Write an entry, whole or not at all; return whether that was possible."""
        with suppress(OSError):
            self.path.mkdir(parents=True, mode=0o700, exist_ok=True)
        with self._opened() as folder:
            if folder is None:
                return False
            unfinished = f"{name}.{os.getpid()}.{time.monotonic_ns()}{_UNFINISHED}"
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                with open(os.open(unfinished, flags, 0o600, dir_fd=folder), "wb") as file:  # noqa: PTH123  # of a descriptor
                    file.writelines(pieces)
                os.replace(
                    unfinished, name, src_dir_fd=folder, dst_dir_fd=folder
                )  # in an open folder
            except OSError:
                return False
            finally:
                # It has its name, or is of no use.
                with suppress(OSError):
                    os.unlink(unfinished, dir_fd=folder)  # in an open folder
            self._shrink(folder, name)
        return True

    def entries(self) -> list[Stored]:
        """Return what is in the folder, the most recently used first."""
        with self._opened() as folder:
            found = [] if folder is None else _files(folder)
        kept = [file for file in found if not file.name.endswith(_UNFINISHED)]
        return sorted(kept, key=lambda file: file.used, reverse=True)

    def remove(self, name: str) -> bool:
        """Remove an entry; return whether it is gone."""
        with self._opened() as folder:
            return folder is None or _remove(folder, name)

    def clear(self) -> list[str]:
        """Remove all entries and unfinished files; return the names of those that remain."""
        with self._opened() as folder:
            if folder is None:
                return []
            return [file.name for file in _files(folder) if not _remove(folder, file.name)]

    @contextmanager
    def _opened(self) -> Iterator[int | None]:
        """Open the folder; None if it is not there, or others could have written into it."""
        try:
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            yield None
            return
        try:
            yield folder if _private(os.fstat(folder)) else None
        finally:
            os.close(folder)

    def _shrink(self, folder: int, written: str) -> None:
        """Remove what was abandoned, and the entries longest unused beyond `MAX_BYTES`."""
        now, total = time.time(), 0
        for file in sorted(_files(folder), key=lambda file: (file.name != written, -file.used)):
            total += file.size
            abandoned = now - file.used > ABANDONED_SECONDS and file.name.endswith(_UNFINISHED)
            if abandoned or (total > MAX_BYTES and not file.name.endswith(_UNFINISHED)):
                _remove(folder, file.name)
                total -= file.size


def _private(found: os.stat_result) -> bool:
    """Whether a file belongs to this user, and no other can read or change it."""
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _files(folder: int) -> list[Stored]:
    found = []
    # Another process may remove a file meanwhile.
    with suppress(OSError), os.scandir(folder) as listed:
        for each in listed:
            with suppress(OSError):
                about = each.stat(follow_symlinks=False)
                if stat.S_ISREG(about.st_mode):
                    found.append(Stored(each.name, about.st_size, about.st_mtime))
    return found


def _remove(folder: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=folder)  # in an open folder
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
