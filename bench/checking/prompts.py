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
from strategies.errors import TurnError
from strategies.plain import reference_ids
from strategies.words import printable

if TYPE_CHECKING:
    from bench.checking.endpoints.endpoint import Seen
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
    alone = turn.alone()
    ids = tuple(reference_ids(chat, alone, 0) or ())
    if ids == seen.ids:
        return None
    text = _rendered(chat, turn)
    if seen.text is None:
        assert seen.ids is not None  # noqa: S101  # one of them is there
        # Both are written from their tokens, so that the decoder changes both in the same way.
        text, their_text = _decoded(chat, ids), _decoded(chat, seen.ids)
    else:
        their_text = seen.text
    their_ids = seen.ids or ()
    one = _one_token(chat, ids, their_ids)
    if one is not None and (one[1] == 0 or text == their_text):
        return Place(*one, "token", *_token_excerpts(chat, ids, their_ids, one[1]))
    if text == their_text:
        at = _common(ids, their_ids)
        return Place(TOKENS, at, "token", *_token_excerpts(chat, ids, their_ids, at))
    at = _common(text, their_text)
    kind = _kind(text, their_text)
    return Place(kind, at, "character", _excerpt(text, at), _excerpt(their_text, at))


def _rendered(chat: ChatTokenizer, turn: Turn) -> str:
    for _, prompt in chat.prompts(turn.alone()):
        if prompt is not None:
            return prompt
    raise TurnError(turn.conversation.id, turn.index + 1, len(turn.messages), "has no prompt")


def _decoded(chat: ChatTokenizer, ids: Sequence[int]) -> str:
    # A server may have tokens that this tokenizer lacks.
    known = len(chat.tokenizer)
    text: str = chat.tokenizer.decode(
        [each for each in ids if each < known],
        skip_special_tokens=False,
        clean_up_tokenization_spaces=False,
    )
    return text


def _one_token(
    chat: ChatTokenizer, ours: tuple[int, ...], theirs: tuple[int, ...]
) -> tuple[str, int] | None:
    """Return what differs, and after how many tokens, if it is one at the beginning or the end."""
    if not theirs:
        return None
    if theirs[1:] == ours:
        return f"{_name(chat, theirs[0])} more at the beginning", 0
    if ours[1:] == theirs:
        return f"{_name(chat, ours[0])} less at the beginning", 0
    if theirs[:-1] == ours:
        return f"{_name(chat, theirs[-1])} more at the end", len(ours)
    if ours[:-1] == theirs:
        return f"{_name(chat, ours[-1])} less at the end", len(theirs)
    return None


def _name(chat: ChatTokenizer, number: int) -> str:
    return repr(_decoded(chat, [number]))


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
    chat: ChatTokenizer, ours: Sequence[int], theirs: Sequence[int], at: int
) -> tuple[str, str]:
    start = max(0, at - 3)
    return _tokens(chat, ours[start : at + 5]), _tokens(chat, theirs[start : at + 5])


def _tokens(chat: ChatTokenizer, ids: Sequence[int]) -> str:
    known = len(chat.tokenizer)
    names = chat.tokenizer.convert_ids_to_tokens([each for each in ids if each < known])
    return printable(" ".join(f"{name}" for name in names))
