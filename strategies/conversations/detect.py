"""Find the format of a dataset by its first record."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

from strategies.conversations import formats as folder
from strategies.conversations.format import Format
from strategies.conversations.json_text import shown
from strategies.conversations.known_fields import MESSAGE, RECORD, ROW
from strategies.conversations.records import Needs
from strategies.conversations.textless import refuse_without_text
from strategies.errors import InputError


@cache
def formats() -> tuple[Format, ...]:
    """Return the formats: those of all modules in the folder `formats`, by module name.

    Raises
    ------
    TypeError
        If a module there has no `FORMAT`.
    """
    found = []
    for module in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}."):
        form = getattr(import_module(module.name), "FORMAT", None)
        if not isinstance(form, Format):
            raise TypeError(f"{module.name} has no FORMAT; each module there defines one Format")
        found.append(form)
    return tuple(found)


def detect(record: dict[str, Any]) -> Format:
    """Return the format whose first record this is.

    Raises
    ------
    InputError
        If it looks like none of them, or like several.
    """
    fitting = [form for form in formats() if form.matches(record)]
    if len(fitting) == 1:
        return fitting[0]
    keys = ", ".join(map(shown, sorted(record)[:8])) or "none"
    if fitting:
        names = " and ".join(form.name for form in fitting)
        raise InputError(f"looks like several formats, {names} (fields: {keys})")
    refuse_without_text(record)
    known = ", ".join(form.name for form in formats())
    raise InputError(f"unknown format (fields: {keys}); known are {known}")


@cache
def needs() -> Needs:
    """Return what the formats together need of a container."""
    read = frozenset({"_type"}).union(*(form.fields | form.shows for form in formats()))
    return Needs(
        skipped=RECORD.harmless - read,
        read=read | RECORD.refused.keys() | ROW.refused.keys(),
        skipped_in_messages=MESSAGE.harmless,
        messages=frozenset({"messages", "conversations", "conversation", "prompt", "completion"}),
    )
