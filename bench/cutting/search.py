"""Search for the shortest text that a way of cutting encodes wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

from bench.cutting.subject import Subject
from bench.cutting.ways import Encode

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


def short_texts(subject: Subject, most_pieces: int = MOST_PIECES) -> list[str]:
    """Return all texts of a few pieces, markers among them, the shortest first.

    There are none for a tokenizer that panics at some of them.
    """
    if subject.panics:
        return []
    pieces = [*PIECES, *subject.listed]
    texts = {
        "".join(chosen)
        for length in range(1, most_pieces + 1)
        for chosen in product(pieces, repeat=length)
    }
    return sorted(texts, key=lambda text: (len(text), text))


def shortest_counterexample(
    subject: Subject,
    way: Encode,
    *,
    most_pieces: int = MOST_PIECES,
    more: Iterable[str] = (),
) -> Search:
    """Search for a text that is encoded wrongly when it is cut.

    All short texts are tried, the shortest first. If none is wrong, the texts of `more` are, and
    what is found there is made as short as it can be by leaving out characters.

    Parameters
    ----------
    subject
        The tokenizer.
    way
        How it is cut.
    most_pieces
        Pieces of the short texts.
    more
        Longer texts, such as prompts.
    """
    tried = 0
    for text in short_texts(subject, most_pieces):
        tried += 1
        if _wrong(subject, way, text):
            return Search(_counterexample(subject, way, text), tried)
    for text in more:
        tried += 1
        if _wrong(subject, way, text):
            shortest = shrink(text, lambda shorter: _wrong(subject, way, shorter))
            return Search(_counterexample(subject, way, shortest), tried)
    return Search(None, tried)


def shrink(text: str, still: Callable[[str], bool]) -> str:
    """Return `text` without what can be left out while `still` holds.

    No single character can be left out of the result any more.
    """
    size = len(text) // 2
    while size:
        start, shorter = 0, text
        while start < len(shorter):
            without = shorter[:start] + shorter[start + size :]
            if still(without):
                shorter = without
            else:
                start += size
        # Leaving out one part can make another superfluous, so go on until nothing changes.
        size = size if shorter != text else size // 2
        text = shorter
    return text


def _wrong(subject: Subject, way: Encode, text: str) -> bool:
    return way(subject, text) != subject.encode(text)


def _counterexample(subject: Subject, way: Encode, text: str) -> Counterexample:
    return Counterexample(text, tuple(subject.encode(text)), tuple(way(subject, text)))
