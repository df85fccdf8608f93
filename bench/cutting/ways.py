"""Ways to cut a text and encode it piece by piece. To add one, write a function and add a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bench.cutting.subject import Subject
from strategies.splicing import Cutter, Span, SpanPath, between_markers

Encode: TypeAlias = Callable[[Subject, str], list[int]]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to get the ids of a text from its pieces.

    Parameters
    ----------
    summary
        One sentence for the reader of a table.
    encode
        Returns the ids of a text.
    """

    summary: str
    encode: Encode


def between(subject: Subject, text: str) -> list[int]:
    """Encode each span together with its two markers, and keep the ids of the span."""
    ids: list[int] = []
    for span in _spans(subject, text):
        counted, _ = between_markers(span)
        # The marker after a span is kept, and so dropped before the next one.
        ids += subject.encode(counted)[span[0] is not None :]
    return ids


def alone(subject: Subject, text: str) -> list[int]:
    """Encode each span by itself."""
    return _alone(subject, _spans(subject, text), subject.encode)


def with_specials(subject: Subject, text: str) -> list[int]:
    """Encode each span by itself with the tokenizer's default call, which may add a BOS."""
    return _alone(subject, _spans(subject, text), subject.encode_by_default)


def listed_order(subject: Subject, text: str) -> list[int]:
    """Cut at the first listed marker that matches, and not at the longest."""
    if not subject.listed:
        return subject.encode(text)
    pattern = "|".join(map(re.escape, subject.listed))
    ids: list[int] = []
    for piece in re.split(f"({pattern})", text):
        ids += subject.encode(piece) if piece else []
    return ids


def at_lines(subject: Subject, text: str) -> list[int]:
    """Encode line by line."""
    ids: list[int] = []
    for line in text.splitlines(keepends=True):
        ids += subject.encode(line)
    return ids


WAYS: Mapping[str, Way] = {
    "between markers": Way("each span with its two neighbouring markers (`spliced`)", between),
    "spans alone": Way("each span by itself (`spliced-alone`)", alone),
    "default call": Way("each span by itself, special tokens added", with_specials),
    "listed order": Way(
        "cut at the first listed marker that matches, not at the longest", listed_order
    ),
    "line ends": Way("line by line, markers or not", at_lines),
}


def _spans(subject: Subject, text: str) -> list[Span]:
    return SpanPath(Cutter(subject.markers)).advance(text)[1]


def _alone(subject: Subject, spans: list[Span], encode: Callable[[str], list[int]]) -> list[int]:
    ids: list[int] = []
    for _, text, after in spans:
        ids += encode(text) if text else []
        ids += subject.encode(after) if after is not None else []
    return ids
