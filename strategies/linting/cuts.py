"""The two ways to cut a text at markers that verdicts are about."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from strategies.splicing import Cutter, Markers, Span, between_markers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from strategies.linting.search import Encode
    from strategies.linting.subject import Subject


def alone(subject: Subject, numbers: Mapping[str, int]) -> Encode:
    """Return the way that cuts wherever a marker's text stands, each part encoded by itself.

    Parameters
    ----------
    subject
        The tokenizer.
    numbers
        The markers, with their ids. If there are several, it takes the longest first.
    """
    searched = frozenset(numbers)

    def cut(text: str) -> list[int]:
        ids: list[int] = []
        for _, span, after in spans_of(text, searched, searched):
            ids += subject.encode(span) if span else []
            ids += [numbers[after]] if after is not None else []
        return ids

    return cut


def between(subject: Subject, numbers: Mapping[str, int]) -> Encode:
    """Return the way that cuts where the tokenizer's search finds a marker.

    Each span is encoded with the markers around it, which count as one token each.

    Parameters
    ----------
    subject
        The tokenizer.
    numbers
        The markers, with their ids.
    """
    searched = subject.searched
    if not numbers.keys() <= searched:
        searched |= {token.content for token in subject.added.values()}

    def cut(text: str) -> list[int]:
        ids: list[int] = []
        for span in spans_of(text, searched, numbers.keys()):
            before, _, after = span
            encoded = subject.encode(between_markers(span)[0])
            ids += encoded[before is not None : len(encoded) - (after is not None)]
            ids += [numbers[after]] if after is not None else []
        return ids

    return cut


def spans_of(text: str, searched: frozenset[str], cuts: AbstractSet[str]) -> list[Span]:
    """Return the spans of a text, cut at some of the tokens that a search finds.

    Parameters
    ----------
    text
        The text.
    searched
        The tokens that the search looks for, the longest first.
    cuts
        Those at which it is cut.
    """
    spans: list[Span] = []
    before, position = None, 0
    for start, end in _cutter(searched).find(text):
        if text[start:end] in cuts:
            after = text[start:end]
            spans.append((before, text[position:start], after))
            before, position = after, end
    return [*spans, (before, text[position:], None)]


@lru_cache(maxsize=8)
def _cutter(searched: frozenset[str]) -> Cutter:
    # A thousand tokens take a second to compile, and each marker is looked for among them.
    return Cutter(Markers(searched, frozenset()))
