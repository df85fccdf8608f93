"""Attributes of OpenTelemetry spans, in the forms in which exporters write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from strategies.conversations.conversation import MAX_DEPTH
from strategies.conversations.json_text import shown
from strategies.errors import InputError


def attributes_of(value: Any, at: str) -> dict[str, Any]:
    """Return attributes by name, from an object or from OTLP's array of keys and values.

    Raises
    ------
    InputError
        If they are neither, or a name comes twice.
    """
    if value is None or isinstance(value, dict):
        return value or {}
    if not isinstance(value, list):
        raise InputError("must be an object or an array of keys and values", field=at)
    return _pairs(value, at, 0)


def _pairs(items: list[Any], at: str, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for i, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("key"), str):
            raise InputError("must be an object with a key", field=f"{at}[{i}]")
        if item["key"] in found:
            raise InputError(f"key {shown(item['key'])} appears twice", field=f"{at}[{i}].key")
        found[item["key"]] = _value(item.get("value"), f"{at}[{i}].value", depth)
    return found


def _value(value: Any, at: str, depth: int = 0) -> Any:
    """Return a value that says its type, as OTLP writes it."""
    if depth > MAX_DEPTH:
        raise InputError(f"nested deeper than {MAX_DEPTH} levels", field=at)
    if not isinstance(value, dict):
        return value
    # Readers of columns fill in the types that a value does not have.
    typed = {name: each for name, each in value.items() if each is not None}
    if len(typed) != 1:
        if not typed:
            return None
        raise InputError("must name one type", field=at)
    ((kind, inner),) = typed.items()
    if kind not in _TYPES:
        raise InputError(f"unknown type {shown(kind)}", field=at)
    return _TYPES[kind](inner, at, depth + 1)


def _array(value: Any, at: str, depth: int) -> list[Any]:
    return [_value(each, f"{at}[{i}]", depth) for i, each in enumerate(_values(value, at))]


def _object(value: Any, at: str, depth: int) -> dict[str, Any]:
    return _pairs(_values(value, at), at, depth)


def _values(value: Any, at: str) -> list[Any]:
    values = value.get("values") if isinstance(value, dict) else None
    if values is not None and not isinstance(values, list):
        raise InputError("must be an array", field=at)
    return values or []


def _whole(value: Any, at: str, _depth: int) -> int:
    """Return a whole number, which is a text in OTLP's JSON."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise InputError("must be a whole number", field=at) from None


def _same(value: Any, _at: str, _depth: int) -> Any:
    return value


_TYPES: dict[str, Callable[[Any, str, int], Any]] = {
    "stringValue": _same,
    "boolValue": _same,
    "doubleValue": _same,
    "bytesValue": _same,
    "intValue": _whole,
    "arrayValue": _array,
    "kvlistValue": _object,
}
