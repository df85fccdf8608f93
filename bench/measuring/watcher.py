"""What a comparison tells a person while it runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Watcher(Protocol):
    """Shows a person how far a comparison has come. It changes no result."""

    def tell(self, what: str) -> None:
        """Show a line that stays, such as how long something will take."""
        ...

    def working(self, what: str) -> AbstractContextManager[None]:
        """Show that something goes on whose end nobody can tell."""
        ...

    def counting(
        self, what: str, total: int, unit: str
    ) -> AbstractContextManager[Callable[[float], None]]:
        """Show how much is done. Yields a function to call with the number of units done since.

        Parameters
        ----------
        what
            What is counted.
        total
            How much there is to do, in units.
        unit
            Name of the unit, such as ``"turns"``.
        """
        ...
