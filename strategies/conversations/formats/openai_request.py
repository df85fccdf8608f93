"""Bodies of requests to servers with OpenAI's chat interface, one per record."""

from __future__ import annotations

from typing import Any

from strategies.conversations.conversation import Conversation
from strategies.conversations.copies import check_copies
from strategies.conversations.fields import Reader
from strategies.conversations.format import (
    REQUEST_FIELDS,
    BrokenExample,
    Example,
    Format,
    is_anthropic,
    is_metadata,
    is_request,
    messages_field,
)
from strategies.conversations.messages import read_message
from strategies.conversations.records import Record
from strategies.conversations.whole import WHOLE_FIELDS, read_whole


def _matches(record: dict[str, Any]) -> bool:
    if messages_field(record) != "messages" or is_metadata(record):
        return False
    return is_request(record) and not is_anthropic(record)


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    (record,) = records
    check_copies(record.value, "messages", reader)
    return read_whole(record, "messages", number, reader, read_message, request=True)


_SYSTEM = {"role": "system", "content": "Be brief."}
_USER = {"role": "user", "content": "What is 1 + 1?"}
_ANSWER = {"role": "assistant", "content": "2"}
_TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
_BODY = {"model": "m", "messages": [_SYSTEM, _USER], "stream": True}

FORMAT = Format(
    "OpenAI request",
    "one request body per record with model and messages",
    _matches,
    WHOLE_FIELDS | {"messages", "conversations", "conversation", "prompt"},
    _read,
    shows=REQUEST_FIELDS,
    examples=(
        Example(
            "with tools, with history, with kwargs",
            (
                {**_BODY, "tools": [_TOOL], "tool_choice": "auto", "max_tokens": 8},
                {**_BODY, "messages": [_USER, _ANSWER, _USER], "temperature": 0},
                {**_BODY, "id": "r3", "chat_template_kwargs": {"enable_thinking": False}},
            ),
            (
                Conversation("conversation-1", (_SYSTEM, _USER), (_TOOL,), (2,)),
                Conversation("conversation-2", (_USER, _ANSWER, _USER), None, (3,)),
                Conversation(
                    "r3", (_SYSTEM, _USER), None, (2,), template_kwargs={"enable_thinking": False}
                ),
            ),
        ),
        Example(
            "an answer is continued",
            (
                {
                    **_BODY,
                    "messages": [_USER, _ANSWER],
                    "continue_final_message": True,
                    "add_generation_prompt": False,
                },
            ),
            (
                Conversation(
                    "conversation-1", (_USER, _ANSWER), None, (2,), continued=frozenset({2})
                ),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "a field that nobody knows",
            (_BODY, {**_BODY, "mood": "sad"}),
            line=2,
            field="mood",
            reason="is not known",
        ),
        BrokenExample(
            "an image",
            (
                {
                    **_BODY,
                    "messages": [
                        {"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}
                    ],
                },
            ),
            line=1,
            field="messages[0].content[0].type",
            reason="a part of type 'image_url' cannot be counted",
        ),
    ),
)
