"""How a dataset is read: every field is read, harmless by its name, or refused by its name.

A field that is dropped silently makes a plausible wrong count, which is worse than an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any

from strategies.conversations.json_text import Doubled, shown
from strategies.conversations.known_fields import PROMPT_FIELDS, Known
from strategies.conversations.options import ReadOptions
from strategies.errors import InputError


class Reader:
    """How a dataset is read: the options, and the fields that were left out so far.

    Attributes
    ----------
    options : ReadOptions
    left_out : set of str
        Fields of the present record that nobody knows, or that another one stands for. The
        places of messages are not in their names.
    """

    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        self.left_out: set[str] = set()

    def leave_out(self, place: str) -> None:
        """Note that a field is not read, so that users are told."""
        self.left_out.add(_PLACES.sub("[]", place))

    def unclear(self, place: str, what: str) -> None:
        """Refuse what changes prompts in a way that the data do not show; or note it.

        Parameters
        ----------
        place
            Its place in the record.
        what
            What it does, as the beginning of a sentence.

        Raises
        ------
        InputError
            Unless what nobody knows is left out.
        """
        if self.options.unknown_fields == "refuse":
            raise InputError(
                f"{what}; take it out, or leave out what is not known with --unknown-fields ignore",
                field=place,
            )
        self.leave_out(place)

    def needed(
        self, holder: Mapping[str, Any], reads: AbstractSet[str], known: Known, at: str = ""
    ) -> dict[str, Any]:
        """Return the fields of an object that are read, in their order.

        Parameters
        ----------
        holder
            The record, row, message, part or call.
        reads
            The fields that are read.
        known
            The others that are known.
        at
            Its place in the record, for errors.

        Raises
        ------
        InputError
            With the field, if it can change a prompt and is not read, or appears twice. Also if
            nobody knows it, unless such fields are ignored.
        """
        self.check(holder, reads, known, at)
        return {name: value for name, value in holder.items() if name in reads}

    def check(
        self, holder: Mapping[str, Any], reads: AbstractSet[str], known: Known, at: str = ""
    ) -> None:
        """Check the fields of an object, as `needed` does, and return nothing.

        Parameters
        ----------
        holder, reads, known, at
            As for `needed`.

        Raises
        ------
        InputError
            As `needed` does.
        """
        prefix = f"{at}." if at else ""
        for name, value in holder.items():
            if name not in reads and name not in known.harmless:
                self._refuse(name, value, known, f"{prefix}{shown(name)}")
        if isinstance(holder, Doubled):
            for name in sorted(holder.doubled):
                place = f"{prefix}{shown(name)}"
                if name in reads or _can_change(name, known):
                    raise InputError("appears twice in one object", field=place)
                if name not in known.harmless:
                    self._unknown(place)

    def _refuse(self, name: str, value: Any, known: Known, place: str) -> None:
        if _can_change(name, known):
            if value:
                reason = known.refused.get(name, "can change the prompt, and is not read here")
                raise InputError(reason, field=place)
        elif not says_nothing(value):
            self._unknown(place)

    def _unknown(self, place: str) -> None:
        if self.options.unknown_fields == "refuse":
            raise InputError(
                "is not known, and may change the prompt; take it out, or leave out such fields "
                "with --unknown-fields ignore",
                field=place,
            )
        self.leave_out(place)


@contextmanager
def inside(place: str) -> Iterator[None]:
    """Name the place of an object in the errors about its fields that are raised inside."""
    try:
        yield
    except InputError as error:
        field = f"{place}.{error.field}" if error.field else place
        raise InputError(error.reason, file=error.file, line=error.line, field=field) from None


def string_of(item: Mapping[str, Any], name: str, at: str = "") -> str:
    """Return a field that must be there and be a string.

    Parameters
    ----------
    item
        The object that has it.
    name
        The field.
    at
        Place of the object, for errors; empty for a record itself.

    Raises
    ------
    InputError
        With the field, if it is missing or no string.
    """
    value = item.get(name)
    if not isinstance(value, str):
        reason = "is missing" if value is None else "must be a string"
        raise InputError(reason, field=f"{at}.{name}" if at else name)
    return value


def type_of(item: Any, at: str) -> str:
    """Return the type of a part or a block; raises `InputError` if it has none."""
    if not isinstance(item, dict):
        raise InputError("must be an object", field=at)
    return string_of(item, "type", at)


def _can_change(name: str, known: Known) -> bool:
    return name in known.refused or name in PROMPT_FIELDS


_PLACES = re.compile(r"\[\d+\]")


def says_nothing(value: Any) -> bool:
    """Whether a value is null or empty, so that it does not matter who reads it."""
    return value is None or (isinstance(value, (str, list, dict)) and not value)
