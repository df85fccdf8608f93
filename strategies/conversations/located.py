"""Messages that a record holds under another name, such as ``history`` or ``info.messages``."""

from __future__ import annotations

from typing import Any

from strategies.conversations.fields import Reader
from strategies.conversations.json_text import Doubled
from strategies.conversations.known_fields import RECORD
from strategies.errors import InputError

HOLDERS = ("messages", "conversations")
"""Where formats look for messages with ``role``, and for items with ``from`` and ``value``."""


def located(record: dict[str, Any], path: str, reader: Reader | None = None) -> dict[str, Any]:
    """Return a record whose messages are where formats look for them.

    Parameters
    ----------
    record
        As the dataset has it.
    path
        Name of the field that holds the messages; after a dot, that of a field in it. A name may
        have dots itself.
    reader
        Notes what is left out: other messages of the record. Also, the fields beside the messages
        are checked as those of a record; None to check nothing.

    Raises
    ------
    InputError
        If the record has no such field, or what is beside it can change the prompt.
    """
    way = _way(record, path)
    if way is None:
        raise InputError("is missing", field=path)
    root, *inner = way
    value, place = record[root], root
    for key in inner:
        beside = {**value}
        value = beside.pop(key)
        if reader is not None:
            reader.check(beside, frozenset(), RECORD, place)
        place = f"{place}.{key}"
    others = {name: each for name, each in record.items() if name != root}
    items = isinstance(value, list) and value and isinstance(value[0], dict)
    holder = HOLDERS[1] if items and "from" in value[0] and "role" not in value[0] else HOLDERS[0]
    for name in HOLDERS:
        if others.pop(name, None) and reader is not None:
            reader.leave_out(name)
    found = {holder: value, **others}
    if not isinstance(record, Doubled):
        return found
    if root in record.doubled:
        raise InputError("appears twice in one object", field=root)
    again = Doubled(list(found.items()))
    again.doubled = record.doubled
    return again


def root_of(path: str) -> frozenset[str]:
    """Return the names of all fields of a record in which a path may begin."""
    parts = path.split(".")
    return frozenset(".".join(parts[: end + 1]) for end in range(len(parts)))


def renamed(field: str | None, path: str) -> str | None:
    """Return the place of an error as the dataset has it.

    Parameters
    ----------
    field
        Its place in a record that `located` has made.
    path
        As for `located`.
    """
    for holder in HOLDERS:
        if field is not None and (field == holder or field.startswith(f"{holder}[")):
            return f"{path}{field.removeprefix(holder)}"
    return field


def _way(holder: Any, path: str) -> list[str] | None:
    """Return the keys that lead to a place, if it is there; long names are tried first."""
    if not isinstance(holder, dict):
        return None
    if path in holder:
        return [path]
    start = path
    while "." in start:
        start = start.rpartition(".")[0]
        rest = _way(holder.get(start), path[len(start) + 1 :])
        if rest is not None:
            return [start, *rest]
    return None
