"""Search for the shortest text that a way of cutting encodes wrongly."""

from __future__ import annotations

from collections.abc import Iterable

from bench.cutting.subject import Subject
from bench.cutting.ways import Encode
from strategies.linting.search import MOST_PIECES, PIECES, Search, shortest, texts_of


def short_texts(subject: Subject, most_pieces: int = MOST_PIECES) -> list[str]:
    """Return all texts of a few pieces, markers among them, the shortest first.

    There are none for a tokenizer that panics at some of them.
    """
    return [] if subject.panics else texts_of([*PIECES, *subject.listed], most_pieces)


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
    return shortest(
        subject.encode,
        lambda text: way(subject, text),
        short_texts(subject, most_pieces),
        more=more,
    )
