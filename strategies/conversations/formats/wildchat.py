"""WildChat and LMSYS-Chat-1M: one conversation per record, in the field ``conversation``."""

from __future__ import annotations

from typing import Any

from strategies.conversations.conversation import Conversation
from strategies.conversations.copies import check_copies
from strategies.conversations.fields import Reader
from strategies.conversations.format import (
    BrokenExample,
    Example,
    Format,
    is_metadata,
    messages_field,
)
from strategies.conversations.messages import read_message
from strategies.conversations.records import Record
from strategies.conversations.whole import WHOLE_FIELDS, read_whole


def _matches(record: dict[str, Any]) -> bool:
    return messages_field(record) == "conversation" and not is_metadata(record)


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    (record,) = records
    check_copies(record.value, "conversation", reader)
    return read_whole(record, "conversation", number, reader, read_message)


_USER = {"role": "user", "content": "What is 1 + 1?"}
_ANSWER = {"role": "assistant", "content": "2"}
_ASKED = {**_USER, "language": "English", "redacted": False, "toxic": False, "turn_identifier": 1}
_ANSWERED = {**_ASKED, **_ANSWER}

FORMAT = Format(
    "WildChat",
    "one conversation per record with conversation",
    _matches,
    WHOLE_FIELDS | {"messages", "conversations", "conversation", "prompt"},
    _read,
    examples=(
        Example(
            "WildChat: messages with a language of their own",
            (
                {
                    "conversation_hash": "5a1e",
                    "model": "m",
                    "timestamp": "2023-04-10T00:01:08",
                    "conversation": [_ASKED, _ANSWERED, _ASKED, _ANSWERED],
                    "turn": 2,
                    "language": "English",
                    "openai_moderation": [{"flagged": False}],
                    "toxic": False,
                    "redacted": False,
                    "hashed_ip": "1f",
                },
            ),
            (Conversation("conversation-1", (_USER, _ANSWER, _USER, _ANSWER), None, (1, 3)),),
        ),
        Example(
            "LMSYS-Chat-1M",
            (
                {
                    "conversation_id": "c1",
                    "model": "m",
                    "conversation": [_USER, _ANSWER],
                    "turn": 1,
                    "language": "English",
                },
            ),
            (Conversation("c1", (_USER, _ANSWER), None, (1,)),),
        ),
    ),
    broken=(
        BrokenExample(
            "no role",
            ({"conversation": [_USER]}, {"conversation": [_USER, {"content": "2"}]}),
            line=2,
            field="conversation[1].role",
            reason="is missing",
        ),
    ),
)
