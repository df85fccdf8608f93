"""Turn dataclasses into JSON values and back. Values from a file are checked by type."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from strategies import InputError

_SCALARS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


def encode(value: Any) -> Any:
    """Return a value as JSON: dataclasses become objects, tuples become arrays."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: encode(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [encode(each) for each in value]
    return value


def decode(kind: Any, value: Any, field: str) -> Any:
    """Return the value of a type that a JSON value stands for.

    If an object has members that the dataclass does not know, they are left out.

    Parameters
    ----------
    kind
        A dataclass, ``tuple[X, ...]``, ``Mapping[str, X]``, ``X | None``, ``Literal``, ``Any``
        or a scalar.
    value
        From a JSON file.
    field
        Where in the file it is, such as ``results[3].speedup``.

    Raises
    ------
    InputError
        If it is not of that type; the error names the field.
    """
    if isinstance(kind, type) and is_dataclass(kind):
        known = {
            each.name: member(value, each.name, _hints(kind)[each.name], field)
            for each in fields(kind)
            if each.name in _object(value, field) or not each.metadata.get("later")
        }
        return kind(**known)
    inner = get_args(kind)
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        (kind,) = (each for each in inner if each is not NoneType)
        return None if value is None else decode(kind, value, field)
    if origin is Literal:
        if not isinstance(value, str) or value not in inner:
            raise InputError(f"must be one of {', '.join(inner)}", field=field)
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise InputError("must be an array", field=field)
        return tuple(decode(inner[0], each, f"{field}[{i}]") for i, each in enumerate(value))
    if origin is not None:
        return {key: member(value, key, inner[1], field) for key in _object(value, field)}
    return _any(value, field) if kind is Any else _scalar(kind, value, field)


def member(document: Any, key: str, kind: Any, field: str = "") -> Any:
    """Return a member of a JSON object, decoded.

    Parameters
    ----------
    document
        The object.
    key
        Name of the member, which must be there.
    kind
        Its type, as `decode` takes it.
    field
        Where in the file the object is; empty for the whole file.
    """
    place = f"{field}.{key}" if field else key
    if key not in _object(document, field):
        raise InputError("is missing", field=place)
    return decode(kind, document[key], place)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _object(value: Any, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError("must be an object", field=field or None)
    return value


def _scalar(kind: type, value: Any, field: str) -> Any:
    # A whole number is a number too. It stays whole, so that it is written as it was read.
    fits = isinstance(value, (int, float) if kind is float else kind)
    # In Python true is a number too.
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"must be {_SCALARS[kind]}", field=field)
    if kind in {int, float} and not _finite(value):
        raise InputError("must be a finite number", field=field)
    return value


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        # A whole number with hundreds of digits.
        return False


def _any(value: Any, field: str) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        raise InputError("must hold finite numbers only", field=field) from None
    return value
