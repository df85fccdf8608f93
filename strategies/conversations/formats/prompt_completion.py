"""Prompts and completions that are lists of messages, as TRL takes them."""

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
from strategies.conversations.messages import read_message, read_messages
from strategies.conversations.records import Record
from strategies.conversations.whole import WHOLE_FIELDS, conversation_of, read_array
from strategies.errors import InputError


def _matches(record: dict[str, Any]) -> bool:
    return messages_field(record) == "prompt" and not is_metadata(record)


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    ((line, record),) = records
    check_copies(record, "prompt", reader)
    asked, continued = read_messages(read_array(record, "prompt"), "prompt", reader, read_message)
    completion = record.get("completion")
    answer, ends = (
        read_messages(completion, "completion", reader, read_message)
        if isinstance(completion, list)
        else ([], False)
    )
    if continued or asked[-1]["role"] == "assistant":
        # TRL asks the server to go on with such a message, and not for a new one.
        if any(message["role"] != "assistant" for message in answer):
            raise InputError(
                "goes on after an answer that the prompt has begun; move the prompt's last "
                "message into it",
                field="completion",
            )
        continued, answer = True, []
    return conversation_of(
        Record(line, record), [*asked, *answer], number, reader, continued=continued or ends
    )


_USER = {"role": "user", "content": "What is 1 + 1?"}
_ANSWER = {"role": "assistant", "content": "2"}

FORMAT = Format(
    "prompt and completion",
    "one conversation per record with a prompt that is a list of messages",
    _matches,
    WHOLE_FIELDS | {"messages", "conversations", "conversation", "prompt", "completion"},
    _read,
    examples=(
        Example(
            "with and without an answer",
            (
                {"id": "answered", "prompt": [_USER], "completion": [_ANSWER]},
                {"prompt": [_USER, _ANSWER, _USER]},
            ),
            (
                Conversation("answered", (_USER, _ANSWER), None, (1,)),
                Conversation("conversation-2", (_USER, _ANSWER, _USER), None, (1, 3)),
            ),
        ),
        Example(
            "the prompt begins the answer",
            (
                {"prompt": [_USER, _ANSWER], "completion": [_ANSWER]},
                {"prompt": [_USER, _ANSWER]},
            ),
            tuple(
                Conversation(name, (_USER, _ANSWER), None, (2,), continued=frozenset({2}))
                for name in ("conversation-1", "conversation-2")
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "no role in a completion",
            (
                {"prompt": [_USER], "completion": [_ANSWER]},
                {"prompt": [_USER], "completion": [{"content": "2"}]},
            ),
            line=2,
            field="completion[0].role",
            reason="is missing",
        ),
        BrokenExample(
            "an answer that is begun, and then another question",
            ({"prompt": [_USER, _ANSWER], "completion": [_ANSWER, _USER]},),
            line=1,
            field="completion",
            reason="goes on after an answer",
        ),
    ),
)
