"""ShareGPT records: one conversation per record, as items with ``from`` and ``value``."""

from __future__ import annotations

import json
from typing import Any

from strategies.conversations.conversation import Conversation, Message, check_plain
from strategies.conversations.fields import Reader, string_of
from strategies.conversations.format import (
    BrokenExample,
    Example,
    Format,
    holds_lists_of_turns,
    is_metadata,
    messages_field,
)
from strategies.conversations.json_text import parse_json
from strategies.conversations.known_fields import MESSAGE
from strategies.conversations.messages import CONTINUES, brief, read_message
from strategies.conversations.records import Record
from strategies.conversations.whole import WHOLE_FIELDS, read_whole
from strategies.errors import InputError, one_line

ROLE_NAMES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "assistant": "assistant",
    "function_call": "function_call",
    "observation": "tool",
    "tool": "tool",
}
BESIDES_TEXT = (
    *("name", "tool_calls", "tool_call_id"),
    *("reasoning_content", "reasoning", "thinking"),
)
"""Fields of a ShareGPT message, beside its text, that may show in a prompt."""

_ITEM_FIELDS = frozenset({"from", "value", *BESIDES_TEXT, *CONTINUES})


def _matches(record: dict[str, Any]) -> bool:
    # A record may hold the same conversation both ways; then its messages are read.
    if messages_field(record) != "conversations" or is_metadata(record):
        return False
    return not holds_lists_of_turns(record)


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    (record,) = records
    return read_whole(record, "conversations", number, reader, _item_message)


def _item_message(item: Any, field: str, reader: Reader) -> Message:
    if not isinstance(item, dict):
        raise InputError("must be an object", field=field)
    if "from" not in item:
        if "role" in item:
            return read_message(item, field, reader)
        raise InputError("is missing", field=f"{field}.from")
    role = ROLE_NAMES.get(item["from"]) if isinstance(item["from"], str) else None
    if role is None:
        raise InputError(
            f"unknown role {brief(item['from'])}; known are {', '.join(ROLE_NAMES)}",
            field=f"{field}.from",
        )
    kept = reader.needed(item, _ITEM_FIELDS, MESSAGE, field)
    value = string_of(kept, "value", field)
    # Checked here, so that errors name the place as it is in the file.
    check_plain(value, f"{field}.value")
    besides = {key: kept[key] for key in BESIDES_TEXT if kept.get(key) is not None}
    check_plain(besides, field)
    if role != "function_call":
        return read_message({"role": role, "content": value, **besides}, field, reader)
    if besides.get("tool_calls"):
        raise InputError(
            "a function_call's value already is the calls; drop tool_calls",
            field=f"{field}.tool_calls",
        )
    try:
        calls = parse_json(value)
    except ValueError as error:
        raise InputError(f"not JSON: {one_line(error)}", field=f"{field}.value") from None
    check_plain(calls, f"{field}.value")
    calls = calls if isinstance(calls, list) else [calls]
    wrapped = [{"type": "function", "function": call} for call in calls]
    return read_message({"role": "assistant", **besides, "tool_calls": wrapped}, field, reader)


_HUMAN = {"from": "human", "value": "What is 1 + 1?"}
_USER = {"role": "user", "content": "What is 1 + 1?"}
_TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}

FORMAT = Format(
    "ShareGPT",
    "one conversation per record with conversations of from and value",
    _matches,
    WHOLE_FIELDS | {"conversations"},
    _read,
    examples=(
        Example(
            "two questions and an answer",
            (
                {
                    "id": "sums",
                    "system": "Be brief.",
                    "conversations": [
                        _HUMAN,
                        {"from": "gpt", "value": "2"},
                        {"from": "human", "value": "And 2 + 2?"},
                    ],
                },
                {"conversations": [_HUMAN]},
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
                    "system": "Be brief.",
                    "tools": json.dumps([_TOOL]),
                    "conversations": [
                        _HUMAN,
                        {
                            "from": "function_call",
                            "value": '{"name": "add", "arguments": {"a": 1, "b": 1}}',
                        },
                        {"from": "observation", "value": "2"},
                        {"from": "gpt", "value": "It is 2."},
                        {"from": "user", "value": "Thanks!"},
                    ],
                },
            ),
            (
                Conversation(
                    "conversation-1",
                    (
                        {"role": "system", "content": "Be brief."},
                        _USER,
                        {
                            "role": "assistant",
                            "tool_calls": [
                                {
                                    "type": "function",
                                    "function": {"name": "add", "arguments": {"a": 1, "b": 1}},
                                }
                            ],
                        },
                        {"role": "tool", "content": "2"},
                        {"role": "assistant", "content": "It is 2."},
                        {"role": "user", "content": "Thanks!"},
                    ),
                    (_TOOL,),
                    (2, 4, 6),
                ),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "a role that nobody has",
            (
                {"conversations": [_HUMAN]},
                {"conversations": [_HUMAN, {"from": "narrator", "value": "2"}]},
            ),
            line=2,
            field="conversations[1].from",
            reason="unknown role 'narrator'",
        ),
        BrokenExample(
            "no items",
            ({"conversations": []},),
            line=1,
            field="conversations",
            reason="must be a non-empty array",
        ),
    ),
)
