"""MLCommons endpoints: one row per message, read as their own loader reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from strategies.conversations.conversation import (
    Conversation,
    Message,
    Tool,
    ToolArguments,
    check_plain,
)
from strategies.conversations.fields import refuse_in_record
from strategies.conversations.format import BrokenExample, Example, Format, is_metadata
from strategies.conversations.messages import (
    brief,
    make_conversation,
    read_message,
    read_tools,
)
from strategies.conversations.reading import Record
from strategies.errors import InputError, placed

_WHOLE_CONVERSATION = {"messages", "conversations", "conversation"}
"""A record with one of these fields is never a row of one message."""


def _matches(record: dict[str, Any]) -> bool:
    # Records of other formats may have a conversation_id too.
    return is_metadata(record) or (
        "conversation_id" in record and not _WHOLE_CONVERSATION & record.keys()
    )


def _read(records: Iterable[Record], mode: ToolArguments) -> Iterator[Conversation]:
    rows: list[Record] = []
    current = ""
    finished: set[str] = set()
    for line, row in records:
        if is_metadata(row):
            continue
        name = row.get("conversation_id")
        if isinstance(name, int) and not isinstance(name, bool):
            name = str(name)
        if not isinstance(name, str) or not name:
            raise InputError(
                "must be a non-empty string" if "conversation_id" in row else "is missing",
                line=line,
                field="conversation_id",
            )
        with placed(line=line):
            check_plain(name, "conversation_id")
        if rows and name != current:
            yield _of_rows(current, rows, mode)
            finished.add(current)
            rows = []
        current = name
        if name in finished:
            raise InputError(
                f"rows of conversation {name!r} are not contiguous",
                line=line,
                field="conversation_id",
            )
        rows.append((line, row))
    if rows:
        yield _of_rows(current, rows, mode)


def _of_rows(name: str, rows: list[Record], mode: ToolArguments) -> Conversation:
    for line, row in rows:
        refuse_in_record(row, line)
        turn = row.get("turn")
        if not isinstance(turn, int) or isinstance(turn, bool):
            reason = "must be a whole number" if "turn" in row else "is missing"
            raise InputError(reason, line=line, field="turn")
    rows = sorted(rows, key=lambda record: record[1]["turn"])
    messages: list[Message] = []
    turns: list[int] = []
    system = _system(rows, name)
    if system is not None:
        messages.append({"role": "system", "content": system})
    tools = _offered(rows, name)
    before: Message | None = None
    for expected, (line, row) in enumerate(rows, 1):
        if row["turn"] != expected:
            raise InputError(
                f"turn {row['turn']} of conversation {name!r} should be turn {expected}: turn "
                "numbers must be consecutive from 1",
                line=line,
                field="turn",
            )
        with placed(line=line):
            added = _row_messages(row, mode)
            _check_sequence(before, added[-1])
        messages.extend(added)
        before = added[-1]
        if row["role"] != "assistant":
            turns.append(len(messages))
    return make_conversation(name, messages, tools, tuple(turns), rows[0][0], mode)


def _system(rows: list[Record], name: str) -> str | None:
    """Return the first system prompt that is not empty; all turns get it."""
    found: tuple[int, str] | None = None
    for line, row in rows:
        value = row.get("system")
        if value is None or value == "":
            continue
        if not isinstance(value, str):
            raise InputError("must be a string", line=line, field="system")
        with placed(line=line):
            check_plain(value, "system")
        if found is not None and found[1] != value:
            raise InputError(
                f"differs from line {found[0]}; conversation {name!r} can have only one",
                line=line,
                field="system",
            )
        found = found or (line, value)
    return None if found is None else found[1]


def _offered(rows: list[Record], name: str) -> tuple[Tool, ...] | None:
    """Return the tools of the first row. Rows that name no tools are offered the same.

    A row with other tools would change the prompts from there on, and a conversation has one
    list of tools for all turns. The order of keys shows in a prompt, so it must be the same.
    """
    first, row = rows[0]
    offered = read_tools(row.get("tools"), first)
    for line, row in rows[1:]:
        here = read_tools(row.get("tools"), line)
        if not here and not offered:
            continue
        if here is not None and _text(here, line) != _text(offered, first):
            raise InputError(
                f"differs from line {first}; all turns of conversation {name!r} must have the "
                "same tools",
                line=line,
                field="tools",
            )
    return offered


def _text(tools: tuple[Tool, ...] | None, line: int) -> str:
    try:
        return json.dumps(tools)
    except RecursionError:
        raise InputError("nested too deeply", line=line, field="tools") from None


def _check_sequence(before: Message | None, message: Message) -> None:
    """Raise `InputError` for rows in an order that no client sends to a server.

    For two tool rows in a row, for example, a request would be counted between them.
    """
    role = message["role"]
    after = "begin" if before is None else str(before["role"])
    if after == "assistant":
        after = "assistant with tool_calls" if before and before.get("tool_calls") else after
    follows = _FOLLOWS[after]
    if role not in follows:
        place = "at the beginning" if after == "begin" else f"after {after}"
        due = " or ".join(follows)
        raise InputError(f"{role} row {place}; the row here must be {due}", field="role")


_FOLLOWS = {
    "begin": ("user",),
    "user": ("assistant",),
    "assistant": ("user",),
    "assistant with tool_calls": ("tool",),
    "tool": ("assistant", "user"),
}


def _row_messages(row: dict[str, Any], mode: ToolArguments) -> list[Message]:
    role = row.get("role")
    if role not in ("user", "assistant", "tool"):  # a role may be unhashable
        reason = (
            "is missing"
            if role is None
            else f"unknown role {brief(role)}; rows are user, assistant or tool"
        )
        raise InputError(reason, field="role")
    if row.get("reasoning"):
        # Their client does not send it (mlcommons/endpoints at ea33275); another one may.
        raise InputError(
            "is not sent to the server; rename it to reasoning_content if your client sends it, "
            "else take it out",
            field="reasoning",
        )
    kept = ("role", "content", "name", "tool_calls", "reasoning_content")
    if role != "tool":
        if row.get("tool_results") is not None:
            raise InputError(f"a {role} row cannot have tool_results", field="tool_results")
        message = {key: row[key] for key in kept if row.get(key) is not None}
        checked = read_message(message, "", mode)
        for key, value in checked.items():
            check_plain(value, key)
        return [checked]
    for key in kept[1:]:
        if row.get(key):
            raise InputError("a tool row can have tool_results only", field=key)
    results = row.get("tool_results")
    if not isinstance(results, list) or not results:
        reason = "is missing" if results is None else "must be a non-empty array"
        raise InputError(reason, field="tool_results")
    expanded = []
    for i, result in enumerate(results):
        field = f"tool_results[{i}]"
        if not isinstance(result, dict):
            raise InputError("must be an object", field=field)
        for key in ("tool_call_id", "content"):
            if result.get(key) is None:
                raise InputError("is missing", field=f"{field}.{key}")
        message = {
            "role": "tool",
            "tool_call_id": result["tool_call_id"],
            "content": result["content"],
        }
        expanded.append(read_message(message, field, mode))
        check_plain(message, field)
    return expanded


def _call(name: str, arguments: object) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": "add", "arguments": arguments}}


_TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
_FIRST = {"conversation_id": "sums", "turn": 1, "role": "user", "content": "What is 1 + 1?"}
_USER = {"role": "user", "content": "What is 1 + 1?"}

FORMAT = Format(
    "MLCommons endpoints",
    "one row per message with conversation_id, turn and role",
    _matches,
    _read,
    examples=(
        Example(
            "two questions and an answer",
            (
                {"_type": "dataset_metadata", "license": "CC0"},
                {**_FIRST, "system": "Be brief."},
                {"conversation_id": "sums", "turn": 2, "role": "assistant", "content": "2"},
                {"conversation_id": "sums", "turn": 3, "role": "user", "content": "And 2 + 2?"},
                {**_FIRST, "conversation_id": "one"},
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
                Conversation("one", (_USER,), None, (1,)),
            ),
        ),
        Example(
            "two tools are called at once",
            (
                {**_FIRST, "system": "Be brief.", "tools": [_TOOL]},
                {
                    "conversation_id": "sums",
                    "turn": 2,
                    "role": "assistant",
                    "tool_calls": [_call("c1", '{"a": 1}'), _call("c2", "{}")],
                },
                {
                    "conversation_id": "sums",
                    "turn": 3,
                    "role": "tool",
                    "tool_results": [
                        {"tool_call_id": "c1", "content": "2"},
                        {"tool_call_id": "c2", "content": "0"},
                    ],
                },
                {"conversation_id": "sums", "turn": 4, "role": "assistant", "content": "It is 2."},
                {"conversation_id": "sums", "turn": 5, "role": "user", "content": "Thanks!"},
            ),
            (
                Conversation(
                    "sums",
                    (
                        {"role": "system", "content": "Be brief."},
                        _USER,
                        {
                            "role": "assistant",
                            "tool_calls": [_call("c1", {"a": 1}), _call("c2", {})],
                        },
                        {"role": "tool", "tool_call_id": "c1", "content": "2"},
                        {"role": "tool", "tool_call_id": "c2", "content": "0"},
                        {"role": "assistant", "content": "It is 2."},
                        {"role": "user", "content": "Thanks!"},
                    ),
                    (_TOOL,),
                    (2, 5, 7),
                ),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "no role",
            (_FIRST, {"conversation_id": "sums", "turn": 2, "content": "2"}),
            line=2,
            field="role",
            reason="is missing",
        ),
        BrokenExample(
            "a turn left out",
            (
                _FIRST,
                {"conversation_id": "sums", "turn": 3, "role": "assistant", "content": "2"},
            ),
            line=2,
            field="turn",
            reason="turn 3 of conversation 'sums'",
        ),
    ),
)
