"""OpenAI chat records: one conversation per record, as messages."""

from __future__ import annotations

import json
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
    is_mooncake,
    is_request,
    messages_field,
)
from strategies.conversations.messages import read_message
from strategies.conversations.records import Record
from strategies.conversations.whole import WHOLE_FIELDS, read_whole


def _matches(record: dict[str, Any]) -> bool:
    if messages_field(record) != "messages" or is_metadata(record):
        return False
    return not (is_request(record) or is_anthropic(record) or is_mooncake(record))


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    (record,) = records
    check_copies(record.value, "messages", reader)
    return read_whole(record, "messages", number, reader, read_message)


_USER = {"role": "user", "content": "What is 1 + 1?"}
_ANSWER = {"role": "assistant", "content": "2"}
_TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


def _call(arguments: object) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": "add", "arguments": arguments}}


FORMAT = Format(
    "OpenAI chat",
    "one conversation per record with messages",
    _matches,
    WHOLE_FIELDS | {"messages", "conversations", "conversation", "prompt"},
    _read,
    shows=REQUEST_FIELDS,
    examples=(
        Example(
            "two questions and an answer",
            (
                {
                    "id": "sums",
                    "messages": [
                        {"role": "system", "content": "Be brief."},
                        _USER,
                        {"role": "assistant", "content": "2"},
                        {"role": "user", "content": "And 2 + 2?"},
                    ],
                },
                {"messages": [_USER]},
            ),
            (
                Conversation(
                    "sums",
                    (
                        {"role": "system", "content": "Be brief."},
                        _USER,
                        {"role": "assistant", "content": "2"},
                        {"role": "user", "content": "And 2 + 2?"},
                    ),
                    None,
                    (2, 4),
                ),
                Conversation("conversation-2", (_USER,), None, (1,)),
            ),
        ),
        Example(
            "a tool is called",
            (
                {
                    "id": 7,
                    "tools": [_TOOL],
                    "messages": [
                        {"role": "system", "content": "Be brief."},
                        _USER,
                        {"role": "assistant", "tool_calls": [_call('{"a": 1, "b": 1}')]},
                        {"role": "tool", "tool_call_id": "c1", "content": "2"},
                        {"role": "assistant", "content": "It is 2."},
                    ],
                },
            ),
            (
                Conversation(
                    "7",
                    (
                        {"role": "system", "content": "Be brief."},
                        _USER,
                        {"role": "assistant", "tool_calls": [_call({"a": 1, "b": 1})]},
                        {"role": "tool", "tool_call_id": "c1", "content": "2"},
                        {"role": "assistant", "content": "It is 2."},
                    ),
                    (_TOOL,),
                    (2, 4),
                ),
            ),
        ),
        Example(
            "traces of SWE-smith: messages and tools as JSON texts",
            (
                {
                    "messages": json.dumps([_USER, _ANSWER, _USER]),
                    "tools": json.dumps([_TOOL]),
                    "instance_id": "i1",
                    "resolved": True,
                    "model": "m",
                    "traj_id": "t1",
                    "patch": "",
                },
            ),
            (Conversation("conversation-1", (_USER, _ANSWER, _USER), (_TOOL,), (1, 3)),),
        ),
        Example(
            "an answer is continued, with kwargs of its own",
            (
                {
                    "messages": [_USER, {**_ANSWER, "prefix": True}],
                    "chat_template_kwargs": {"enable_thinking": False},
                    "temperature": 0.5,
                },
            ),
            (
                Conversation(
                    "conversation-1",
                    (_USER, _ANSWER),
                    None,
                    (2,),
                    template_kwargs={"enable_thinking": False},
                    continued=frozenset({2}),
                ),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "no role",
            ({"messages": [_USER]}, {"messages": [_USER, {"content": "2"}]}),
            line=2,
            field="messages[1].role",
            reason="is missing",
        ),
        BrokenExample(
            "a field that nobody knows",
            ({"messages": [_USER]}, {"messages": [_USER], "mood": "sad"}),
            line=2,
            field="mood",
            reason="is not known",
        ),
        BrokenExample(
            "no messages",
            ({"messages": []},),
            line=1,
            field="messages",
            reason="must be a non-empty array",
        ),
    ),
)
