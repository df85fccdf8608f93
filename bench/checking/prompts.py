"""Where two prompts part, and what kind of difference it is."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from bench.checking.strata import Turn
from bench.checking.vocabulary import vocabulary_of
from strategies.errors import TurnError
from strategies.plain import reference_ids
from strategies.words import printable

if TYPE_CHECKING:
    from bench.checking.endpoints.endpoint import Seen
    from bench.checking.vocabulary import Vocabulary
    from strategies import ChatTokenizer

_BEFORE, _AFTER = 30, 60
"""Characters of an excerpt before and after the place where the prompts part."""

_DATES = re.compile(
    r"\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{4}\b"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{1,2}, \d{4}\b"
    r"|\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?\b"
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}")

SAME = "the same tokens"
TOKENS = "the same text, other tokens"
UNREADABLE = "other tokens"
NOT_SHOWN = "the prompt is not shown"


@dataclass(frozen=True, slots=True)
class Place:
    """The first place where two prompts differ.

    Parameters
    ----------
    kind
        What kind of difference it is.
    at, unit
        How much is the same before it: so many of ``"character"`` or ``"token"``.
    ours, theirs
        What stands around it in our prompt and in the server's, on one line.
    """

    kind: str
    at: int
    unit: str
    ours: str
    theirs: str


def place_of(chat: ChatTokenizer, turn: Turn, seen: Seen) -> Place | None:
    """Return where our prompt and the server's differ first.

    Parameters
    ----------
    chat
        The tokenizer that counted.
    turn
        The turn.
    seen
        The prompt as the server sees it.

    Returns
    -------
    Place or None
        None if the server does not show the prompt, or if the prompts have the same tokens.
    """
    if seen.text is None and seen.ids is None:
        return None
    ids = tuple(reference_ids(chat, turn.alone(), 0) or ())
    if ids == seen.ids:
        return None
    vocabulary = vocabulary_of(chat)
    text, their_text = _texts(chat, vocabulary, turn, ids, seen)
    their_ids = seen.ids or ()
    one = _one_token(vocabulary, ids, their_ids)
    if one is not None and (one[1] == 0 or text == their_text):
        return Place(*one, "token", *_token_excerpts(vocabulary, ids, their_ids, one[1]))
    if text is None or their_text is None or text == their_text:
        kind = UNREADABLE if text is None or their_text is None else TOKENS
        at = _common(ids, their_ids)
        return Place(kind, at, "token", *_token_excerpts(vocabulary, ids, their_ids, at))
    at = _common(text, their_text)
    kind = _kind(text, their_text)
    return Place(kind, at, "character", _excerpt(text, at), _excerpt(their_text, at))


def _texts(
    chat: ChatTokenizer, vocabulary: Vocabulary, turn: Turn, ids: Sequence[int], seen: Seen
) -> tuple[str | None, str | None]:
    """Return our prompt and the server's as texts; None for one that cannot be written."""
    if seen.text is not None and chat.coded is None:
        return _rendered(chat, turn), seen.text
    # Both are written from their tokens, so that the decoder changes both in the same way.
    theirs = seen.text if seen.ids is None else vocabulary.text(seen.ids)
    return vocabulary.text(ids), theirs


def _rendered(chat: ChatTokenizer, turn: Turn) -> str:
    for _, prompt in chat.prompts(turn.alone()):
        if prompt is not None:
            return prompt
    raise TurnError(turn.conversation.id, turn.index + 1, len(turn.messages), "has no prompt")


def _one_token(
    vocabulary: Vocabulary, ours: tuple[int, ...], theirs: tuple[int, ...]
) -> tuple[str, int] | None:
    """Return what differs, and after how many tokens, if it is one at the beginning or the end."""
    if not theirs:
        return None
    if theirs[1:] == ours:
        return f"{vocabulary.name(theirs[0])} more at the beginning", 0
    if ours[1:] == theirs:
        return f"{vocabulary.name(ours[0])} less at the beginning", 0
    if theirs[:-1] == ours:
        return f"{vocabulary.name(theirs[-1])} more at the end", len(ours)
    if ours[:-1] == theirs:
        return f"{vocabulary.name(ours[-1])} less at the end", len(theirs)
    return None


def _kind(ours: str, theirs: str) -> str:
    """Return how the texts of two prompts differ, as far as it can be told from them alone."""
    return next(kind for kind, holds in TEXT_KINDS.items() if holds(ours, theirs))


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        return str(json.loads(f'"{found[0]}"'))

    return "".join(_ESCAPE.sub(plain, text).split())


def _without_dates(text: str) -> str:
    return _DATES.sub("", text)


def _without_blanks(text: str) -> str:
    return "".join(text.split())


def _without_numbers(text: str) -> str:
    return _NUMBER.sub("", text)


def _equal_after(change: Callable[[str], object]) -> Callable[[str, str], bool]:
    return lambda ours, theirs: change(ours) == change(theirs)


TEXT_KINDS: Mapping[str, Callable[[str, str], bool]] = {
    "another date": _equal_after(_without_dates),
    "less at the end": str.startswith,
    "more at the end": lambda ours, theirs: theirs.startswith(ours),
    "other white space": _equal_after(_without_blanks),
    "characters are escaped": _equal_after(_unescaped),
    "other numbers, or written in another way": _equal_after(_without_numbers),
    "another order": _equal_after(Counter),
    "another text": lambda _ours, _theirs: True,
}
"""Kinds of differences between two texts, with what tells them. The first that holds is told."""


def _common(ours: Sequence[Any], theirs: Sequence[Any]) -> int:
    pairs = enumerate(zip_longest(ours, theirs))
    return next((place for place, (one, other) in pairs if one != other), len(ours))


def _excerpt(text: str, at: int) -> str:
    start, end = max(0, at - _BEFORE), at + _AFTER
    return printable(f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}")


def _token_excerpts(
    vocabulary: Vocabulary, ours: Sequence[int], theirs: Sequence[int], at: int
) -> tuple[str, str]:
    start = max(0, at - 3)
    one, other = (printable(vocabulary.names(ids[start : at + 5])) for ids in (ours, theirs))
    return one, other
