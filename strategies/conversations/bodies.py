"""Bodies of requests to chat servers, wherever a record has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strategies.conversations.conversation import Conversation
from strategies.conversations.fields import Reader, inside
from strategies.conversations.format import is_metadata
from strategies.conversations.known_fields import RECORD
from strategies.conversations.messages import read_message
from strategies.conversations.records import Record
from strategies.conversations.whole import WHOLE_FIELDS, maybe_json, read_whole
from strategies.errors import InputError

BODY_FIELDS = WHOLE_FIELDS | {"messages"}
"""What is read of the body of a request."""


def read_body(
    body: Mapping[str, Any], names: Mapping[str, Any], line: int, number: int, reader: Reader
) -> Conversation:
    """Return the one turn that the body of a request asks for, as a conversation.

    Parameters
    ----------
    body
        The body.
    names
        The names that its record has for it, such as `id`. Its own are used if there are none.
    line
        The line of its record.
    number
        Place of the record in the file, from 1.
    reader
        How the dataset is read.

    Raises
    ------
    InputError
        With the field of the body that is missing or wrong.
    """
    reader.check(body, BODY_FIELDS, RECORD)
    fields = {name: value for name, value in body.items() if name in BODY_FIELDS}
    named = {name: value for name, value in names.items() if value is not None}
    if "messages" not in fields:
        raise InputError("is missing: only requests with messages can be counted", field="messages")
    record = Record(line, {**fields, **named})
    return read_whole(record, "messages", number, reader, read_message, request=True)


def read_body_in(
    record: Record, field: str, names: Mapping[str, Any], number: int, reader: Reader
) -> Conversation:
    """Return the turn of a body that is in a field of a record, as an object or as JSON.

    Parameters
    ----------
    record
        The record.
    field
        The field that holds the body.
    names, number, reader
        As for `read_body`.

    Raises
    ------
    InputError
        With the field that is missing or wrong.
    """
    body = maybe_json(record.value.get(field), field)
    if not isinstance(body, dict):
        reason = "is missing" if body is None else "must be an object"
        raise InputError(reason, field=field)
    with inside(field):
        return read_body(body, names, record.line, number, reader)


def holds_body(record: Mapping[str, Any], field: str) -> bool:
    """Whether a record has the body of a request in a field."""
    return isinstance(record.get(field), (dict, str)) and not is_metadata(dict(record))
