"""MLCommons endpoints: one row per message, read as their own loader reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from strategies.conversations.conversation import Conversation, Message, check_plain
from strategies.conversations.fields import Reader
from strategies.conversations.format import (
    BrokenExample,
    Example,
    Format,
    Group,
    is_metadata,
    messages_field,
    torn,
    unread,
)
from strategies.conversations.known_fields import MESSAGE, PROMPT_FIELDS, ROW
from strategies.conversations.messages import CONTINUES, brief, continues, read_message
from strategies.conversations.records import Record, Unread
from strategies.conversations.whole import (
    check_request,
    continues_final,
    make_conversation,
    read_kwargs,
    read_tools,
)
from strategies.errors import InputError, placed

_KEPT = ("role", "content", "name", "tool_calls", "reasoning_content")
_FIELDS = (
    frozenset({"conversation_id", "turn", "tool_results", "reasoning", *_KEPT, *CONTINUES})
    | PROMPT_FIELDS
) - {"system_prompt", "functions", "function_call"}


def _matches(record: dict[str, Any]) -> bool:
    # Records of other formats may have a conversation_id too.
    return is_metadata(record) or ("conversation_id" in record and messages_field(record) is None)


def _groups(items: Iterable[Record | Unread], finished: set[str]) -> Iterator[Group]:
    rows: list[Record] = []
    current = ""
    error: InputError | None = None
    lost: InputError | None = None
    for item in items:
        if isinstance(item, Unread):
            yield unread(item)
            lost = lost or item.error
            continue
        if is_metadata(item.value):
            continue
        try:
            name = _conversation_id(item)
        except InputError as bad:
            yield Group((item,), bad)
            lost = lost or bad
            continue
        if rows and name != current:
            # A row that is lost before turn 2 is the beginning of this conversation.
            begins = item.value.get("turn") == 1
            yield Group(tuple(rows), error or (torn(lost, current) if begins else None), current)
            finished.add(current)
            rows, error, lost = [], None, None
        elif rows:
            error, lost = error or torn(lost, current), None
        current = name
        if name in finished and not rows:
            error = InputError(
                f"rows of conversation {name!r} are not contiguous",
                line=item.line,
                field="conversation_id",
            )
        rows.append(item)
    if rows:
        yield Group(tuple(rows), error or torn(lost, current), current)
        finished.add(current)


def _conversation_id(row: Record) -> str:
    name = row.value.get("conversation_id")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    with placed(line=row.line):
        if not isinstance(name, str) or not name:
            raise InputError(
                "must be a non-empty string" if "conversation_id" in row.value else "is missing",
                field="conversation_id",
            )
        check_plain(name, "conversation_id")
    return name


def _read(rows: tuple[Record, ...], _number: int, reader: Reader) -> Conversation:
    name = _conversation_id(rows[0])
    for line, row in rows:
        turn = row.get("turn")
        if not isinstance(turn, int) or isinstance(turn, bool):
            reason = "must be a whole number" if "turn" in row else "is missing"
            raise InputError(reason, line=line, field="turn")
    rows = tuple(sorted(rows, key=lambda record: record.value["turn"]))
    messages: list[Message] = []
    turns: list[int] = []
    continued = False
    system = _system(rows, name)
    if system is not None:
        messages.append({"role": "system", "content": system})
    tools = _same(rows, name, "tools", lambda row: read_tools(row.get("tools")))
    kwargs = _same(rows, name, "chat_template_kwargs", lambda row: read_kwargs(row) or None)
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
            check_request(row, tools)
            added = _row_messages(row, reader)
            _check_sequence(before, added[-1])
            last = expected == len(rows) and row["role"] == "assistant"
            continued = continues(row, "", last=last) or _continues_final(row, last=last)
        messages.extend(added)
        before = added[-1]
        if continued:
            # What was asked before the message that is continued is a part of this request.
            turns[-1:] = [len(messages)]
        elif row["role"] != "assistant":
            turns.append(len(messages))
    return make_conversation(
        name,
        messages,
        tools,
        tuple(turns),
        kwargs=kwargs,
        continued=continued,
        requests=None,
        reader=reader,
        line=rows[0].line,
    )


def _continues_final(row: dict[str, Any], *, last: bool) -> bool:
    if continues_final(row) and not last:
        raise InputError(
            "only the last row can be continued, if it is the assistant's; take out the field",
            field="continue_final_message",
        )
    return continues_final(row)


def _system(rows: tuple[Record, ...], name: str) -> str | None:
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


def _same(
    rows: tuple[Record, ...], name: str, field: str, read: Callable[[dict[str, Any]], Any]
) -> Any:
    """Return what the first row says. Rows that say nothing are a part of the same.

    A row that differs would change the prompts from there on, and a conversation has one value
    for all turns. The order of keys shows in a prompt, so it must be the same.
    """
    first, row = rows[0]
    with placed(line=first):
        said = read(row)
        expected = _text(said, field)
    for line, row in rows[1:]:
        with placed(line=line):
            here = read(row)
            if here is None or (not here and not said) or _text(here, field) == expected:
                continue
            raise InputError(
                f"differs from line {first}; all turns of conversation {name!r} must have the "
                f"same {_NAMES[field]}",
                field=field,
            )
    return said


_NAMES = {"tools": "tools", "chat_template_kwargs": "variables for the template"}


def _text(value: Any, field: str) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        raise InputError("nested too deeply", field=field) from None


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


_RESULT_FIELDS = frozenset({"tool_call_id", "content"})


def _row_messages(row: dict[str, Any], reader: Reader) -> list[Message]:
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
    if role != "tool":
        if row.get("tool_results") is not None:
            raise InputError(f"a {role} row cannot have tool_results", field="tool_results")
        message = {key: row[key] for key in _KEPT if row.get(key) is not None}
        checked = read_message(message, "", reader)
        for key, value in checked.items():
            check_plain(value, key)
        return [checked]
    for key in _KEPT[1:]:
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
        kept = reader.needed(result, _RESULT_FIELDS, MESSAGE, field)
        message = {
            "role": "tool",
            "tool_call_id": kept["tool_call_id"],
            "content": kept["content"],
        }
        expanded.append(read_message(message, field, reader))
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
    _FIELDS,
    _read,
    known=ROW,
    groups=_groups,
    whole=False,
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
