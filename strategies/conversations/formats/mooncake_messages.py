"""Mooncake traces with messages, as AIPerf takes them: a request per record."""

from __future__ import annotations

from typing import Any

from strategies.conversations.conversation import Conversation
from strategies.conversations.fields import Reader
from strategies.conversations.format import (
    BrokenExample,
    Example,
    Format,
    is_anthropic,
    is_metadata,
    is_mooncake,
    messages_field,
)
from strategies.conversations.known_fields import RECORD, Known
from strategies.conversations.messages import read_message
from strategies.conversations.records import Record
from strategies.conversations.whole import NAMES, named, read_whole
from strategies.errors import InputError

_KNOWN = Known(RECORD.refused, RECORD.harmless | {"hash_ids"})


def _matches(record: dict[str, Any]) -> bool:
    if messages_field(record) != "messages" or is_metadata(record):
        return False
    return is_mooncake(record) and not is_anthropic(record)


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    ((line, record),) = records
    extra = record.get("extra")
    if not isinstance(extra, (dict, type(None))):
        raise InputError("must be an object", field="extra")
    # It becomes a part of the body of the request.
    reader.check(extra or {}, frozenset(), RECORD, "extra")
    fields = {"messages": record.get("messages"), "tools": record.get("tools")}
    session = record.get("session_id")
    if reader.options.records == "request" and session is not None:
        fields["conversation_id"] = session
    fields |= named(record, session)
    return read_whole(Record(line, fields), "messages", number, reader, read_message, request=True)


_USER = {"role": "user", "content": "What is 1 + 1?"}
_ANSWER = {"role": "assistant", "content": "2"}
_TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}

FORMAT = Format(
    "mooncake messages",
    "one request per record with messages and output_length",
    _matches,
    frozenset({"messages", "tools", "session_id", "extra"}) | NAMES,
    _read,
    known=_KNOWN,
    shows=frozenset({"output_length", "hash_ids", "input_length"}),
    examples=(
        Example(
            "two requests of a session, and one with tools",
            (
                {"messages": [_USER], "output_length": 4, "timestamp": 0, "session_id": "s"},
                {
                    "messages": [_USER, _ANSWER, _USER],
                    "output_length": 4,
                    "delay": 10,
                    "session_id": "s",
                },
                {"messages": [_USER], "output_length": 4, "tools": [_TOOL]},
            ),
            (
                Conversation("s", (_USER,), None, (1,)),
                Conversation("s", (_USER, _ANSWER, _USER), None, (3,)),
                Conversation("conversation-3", (_USER,), (_TOOL,), (1,)),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "no role",
            ({"messages": [{"content": "x"}], "output_length": 4},),
            line=1,
            field="messages[0].role",
            reason="is missing",
        ),
    ),
)
