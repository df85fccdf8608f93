"""JSON text of datasets: strict where servers are strict, and loose where nothing is read."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any


class Doubled(dict[str, Any]):
    """An object whose text names a key twice: all but the last value of that key are lost.

    Attributes
    ----------
    doubled : frozenset of str
        The keys that appear twice.
    """

    __slots__ = ("doubled",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counted = Counter(key for key, _ in pairs)
        self.doubled = frozenset(key for key, count in counted.items() if count > 1)


def parse_json(text: str) -> Any:
    """Parse strict JSON, as servers do.

    Unlike the standard library's parser, this refuses NaN and Infinity, which are no JSON, and
    objects that name a key twice: all but one value would be dropped silently.

    Raises
    ------
    ValueError
        With a one-line reason.
    """
    try:
        return _STRICT.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parse_loosely(text: str) -> Any:
    """Parse JSON of which only some is read.

    NaN, Infinity and keys that appear twice stay visible: as floats, and as `Doubled`. The
    checks of what is read refuse them, so that they refuse nothing anywhere else.

    Raises
    ------
    ValueError
        With a one-line reason.
    """
    return next_value(text, None)[0]


def next_value(text: str, start: int | None) -> tuple[Any, int]:
    """Parse as `parse_loosely` does, and return the value and the place after it.

    Parameters
    ----------
    text
        The text.
    start
        Place of the value in the text; None if the text is this value and nothing else.

    Raises
    ------
    ValueError
        With a one-line reason.
    """
    try:
        try:
            return _decoded(_LOOSE, text, start)
        except json.JSONDecodeError:
            raise
        except ValueError:
            # A whole number has more digits than Python reads.
            return _decoded(_HUGE, text, start)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def object_in(text: str) -> dict[str, Any] | None:
    """Return the JSON object in a text, such as the arguments of a call; None if there is none.

    As servers do: if a model wrote a key twice, the last value counts.

    Raises
    ------
    RecursionError
        If it is nested too deeply.
    """
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def shown(text: str) -> str:
    """Return a name from a dataset as errors show it: on one line, printable and short."""
    text = text if len(text) <= 80 else f"{text[:77]}..."
    return text if text and text.isprintable() else ascii(text)


def json_type(value: object) -> str:
    """Return the JSON name of a value's type, with its article."""
    if isinstance(value, dict):
        return "an object"
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    names |= {type(None): "null"}
    return names.get(type(value), "an array")


def _decoded(decoder: json.JSONDecoder, text: str, start: int | None) -> tuple[Any, int]:
    if start is None:
        return decoder.decode(text), len(text)
    return decoder.raw_decode(text, start)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"key {shown(twice)} appears twice in one object")
    return result


def _marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    return result if len(result) == len(pairs) else Doubled(pairs)


def _whole(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)  # infinite, so that it is refused wherever it is read


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_unique)
_LOOSE = json.JSONDecoder(object_pairs_hook=_marked)
_HUGE = json.JSONDecoder(object_pairs_hook=_marked, parse_int=_whole)
