"""Files that a command is to write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from strategies import InputError


def check_target(path: Path, others: Iterable[tuple[Path, str]], content: str) -> None:
    """Refuse a file that cannot be written, or would replace another one of the command.

    Parameters
    ----------
    path
        The file.
    others
        Other files of the command, and what each is.
    content
        What is to be written.

    Raises
    ------
    InputError
        With the file.
    """
    from bench.reporting.output import check_file

    check_file(path)
    for other, what in others:
        same = path.samefile(other) if path.exists() and other.exists() else path == other
        if same or path.resolve() == other.resolve():
            raise InputError(f"is {what} itself; name another file for {content}", file=path)
