"""Mooncake traces with a text in each record, as AIPerf takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from strategies.conversations.conversation import Conversation, Message, check_plain
from strategies.conversations.fields import Reader
from strategies.conversations.format import (
    BrokenExample,
    Example,
    Format,
    Group,
    stands_alone,
    torn,
    unread,
)
from strategies.conversations.known_fields import RECORD, Known
from strategies.conversations.live import live_turns
from strategies.conversations.records import Record, Unread
from strategies.conversations.textless import refuse_without_text
from strategies.conversations.whole import NAMES, conversation_of, named
from strategies.errors import InputError, placed

_KNOWN = Known(RECORD.refused, RECORD.harmless | {"hash_ids"})


def _matches(record: dict[str, Any]) -> bool:
    return stands_alone(record) and isinstance(record.get("text_input"), str)


def _groups(items: Iterable[Record | Unread], _finished: set[str]) -> Iterator[Group]:
    """Yield the requests of each session together, wherever they are in the file."""
    sessions: dict[str, list[Record]] = {}
    lost: InputError | None = None
    for item in items:
        if isinstance(item, Unread):
            yield unread(item)
            lost = lost or item.error
            continue
        name = item.value.get("session_id")
        if isinstance(name, str):
            sessions.setdefault(name, []).append(item)
        else:
            yield Group((item,))
    for name, records in sessions.items():
        yield Group(tuple(records), torn(lost, name), name)


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    parts: list[list[Message]] = []
    for line, record in records:
        with placed(line=line):
            parts.append([_message(record, reader)])
    messages, turns = live_turns(parts, reader)
    first = records[0].value
    fields = named(first, first.get("session_id"))
    return conversation_of(Record(records[0].line, fields), messages, number, reader, turns=turns)


def _message(record: dict[str, Any], reader: Reader) -> Message:
    text = record.get("text_input")
    if text is None:
        refuse_without_text(record)
        raise InputError("is missing", field="text_input")
    if not isinstance(text, str):
        raise InputError("must be a string", field="text_input")
    check_plain(text, "text_input")
    extra = record.get("extra")
    if not isinstance(extra, (dict, type(None))):
        raise InputError("must be an object", field="extra")
    # It becomes a part of the body of the request.
    reader.check(extra or {}, frozenset(), RECORD, "extra")
    return {"role": "user", "content": text}


_USER = {"role": "user", "content": "What is 1 + 1?"}
_ASKED = {"text_input": "What is 1 + 1?", "output_length": 8}

FORMAT = Format(
    "mooncake text",
    "one request per record with text_input",
    _matches,
    frozenset({"text_input", "session_id", "extra", "input_length", "hash_ids"}) | NAMES,
    _read,
    known=_KNOWN,
    groups=_groups,
    whole=False,
    examples=(
        Example(
            "single requests",
            ({**_ASKED, "timestamp": 1000}, {**_ASKED, "timestamp": 2000}),
            (
                Conversation("conversation-1", (_USER,), None, (1,)),
                Conversation("conversation-2", (_USER,), None, (1,)),
            ),
        ),
        Example(
            "a session",
            (
                {**_ASKED, "session_id": "s"},
                {**_ASKED, "session_id": "t"},
                {**_ASKED, "session_id": "s", "delay": 10},
            ),
            (
                Conversation("s", (_USER, _USER), None, (1, 2)),
                Conversation("t", (_USER,), None, (1,)),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "a record without text",
            (_ASKED, {"timestamp": 0, "input_length": 655, "output_length": 52, "hash_ids": [46]}),
            line=2,
            field="hash_ids",
            reason="this trace has no text, only hash ids and lengths",
        ),
    ),
)
