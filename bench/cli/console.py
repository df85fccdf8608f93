"""What the command line writes to: tables on standard output, messages on standard error.

Rich draws tables, progress and colors. It takes a while to import, and a message needs none of
them, so it is imported when something is drawn.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from bench.cli.escapes import without_controls

if TYPE_CHECKING:
    from rich.console import Console

TABLE_WIDTH = 80
"""Characters in a line if there is no terminal."""


class Messages:
    """Messages on standard error, one a line. The command works even if nobody reads them.

    Parameters
    ----------
    quiet
        Whether to print nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    @property
    def is_interactive(self) -> bool:
        """Whether lines can be drawn over: standard error is a terminal that can do that."""
        with suppress(ValueError):
            # With FORCE_COLOR, Rich treats a file or a pipe as a terminal, in which lines can be
            # replaced. They cannot, so progress needs a real terminal.
            return sys.stderr is not None and sys.stderr.isatty() and self.rich.is_interactive
        return False

    @cached_property
    def rich(self) -> Console:
        """The console of Rich on standard error."""
        from bench.cli.rich_console import SafeConsole

        progress = None if sys.stderr is not None and sys.stderr.isatty() else False
        return SafeConsole(
            stderr=True, quiet=self.quiet, highlight=False, force_interactive=progress
        )

    def print(self, line: str, *, dim: bool = False) -> None:
        """Print a line. If standard error cannot be written, go on without it.

        Parameters
        ----------
        line
            The line. What a terminal would obey is shown as escapes.
        dim
            Whether it is of less importance than other lines.
        """
        if self.quiet or sys.stderr is None:
            return
        try:
            if "rich" in vars(self) or (dim and sys.stderr.isatty()):
                # Something may be drawn, and the line has to come above it.
                from rich.text import Text

                self.rich.print(Text(line, style="dim" if dim else ""), soft_wrap=True)
            else:
                print(without_controls(line), file=sys.stderr, flush=True)
        except OSError:
            drop(sys.stderr)


def stdout() -> Console:
    """Return the console for tables: as wide as the terminal, or 80 without a terminal."""
    from bench.cli.rich_console import SafeConsole

    console = SafeConsole(highlight=False)
    # Rich would use the width of the terminal that the command was typed into.
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = TABLE_WIDTH
    return console


def complain(errors: Messages, reason: str) -> None:
    """Print the one line of an error."""
    errors.print(f"bench: {reason}")


def stderr(quiet: bool) -> Messages:
    """Return where progress and warnings go. If `quiet`, nothing is printed."""
    return Messages(quiet=quiet)


def warn(console: Messages, about: str, warnings: Sequence[str]) -> None:
    """Print warnings, one a line.

    Parameters
    ----------
    console
        Where to print.
    about
        Name of the tokenizer or the dataset.
    warnings
        What to say about it.
    """
    for warning in warnings:
        console.print(f"warning: {about}: {warning}")


def escape_output() -> None:
    """Let standard output escape characters that its encoding lacks, as standard error does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def drop(stream: TextIO | None) -> None:
    """Send what is left in the buffer nowhere, so that Python does not complain at exit."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
