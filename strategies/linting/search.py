"""Search for the shortest text that is encoded wrongly when it is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from strategies.chat.failures import is_failure
from strategies.fewest import fewest

Encode: TypeAlias = Callable[[str], list[int]]
"""From a text to its ids."""

PIECES = (" ", "\n", "a", "b c", "\u0301")
"""Texts that stand between markers in a search: white space, words, an accent that joins."""
MOST_PIECES = 3


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A text with other ids when it is cut.

    Parameters
    ----------
    text
        The text.
    whole, cut
        The ids of the whole text, and those of its pieces.
    """

    text: str
    whole: tuple[int, ...]
    cut: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    Parameters
    ----------
    found
        The counterexample, or None.
    tried
        Number of texts that were compared.
    """

    found: Counterexample | None
    tried: int


def texts_of(pieces: Sequence[str], most_pieces: int = MOST_PIECES) -> list[str]:
    """Return all texts of a few pieces, the shortest first."""
    texts = {
        "".join(chosen)
        for length in range(1, most_pieces + 1)
        for chosen in product(pieces, repeat=length)
    }
    return sorted(texts, key=lambda text: (len(text), text))


def shortest(
    whole: Encode, cut: Encode, texts: Iterable[str], *, more: Iterable[str] = ()
) -> Search:
    """Search for a text that is encoded wrongly when it is cut.

    Parameters
    ----------
    whole, cut
        Encode a text as it is, and cut.
    texts
        Tried in this order: the shortest should come first.
    more
        Longer texts, such as prompts. What is found there is made as short as it can be by
        leaving out characters.
    """
    tried = 0
    for text in texts:
        tried += 1
        if _differ(whole, cut, text):
            return Search(_counterexample(whole, cut, text), tried)
    for text in more:
        tried += 1
        if _differ(whole, cut, text):
            short = shrink(text, lambda shorter: _differ(whole, cut, shorter))
            return Search(_counterexample(whole, cut, short), tried)
    return Search(None, tried)


def shrink(text: str, still: Callable[[str], bool]) -> str:
    """Return `text` without what can be left out while `still` holds.

    No single character can be left out of the result any more.
    """
    return "".join(fewest(text, lambda kept: still("".join(kept))))


def _differ(whole: Encode, cut: Encode, text: str) -> bool:
    """Whether a text has other ids when it is cut. One that cannot be encoded has none."""
    try:
        return whole(text) != cut(text)
    except BaseException as error:
        if not is_failure(error):
            raise
        return False


def _counterexample(whole: Encode, cut: Encode, text: str) -> Counterexample:
    return Counterexample(text, tuple(whole(text)), tuple(cut(text)))
