"""Places of values in a JSON text, so that one changes and every other byte stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from strategies import InputError
from strategies.conversations.json_text import next_value

_SPACE = re.compile(r"[ \t\r\n]*")


class Span(NamedTuple):
    """A part of a text.

    Attributes
    ----------
    start, end
        Places in the text, in characters; the end is the place after the part.
    """

    start: int
    end: int


class Edit(NamedTuple):
    """A part of a text, and what comes in its place.

    Attributes
    ----------
    span
        The part. It is empty if something is put in.
    text
        The new text.
    """

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """A record of a JSON text.

    Parameters
    ----------
    line
        The line on which it starts, from 1.
    start
        Its place in the text, in characters.
    """

    line: int
    start: int


def records_in(text: str) -> Iterator[Item]:
    """Yield the records of a text: its values one after the other, or the elements of its array.

    Parameters
    ----------
    text
        JSON Lines or a JSON document that was read without a mistake.
    """
    # A file may begin with a byte order mark.
    place = _after_space(text, int(text.startswith("\ufeff")))
    if text[place : place + 1] == "[":
        starts: Iterator[int] = (span.start for span in elements(text, place))
    else:
        starts = _values(text, place)
    line, before = 1, 0
    for start in starts:
        line += text.count("\n", before, start)
        before = start
        yield Item(line, start)


def _values(text: str, place: int) -> Iterator[int]:
    while place < len(text):
        yield place
        place = _after_space(text, next_value(text, place)[1])


def members(text: str, start: int) -> dict[str, Span]:
    """Return the values of an object by their keys.

    Parameters
    ----------
    text
        The JSON text.
    start
        Place of the object.

    Raises
    ------
    InputError
        If a key appears twice: readers disagree which value counts.
    """
    found: dict[str, Span] = {}
    place = _after_space(text, start + 1)
    while text[place] != "}":
        key, place = next_value(text, place)
        if key in found:
            raise InputError("this key appears twice", field=key)
        # A colon is between the two.
        value = _after_space(text, _after_space(text, place) + 1)
        found[key] = Span(value, next_value(text, value)[1])
        place = _after_comma(text, found[key].end)
    return found


def elements(text: str, start: int) -> Iterator[Span]:
    """Yield the elements of an array.

    Parameters
    ----------
    text
        The JSON text.
    start
        Place of the array.
    """
    place = _after_space(text, start + 1)
    while text[place] != "]":
        span = Span(place, next_value(text, place)[1])
        yield span
        place = _after_comma(text, span.end)


def with_number(text: str, start: int, field: str, number: int) -> Edit:
    """Return the edit that gives an object a number, in place of the one that it has or at its end.

    Parameters
    ----------
    text
        The JSON text.
    start
        Place of the object, which has a field.
    field
        The field.
    number
        Its new value.
    """
    found = members(text, start)
    if field in found:
        return Edit(found[field], str(number))
    spans = list(found.values())
    end = spans[-1].end
    # Written as the object writes its other fields: with a blank or without.
    first = spans[0].start
    blank = " " if text[first - 1] in " \t\r\n" else ""
    return Edit(Span(end, end), f",{blank}{json.dumps(field)}:{blank}{number}")


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Return a text with edits made, which must not overlap.

    Parameters
    ----------
    text
        The text.
    edits
        In any order.
    """
    parts = []
    place = 0
    for span, new in sorted(edits):
        parts += [text[place : span.start], new]
        place = span.end
    return "".join([*parts, text[place:]])


def _after_space(text: str, place: int) -> int:
    return _SPACE.match(text, place).end()  # type: ignore[union-attr]  # it matches anywhere


def _after_comma(text: str, place: int) -> int:
    place = _after_space(text, place)
    return _after_space(text, place + 1) if text[place] == "," else place
