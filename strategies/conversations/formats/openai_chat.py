"""OpenAI chat records: one conversation per record, as messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from strategies.conversations.conversation import Conversation, ToolArguments, client_turns
from strategies.conversations.fields import refuse_in_record
from strategies.conversations.format import BrokenExample, Example, Format, is_metadata
from strategies.conversations.messages import (
    make_conversation,
    read_array,
    read_message,
    read_offered,
    read_system,
    record_name,
)
from strategies.conversations.reading import Record
from strategies.errors import placed


def _matches(record: dict[str, Any]) -> bool:
    return "messages" in record and not is_metadata(record)


def _read(records: Iterable[Record], mode: ToolArguments) -> Iterator[Conversation]:
    for number, (line, record) in enumerate(records, 1):
        refuse_in_record(record, line)
        raw = read_array(record, "messages", line)
        with placed(line=line):
            messages = [read_message(m, f"messages[{i}]", mode) for i, m in enumerate(raw)]
        read_system(record, messages, line)
        tools = read_offered(record, line)
        yield make_conversation(
            record_name(record, number, line), messages, tools, client_turns(messages), line, mode
        )


_USER = {"role": "user", "content": "What is 1 + 1?"}
_TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


def _call(arguments: object) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": "add", "arguments": arguments}}


FORMAT = Format(
    "OpenAI chat",
    "one conversation per record with messages",
    _matches,
    _read,
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
            "no messages",
            ({"messages": []},),
            line=1,
            field="messages",
            reason="must be a non-empty array",
        ),
    ),
)
