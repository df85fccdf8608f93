"""SGLang's agentic traces: conversations as lists of turns, each with its new messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from strategies.conversations.conversation import Conversation
from strategies.conversations.fields import Reader
from strategies.conversations.format import (
    BrokenExample,
    Example,
    Format,
    Group,
    holds_lists_of_turns,
    is_metadata,
    messages_field,
    unread,
    with_beside,
)
from strategies.conversations.known_fields import RECORD
from strategies.conversations.live import live_turns
from strategies.conversations.messages import read_message, read_messages
from strategies.conversations.records import Record, Unread
from strategies.conversations.whole import NAMES, conversation_of, named
from strategies.errors import InputError


def _matches(record: dict[str, Any]) -> bool:
    if messages_field(record) != "conversations" or is_metadata(record):
        return False
    return holds_lists_of_turns(record)


def _groups(items: Iterable[Record | Unread], _finished: set[str]) -> Iterator[Group]:
    for item in items:
        if isinstance(item, Unread):
            yield unread(item)
            continue
        line, value = item
        conversations = value.get("conversations")
        if not isinstance(conversations, list) or not conversations:
            reason = "is missing" if conversations is None else "must be a non-empty array"
            yield Group((item,), InputError(reason, line=line, field="conversations"))
            continue
        for place, turns in enumerate(conversations):
            # Each with its place, which is no text, for errors.
            inner = {"conversations": {place: turns}}
            yield Group((Record(line, with_beside(inner, value, "conversations")),))


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    ((line, record),) = records
    found = record.get("conversations")
    if not (isinstance(found, dict) and found) or not all(isinstance(k, int) for k in found):
        raise InputError("holds several conversations; write each as a record of its own")
    ((place, turns),) = found.items()
    at = f"conversations[{place}]"
    if not isinstance(turns, list) or not turns:
        raise InputError("must be a non-empty array of turns", field=at)
    parts = []
    for i, turn in enumerate(turns):
        within = f"{at}[{i}]"
        if not isinstance(turn, dict):
            raise InputError("must be an object", field=within)
        new = reader.needed(turn, frozenset({"messages"}), RECORD, within).get("messages")
        if new is None or new == []:
            # SGLang sends no request for such a turn.
            continue
        if not isinstance(new, list):
            raise InputError("must be an array", field=f"{within}.messages")
        read, _ = read_messages(new, f"{within}.messages", reader, read_message)
        if read[-1]["role"] == "assistant":
            raise InputError("ends with an answer, and asks nothing", field=f"{within}.messages")
        parts.append(read)
    messages, asked = live_turns(parts, reader)
    return conversation_of(Record(line, named(record)), messages, number, reader, turns=asked)


_SYSTEM = {"role": "system", "content": "Be brief."}
_USER = {"role": "user", "content": "What is 1 + 1?"}
_ANSWER = {"role": "assistant", "content": "2"}

FORMAT = Format(
    "SGLang agentic trace",
    "conversations of turns with their new messages, all in one record",
    _matches,
    frozenset({"conversations"}) | NAMES,
    _read,
    groups=_groups,
    examples=(
        Example(
            "without the answers, and with them",
            (
                {
                    "metadata": {"source": "swe_smith"},
                    "conversations": [
                        [
                            {"messages": [_SYSTEM, _USER], "prompt_tokens": 20},
                            {"messages": [_USER], "prompt_tokens": 40},
                        ],
                        [{"messages": [_USER]}, {"messages": [_ANSWER, _USER]}, {"messages": []}],
                    ],
                },
            ),
            (
                Conversation("conversation-1", (_SYSTEM, _USER, _USER), None, (2, 3)),
                Conversation("conversation-2", (_USER, _ANSWER, _USER), None, (1, 3)),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "no role",
            ({"conversations": [[{"messages": [_USER]}, {"messages": [{"content": "2"}]}]]},),
            line=1,
            field="conversations[0][1].messages[0].role",
            reason="is missing",
        ),
        BrokenExample(
            "a turn that asks nothing",
            ({"conversations": [[{"messages": [_USER, _ANSWER]}]]},),
            line=1,
            field="conversations[0][0].messages",
            reason="ends with an answer",
        ),
        BrokenExample(
            "tools, which no request of such a trace has",
            ({"conversations": [[{"messages": [_USER], "tools": [{"name": "f"}]}]]},),
            line=1,
            field="conversations[0][0].tools",
            reason="can change the prompt",
        ),
    ),
)
