"""Progress bars: on a terminal, for whatever takes longer than a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SHOWN_AFTER_SECONDS = 1.0


@contextmanager
def progress_bar(
    console: Console, what: str, total: int, unit: str = "turns"
) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with the number of things that have been done.

    Nothing is shown where the console is no terminal or is quiet, and nothing is left
    behind.
    """
    if not console.is_terminal or console.quiet or total <= 0:
        yield lambda _: None
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task(what, total=total)
    begun = time.monotonic()
    shown = False

    def advance(done: int) -> None:
        nonlocal shown
        bar.advance(task, done)
        if not shown and time.monotonic() - begun > SHOWN_AFTER_SECONDS:
            bar.start()
            shown = True

    try:
        yield advance
    finally:
        if shown:
            bar.stop()
