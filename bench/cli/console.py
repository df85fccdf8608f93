"""What the command line writes to: tables on standard output, messages on standard error."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

TABLE_WIDTH = 80
"""The characters of a line where there is no terminal."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `main`; Rich ends with 1, which is for wrong counts."""
        raise BrokenPipeError


class Messages(_Console):
    """Messages on standard error, which nobody needs to read."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Go on where nobody takes the messages: the work and the exit code are the same."""
        try:
            super().print(*objects, **options)
        except OSError:
            drop(sys.stderr)


def stdout() -> Console:
    """Return what tables are printed to: as wide as the terminal, or 80 where there is none."""
    console = _Console(highlight=False)
    # Rich would take the width of a terminal that commands are typed into.
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = TABLE_WIDTH
    return console


def complain(errors: Console, reason: str) -> None:
    """Print the one line of an error."""
    errors.print(Text(f"bench: {reason}"))


def stderr(quiet: bool) -> Console:
    """Return the console for progress and warnings; `quiet` lets nothing through."""
    # Where colors are asked for in a file or a pipe (FORCE_COLOR), Rich takes it for a terminal,
    # in which lines can be replaced.
    progress = None if sys.stderr is not None and sys.stderr.isatty() else False
    return Messages(stderr=True, quiet=quiet, highlight=False, force_interactive=progress)


def warn(console: Console, about: str, warnings: Sequence[str]) -> None:
    """Print warnings about a tokenizer or a dataset, a line each."""
    for warning in warnings:
        console.print(Text(f"warning: {about}: {warning}"), soft_wrap=True)


def escape_output() -> None:
    """Let standard output escape what its encoding lacks, as standard error does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def drop(stream: TextIO | None) -> None:
    """Leave nothing in the buffer that would be complained about at exit."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
