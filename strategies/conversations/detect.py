"""Find the format of a dataset by its first record."""

from __future__ import annotations

import json
import pkgutil
import shlex
from collections.abc import Collection
from functools import cache
from importlib import import_module
from typing import Any

from strategies.conversations import formats as folder
from strategies.conversations.format import Format
from strategies.conversations.json_text import shown
from strategies.conversations.known_fields import MESSAGE, RECORD, ROW
from strategies.conversations.located import located, root_of
from strategies.conversations.options import ReadOptions
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


def form_of(record: dict[str, Any], options: ReadOptions) -> Format:
    """Return the format of a dataset whose first record this is.

    Parameters
    ----------
    record
        The record.
    options
        May name the format, and where the messages are.

    Raises
    ------
    InputError
        As `form_named` and `detect` do; and if the record has no such field.
    """
    if options.format is not None:
        return form_named(options.format)
    if options.messages_field is not None:
        record = located(record, options.messages_field)
    return detect(record)


def form_named(name: str) -> Format:
    """Return the format of a name; upper case, and dashes for spaces, do not matter.

    Raises
    ------
    InputError
        If there is none.
    """
    for form in formats():
        if short_name(form.name) == short_name(name):
            return form
    known = ", ".join(short_name(form.name) for form in formats())
    raise InputError(f"no format is called {name!r}; there are {known}", field="format")


def short_name(name: str) -> str:
    """Return the name of a format as a command line takes it."""
    return name.lower().replace(" ", "-")


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
        raise InputError(
            f"looks like several formats, {names} (fields: {keys}); --format says which"
        )
    refuse_without_text(record)
    holder = next((name for name, value in record.items() if _holds_records(value)), None)
    if holder is not None:
        path = f".{holder}[]" if holder.isidentifier() else f".[{json.dumps(holder)}][]"
        raise InputError(
            f"unknown format (fields: {keys}): its list {shown(holder)} holds records; write them "
            f"one a line first, as jq -c {shown(shlex.quote(path))} does"
        )
    known = ", ".join(form.name for form in formats())
    raise InputError(f"unknown format (fields: {keys}); known are {known}{_ADVICE}")


def _holds_records(value: object) -> bool:
    """Whether a value is a list of records, as far as its first item shows that."""
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return False
    return sum(form.matches(value[0]) for form in formats()) == 1


def form_of_rows(names: Collection[str]) -> str | None:
    """Return the name of the format that all rows of a table have, whatever else they hold.

    None if each row may show another one: then each has to be asked with `form_of`. What a format
    of Anthropic's shows inside of messages and tools is not known here; see `ANTHROPIC`.

    Parameters
    ----------
    names
        The columns of the table. Rows have a value, or null, in each of them.
    """
    holders = [name for name in names if name in _HOLDERS]
    if len(holders) != 1 or not _deciding().isdisjoint(names):
        return None
    return _FORMS_OF_HOLDERS.get(holders[0])


ANTHROPIC = b"input_schema"
"""JSON of a record whose messages have no parts is none of Anthropic's if it has not this word."""


@cache
def _deciding() -> frozenset[str]:
    """Return the fields by which formats are known beside the one that holds messages."""
    shown_by = frozenset[str]().union(*(form.shows for form in formats()))
    # A model alone shows nothing.
    return (shown_by - {"model"}) | {"_type", "thinking", "body"}


_FORMS_OF_HOLDERS = {
    "messages": "OpenAI chat",
    "conversations": "ShareGPT",
    "conversation": "WildChat",
}

_ADVICE = "; --messages-field names the field with the messages, --format a format"


@cache
def needs(messages_field: str | None = None) -> Needs:
    """Return what the formats together need of a container.

    Parameters
    ----------
    messages_field
        As in `ReadOptions`.
    """
    holders = frozenset() if messages_field is None else root_of(messages_field)
    read = frozenset({"_type"}).union(holders, *(form.fields | form.shows for form in formats()))
    return Needs(
        skipped=RECORD.harmless - read,
        read=read | RECORD.refused.keys() | ROW.refused.keys(),
        skipped_in_messages=MESSAGE.harmless,
        messages=_HOLDERS | ({messages_field} if messages_field else frozenset()),
    )


_HOLDERS = frozenset({"messages", "conversations", "conversation", "prompt", "completion"})
"""Fields of records that hold messages."""
