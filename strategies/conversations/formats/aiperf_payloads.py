"""AIPerf's ready-made request bodies: one in ``payload``, or those of sessions in ``payloads``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from strategies.conversations.bodies import read_body_in
from strategies.conversations.conversation import Conversation
from strategies.conversations.fields import Reader
from strategies.conversations.format import (
    BrokenExample,
    Example,
    Format,
    each_of,
    stands_alone,
    with_beside,
)
from strategies.conversations.known_fields import RECORD
from strategies.conversations.records import Record
from strategies.conversations.whole import NAMES, named, record_name
from strategies.errors import InputError

_FIELDS = frozenset({"payload", "payloads", "data", "session_id", "extra"}) | NAMES


def _matches(record: dict[str, Any]) -> bool:
    if not stands_alone(record):
        return False
    payload, payloads, data = record.get("payload"), record.get("payloads"), record.get("data")
    if isinstance(payload, dict):
        return "messages" in payload or "prompt" in payload
    if isinstance(payloads, list):
        return True
    return isinstance(data, list) and any(isinstance(e, dict) and "payloads" in e for e in data[:1])


def _sessions(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the sessions of a record, which may hold all of a file."""
    data = record.get("data")
    if not isinstance(data, list):
        yield record
        return
    for i, session in enumerate(data):
        if not isinstance(session, dict) or "data" in session:
            # It is refused when it is read.
            yield {"data": i}
        else:
            yield with_beside(session, record, "data")


def _requests(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for session in _sessions(record):
        yield from _payloads(session)


def _payloads(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a record for each request of a session, with its place, which is no text."""
    payloads = record.get("payloads")
    if not isinstance(payloads, list) or not payloads:
        yield record
        return
    for i, payload in enumerate(payloads):
        yield with_beside({"payloads": {i: payload}}, record, "payloads")


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    ((line, record),) = records
    if "data" in record:
        place = record["data"]
        at = f"data[{place}]" if isinstance(place, int) else "data"
        raise InputError("must hold objects with payloads", field=at)
    extra = record.get("extra")
    if not isinstance(extra, (dict, type(None))):
        raise InputError("must be an object", field="extra")
    # It becomes a part of the body of the request.
    reader.check(extra or {}, frozenset(), RECORD, "extra")
    session = record_name(record, ("session_id",))
    names = {**_names(session, None, reader), **named(record)}
    if "payloads" not in record:
        return read_body_in(Record(line, record), "payload", names, number, reader)
    found = record["payloads"]
    if not (isinstance(found, dict) and found) or not all(isinstance(k, int) for k in found):
        raise InputError("must be a non-empty array", field="payloads")
    ((place, payload),) = found.items()
    body = Record(line, {f"payloads[{place}]": payload})
    names = {**_names(session, place, reader), **named(record)}
    return read_body_in(body, f"payloads[{place}]", names, number, reader)


def _names(session: str | None, place: int | None, reader: Reader) -> dict[str, Any]:
    """Return the names of a request: that of its session, and its own."""
    if session is None:
        return {}
    own = session if place is None else f"{session}-{place + 1}"
    if reader.options.records == "request":
        return {"conversation_id": session, "request_id": own}
    return {"id": own}


_USER = {"role": "user", "content": "What is 1 + 1?"}
_ANSWER = {"role": "assistant", "content": "2"}
_BODY = {"model": "m", "messages": [_USER]}
_LATER = {"model": "m", "messages": [_USER, _ANSWER, _USER]}

FORMAT = Format(
    "AIPerf payloads",
    "request bodies in payload, or of a session in payloads",
    _matches,
    _FIELDS,
    _read,
    groups=each_of(_requests),
    examples=(
        Example(
            "a body per record",
            (
                {"payload": _BODY, "timestamp": 1000},
                {"payload": _LATER, "output_length": 4, "session_id": "s"},
            ),
            (
                Conversation("conversation-1", (_USER,), None, (1,)),
                Conversation("s", (_USER, _ANSWER, _USER), None, (3,)),
            ),
        ),
        Example(
            "sessions in one document",
            ({"data": [{"session_id": "s", "payloads": [_BODY, _LATER]}]},),
            (
                Conversation("s-1", (_USER,), None, (1,)),
                Conversation("s-2", (_USER, _ANSWER, _USER), None, (3,)),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "no role",
            ({"payload": _BODY}, {"payload": {**_BODY, "messages": [{"content": "x"}]}}),
            line=2,
            field="payload.messages[0].role",
            reason="is missing",
        ),
        BrokenExample(
            "a completion",
            ({"payload": _BODY}, {"payload": {"prompt": "What is 1 + 1?"}}),
            line=2,
            field="payload.prompt",
            reason="may be a part of the prompt",
        ),
    ),
)
