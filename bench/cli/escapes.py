"""Text on which no terminal acts."""

from __future__ import annotations

from bench.reporting.words import CONTROLS
from strategies.words import printable


def without_controls(text: str) -> str:
    """Return a text in which nothing acts on a terminal; its line ends stay.

    An escape code could move the cursor, set the title or hide what is printed. Such characters
    are shown as escapes.
    """
    if not CONTROLS.search(text):
        return text
    return "\n".join(map(printable, text.split("\n")))
