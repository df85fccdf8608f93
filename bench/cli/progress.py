"""Progress: shown in a terminal while something takes longer than a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from threading import Timer
from typing import TYPE_CHECKING

from bench.cli.console import Messages

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_AFTER_SECONDS = 1.0


@contextmanager
def progress_bar(
    console: Messages | Console, what: str, total: int, unit: str = "turns"
) -> Iterator[Callable[[float], None]]:
    """Show a bar, and yield a function to call with the number of units done since.

    The bar appears after a second and is removed at the end. Nothing is shown if the console is
    quiet, or if it cannot replace lines, as a pipe or a dumb terminal.

    Parameters
    ----------
    console
        Where to show it.
    what
        What is being done.
    total
        How much there is to do, in units.
    unit
        Name of the unit, such as ``"turns"`` or ``"seconds"``. Bytes are shown with their prefixes.
    """
    if console.quiet or total <= 0 or not console.is_interactive:
        yield lambda _: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *((DownloadColumn(),) if unit == "bytes" else (MofNCompleteColumn(), TextColumn(unit))),
        TimeRemainingColumn(),
        console=_drawn_on(console),
        transient=True,
    )
    task = bar.add_task(what, total=total)

    def appear() -> None:
        # A bar draws itself in a thread.
        with _without_threads():
            bar.start()

    appearing = Timer(SHOWN_AFTER_SECONDS, appear)
    appearing.daemon = True
    with _without_threads():
        appearing.start()
    try:
        yield lambda done: bar.advance(task, done)
    finally:
        appearing.cancel()
        if appearing.ident is not None:
            appearing.join()
        if bar.live.is_started:
            bar.stop()


def _without_threads() -> AbstractContextManager[None]:
    """If the system refuses a thread, go on: nobody sees how far the work is, but it is done."""
    return suppress(RuntimeError)


def _drawn_on(console: Messages | Console) -> Console:
    return console.rich if isinstance(console, Messages) else console


@contextmanager
def working(console: Messages | Console, what: str) -> Iterator[None]:
    """Show a line while something goes on whose end nobody can tell.

    It is drawn once and without a thread, because processes may be forked meanwhile.
    """
    if console.quiet or not console.is_interactive:
        yield
        return
    from rich.live import Live
    from rich.text import Text

    with Live(
        Text(f"{what} …", style="dim", no_wrap=True, overflow="ellipsis"),
        console=_drawn_on(console),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield


@dataclass(frozen=True, slots=True)
class ConsoleWatcher:
    """Shows on a console how far a comparison has come (`bench.measuring.compare.Watcher`)."""

    console: Messages

    def tell(self, what: str) -> None:
        """Print a line."""
        self.console.print(what, dim=True)

    def working(self, what: str) -> AbstractContextManager[None]:
        """Show a line until the block ends."""
        return working(self.console, what)

    def counting(
        self, what: str, total: int, unit: str
    ) -> AbstractContextManager[Callable[[float], None]]:
        """Show a bar until the block ends.

        Parameters
        ----------
        what
            What is counted.
        total
            How much there is to do, in units.
        unit
            Name of the unit.
        """
        return progress_bar(self.console, what, total, unit)
