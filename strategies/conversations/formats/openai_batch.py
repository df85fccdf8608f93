"""Input files of OpenAI's batch interface: one request per record, its body in ``body``."""

from __future__ import annotations

from typing import Any

from strategies.conversations.bodies import holds_body, read_body_in
from strategies.conversations.conversation import Conversation
from strategies.conversations.fields import Reader
from strategies.conversations.format import BrokenExample, Example, Format
from strategies.conversations.known_fields import RECORD
from strategies.conversations.messages import brief
from strategies.conversations.records import Record
from strategies.conversations.whole import NAMES, named
from strategies.errors import InputError

_CHAT = "/v1/chat/completions"


def _matches(record: dict[str, Any]) -> bool:
    return "custom_id" in record and "url" in record and holds_body(record, "body")


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    (record,) = records
    url = record.value.get("url")
    if not isinstance(url, str) or not url.endswith(_CHAT.removeprefix("/v1")):
        raise InputError(
            f"must be {_CHAT}, got {brief(url)}: other requests are no chat", field="url"
        )
    names = named(record.value, record.value.get("custom_id"))
    return read_body_in(record, "body", names, number, reader)


_USER = {"role": "user", "content": "What is 1 + 1?"}
_ANSWER = {"role": "assistant", "content": "2"}
_BODY = {"model": "m", "messages": [_USER], "max_tokens": 8}
_LINE = {"custom_id": "r1", "method": "POST", "url": _CHAT, "body": _BODY}

FORMAT = Format(
    "OpenAI batch",
    "one request per record with custom_id, url and body",
    _matches,
    frozenset({"custom_id", "url", "body"}) | NAMES,
    _read,
    known=RECORD,
    examples=(
        Example(
            "two requests",
            (
                _LINE,
                {
                    **_LINE,
                    "custom_id": "r2",
                    "body": {**_BODY, "messages": [_USER, _ANSWER, _USER]},
                },
            ),
            (
                Conversation("r1", (_USER,), None, (1,)),
                Conversation("r2", (_USER, _ANSWER, _USER), None, (3,)),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "no role",
            (_LINE, {**_LINE, "body": {**_BODY, "messages": [{"content": "x"}]}}),
            line=2,
            field="body.messages[0].role",
            reason="is missing",
        ),
        BrokenExample(
            "a field that nobody knows",
            ({**_LINE, "body": {**_BODY, "mood": "sad"}},),
            line=1,
            field="body.mood",
            reason="is not known",
        ),
        BrokenExample(
            "another interface",
            ({**_LINE, "url": "/v1/embeddings"},),
            line=1,
            field="url",
            reason="must be /v1/chat/completions",
        ),
    ),
)
