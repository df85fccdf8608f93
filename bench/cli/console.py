"""What the command line writes to: tables on standard output, messages on standard error."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from bench.reporting.words import CONTROLS
from strategies.words import printable

TABLE_WIDTH = 80
"""Characters in a line if there is no terminal."""


class _Console(Console):
    """A console on which no text of a dataset, a template or a name can act.

    An escape code could move the cursor, set the title or hide what is printed. Such characters
    are shown as escapes, whatever prints them. Codes that rich itself sends are apart from text.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Yield the segments of a renderable, with nothing in their text that acts."""
        for segment in super().render(renderable, options):
            if segment.control or not CONTROLS.search(segment.text):
                yield segment
            else:
                lines = segment.text.split("\n")
                yield Segment("\n".join(map(printable, lines)), segment.style)

    def on_broken_pipe(self) -> None:
        """Leave it to `main`. Rich would exit with 1, which stands for wrong counts."""
        raise BrokenPipeError


class Messages(_Console):
    """Messages on standard error. The command works even if nobody reads them."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print. If standard error cannot be written, go on without it."""
        try:
            super().print(*objects, **options)
        except OSError:
            drop(sys.stderr)


def stdout() -> Console:
    """Return the console for tables: as wide as the terminal, or 80 without a terminal."""
    console = _Console(highlight=False)
    # Rich would use the width of the terminal that the command was typed into.
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = TABLE_WIDTH
    return console


def complain(errors: Console, reason: str) -> None:
    """Print the one line of an error."""
    errors.print(Text(f"bench: {reason}"))


def stderr(quiet: bool) -> Console:
    """Return the console for progress and warnings. If `quiet`, it prints nothing."""
    # With FORCE_COLOR, Rich treats a file or a pipe as a terminal, in which lines can be
    # replaced. They cannot, so progress needs a real terminal.
    progress = None if sys.stderr is not None and sys.stderr.isatty() else False
    return Messages(stderr=True, quiet=quiet, highlight=False, force_interactive=progress)


def warn(console: Console, about: str, warnings: Sequence[str]) -> None:
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
        console.print(Text(f"warning: {about}: {warning}"), soft_wrap=True)


def escape_output() -> None:
    """Let standard output escape characters that its encoding lacks, as standard error does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def drop(stream: TextIO | None) -> None:
    """Send what is left in the buffer nowhere, so that Python does not complain at exit."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
