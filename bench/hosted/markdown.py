"""Make Markdown of unknown origin fit to be posted, and short enough for it."""

from __future__ import annotations

import re

LIMIT = 65_536
"""Characters that GitHub takes in a comment."""

INVISIBLE = "\u200b"
"""A space of no width. It changes what a text means to GitHub and not how it looks."""

_MOST_FOLDED = 8
_LONGEST_CLOSING = len("\n```") + _MOST_FOLDED * len("\n\n</details>")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_TAGS = r"</?(?:details|summary|sub|sup|b|code)>|<br ?/?>|<details open>|<!-- -->"
_MEANS_SOMETHING = re.compile(
    # Tags and the empty comment, which may stand. Then what begins any other tag or comment, a
    # mention or an image.
    rf"(?P<allowed>{_TAGS})|(?P<start><(?=[A-Za-z/!?])|@(?=[A-Za-z0-9_-])|!(?=\[))"
)


def tame(text: str) -> str:
    """Return Markdown that calls nobody, loads nothing and holds no HTML but plain tags.

    GitHub removes dangerous HTML itself. But it would tell whoever is mentioned, load images, and
    take an HTML comment for one of ours.
    """
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _MEANS_SOMETHING.sub(lambda found: found["allowed"] or found["start"] + INVISIBLE, text)


def shorten(text: str, room: int, note: str) -> str:
    """Return the text, or its beginning and a note if it has more characters than there is room.

    Parameters
    ----------
    text
        Markdown.
    room
        Characters that the result may have.
    note
        What to say at the end. `{shown}` and `{total}` stand for numbers of characters.
    """
    if len(text) <= room:
        return text
    total = f"{len(text):,}"
    # The number shown has no more digits than the total.
    longest = len(note.format(shown=total, total=total)) + _LONGEST_CLOSING + len("\n\n")
    kept = text[: max(0, room - longest)]
    # Whole lines, as half a row of a table is none. A text of one line has no better place.
    kept = kept.rpartition("\n")[0] or kept
    return kept + _closing(kept) + "\n\n" + note.format(shown=f"{len(kept):,}", total=total)


def _closing(text: str) -> str:
    """Return what ends the code block and the folded parts that a text leaves open."""
    fences = sum(line.lstrip().startswith("```") for line in text.splitlines())
    folded = max(0, text.count("<details") - text.count("</details>"))
    return "\n```" * (fences % 2) + "\n\n</details>" * min(folded, _MOST_FOLDED)
