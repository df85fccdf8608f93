"""Numbers and untrusted texts as words, the same in errors, warnings and tables."""

from __future__ import annotations


def many(number: int, what: str) -> str:
    """Return a number of things in words, such as ``1 turn`` and ``1,007 turns``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def printable(text: str) -> str:
    """Return a text with control characters and lone surrogates written as escapes.

    Names, values and reasons come from untrusted files and are shown in a terminal.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
