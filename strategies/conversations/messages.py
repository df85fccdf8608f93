"""Dataset formats: records in, conversations out.

A format is one entry of `FORMATS`: how its first record looks, and a reader of records.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from strategies.conversations.conversation import (
    Conversation,
    Message,
    Tool,
    check_plain,
    client_turns,
    shown,
)
from strategies.conversations.reading import Record, json_type, parse_json, read_records
from strategies.errors import InputError, one_line, placed

ToolArguments: TypeAlias = Literal["objects", "as-given"]

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
SHAREGPT_ROLES = {
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
SHAREGPT_BESIDES_TEXT = (
    *("name", "tool_calls", "tool_call_id"),
    *("reasoning_content", "reasoning", "thinking"),
)
"""What a ShareGPT message may say beside its text that shows in a prompt."""


@dataclass(frozen=True, slots=True)
class Format:
    """A dataset format.

    Parameters
    ----------
    name, summary
        For errors and documentation.
    matches
        Whether a file whose first record this is has the format.
    read
        Turns records into conversations; raises `InputError` with line and field. What the
        records themselves raise is already complete.
    """

    name: str
    summary: str
    matches: Callable[[dict[str, Any]], bool]
    read: Callable[[Iterable[Record], ToolArguments], Iterator[Conversation]]


def read_conversations(
    path: str | PathLike[str], *, tool_arguments: ToolArguments = "objects"
) -> list[Conversation]:
    """Read a dataset; its format is detected from its first record.

    Parameters
    ----------
    path
        MLCommons endpoints JSONL (one row per message), OpenAI chat records or ShareGPT
        records, as JSONL, JSON (each may be gzipped) or Parquet.
    tool_arguments
        ``"objects"`` parses tool-call arguments that are JSON strings, as serving
        frameworks do before they render; ``"as-given"`` leaves them, for the few templates
        that concatenate strings.

    Returns
    -------
    list of Conversation
        In file order, at least one, each with at least one turn.

    Raises
    ------
    InputError
        One line with file, line and field, for the first thing that is malformed. Nothing
        is dropped silently. Also for a `tool_arguments` that is neither of the two.
    """
    if tool_arguments not in get_args(ToolArguments):
        known = " or ".join(map(repr, get_args(ToolArguments)))
        raise InputError(f"must be {known}, got {tool_arguments!r}", field="tool_arguments")
    file = Path(path)
    records = read_records(file)
    first = next(records, None)
    if first is None:
        raise InputError("holds no conversations: the file is empty", file=file)
    with placed(file=file, line=first[0]):
        form = detect(first[1])
    with placed(file=file):
        conversations = list(form.read(chain([first], records), tool_arguments))
    if not conversations:
        raise InputError("holds no conversations", file=file)
    return conversations


def detect(record: dict[str, Any]) -> Format:
    """Return the format whose first record this is.

    Raises
    ------
    InputError
        If it looks like none of them.
    """
    for form in FORMATS:
        if form.matches(record):
            return form
    known = "; ".join(f"{form.name}: {form.summary}" for form in FORMATS)
    keys = ", ".join(map(shown, sorted(record)[:8])) or "none"
    raise InputError(f"unknown format (fields: {keys}); known are {known}")


# --- MLCommons endpoints: one row per message -------------------------------------------


def _read_endpoints(records: Iterable[Record], mode: ToolArguments) -> Iterator[Conversation]:
    rows: list[Record] = []
    current = ""
    finished: set[str] = set()
    for line, row in records:
        if row.get("_type") == "dataset_metadata":
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
            yield _endpoints_conversation(current, rows, mode)
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
        yield _endpoints_conversation(current, rows, mode)


def _endpoints_conversation(name: str, rows: list[Record], mode: ToolArguments) -> Conversation:
    for line, row in rows:
        turn = row.get("turn")
        if not isinstance(turn, int) or isinstance(turn, bool):
            reason = "must be a whole number" if "turn" in row else "is missing"
            raise InputError(reason, line=line, field="turn")
    rows = sorted(rows, key=lambda record: record[1]["turn"])
    messages: list[Message] = []
    turns: list[int] = []
    system = _endpoints_system(rows, name)
    if system is not None:
        messages.append({"role": "system", "content": system})
    tools = _endpoints_tools(rows, name)
    before: Message | None = None
    for expected, (line, row) in enumerate(rows, 1):
        if row["turn"] != expected:
            raise InputError(
                f"turn {row['turn']} of conversation {name!r} where {expected} is due: turn "
                "numbers must be consecutive from 1",
                line=line,
                field="turn",
            )
        with placed(line=line):
            added = _endpoints_messages(row, mode)
            _check_sequence(before, added[-1])
        messages.extend(added)
        before = added[-1]
        if row["role"] != "assistant":
            turns.append(len(messages))
    return _conversation(name, messages, tools, tuple(turns), rows[0][0])


def _endpoints_system(rows: list[Record], name: str) -> str | None:
    """Return the system prompt: the first that is not empty, for all turns."""
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
                f"differs from line {found[0]}; conversation {name!r} can have one only",
                line=line,
                field="system",
            )
        found = found or (line, value)
    return None if found is None else found[1]


def _endpoints_tools(rows: list[Record], name: str) -> tuple[Tool, ...] | None:
    """Return the tools of the first row, which a row without any is offered too.

    A row that names other tools changes the prompts from there on, which a conversation
    cannot hold. The order of keys shows in a prompt, so it makes a difference.
    """
    first, row = rows[0]
    offered = _tools(row.get("tools"), first)
    for line, row in rows[1:]:
        value = row.get("tools")
        if value is not None and _text(_tools(value, line), line) != _text(offered, first):
            raise InputError(
                f"differs from line {first}; conversation {name!r} can have the same tools in "
                "all turns only",
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
    """Raise `InputError` for an order of rows that no client sends to a server.

    Two tool rows in a row, for example, would count a request between them.
    """
    role = message["role"]
    after = "begin" if before is None else str(before["role"])
    if after == "assistant":
        after = "assistant with tool_calls" if before and before.get("tool_calls") else after
    follows = _FOLLOWS[after]
    if role not in follows:
        place = "at the beginning" if after == "begin" else f"after {after}"
        raise InputError(f"{role} row {place}, where {' or '.join(follows)} is due", field="role")


_FOLLOWS = {
    "begin": ("user",),
    "user": ("assistant",),
    "assistant": ("user",),
    "assistant with tool_calls": ("tool",),
    "tool": ("assistant", "user"),
}


def _endpoints_messages(row: dict[str, Any], mode: ToolArguments) -> list[Message]:
    role = row.get("role")
    if role not in ("user", "assistant", "tool"):  # a role may be unhashable
        reason = (
            "is missing"
            if role is None
            else f"unknown role {_brief(role)}; rows are user, assistant or tool"
        )
        raise InputError(reason, field="role")
    kept = ("role", "content", "name", "tool_calls", "reasoning_content")
    if role != "tool":
        if row.get("tool_results") is not None:
            raise InputError(f"a {role} row cannot have tool_results", field="tool_results")
        message = {key: row[key] for key in kept if row.get(key) is not None}
        checked = _message(message, "", mode)
        for key, value in checked.items():
            check_plain(value, key)
        return [checked]
    for key in kept[1:]:
        if row.get(key):
            raise InputError("a tool row holds nothing but tool_results", field=key)
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
        expanded.append(_message(message, field, mode))
        check_plain(message, field)
    return expanded


# --- OpenAI chat records ----------------------------------------------------------------


def _read_openai(records: Iterable[Record], mode: ToolArguments) -> Iterator[Conversation]:
    for number, (line, record) in enumerate(records, 1):
        raw = _maybe_json(record.get("messages"), "messages", line)
        if not isinstance(raw, list) or not raw:
            reason = "is missing" if raw is None else "must be a non-empty array"
            raise InputError(reason, line=line, field="messages")
        with placed(line=line):
            messages = [_message(m, f"messages[{i}]", mode) for i, m in enumerate(raw)]
        tools = _tools(record.get("tools"), line)
        yield _conversation(
            _name(record, number, line), messages, tools, client_turns(messages), line
        )


# --- ShareGPT records -------------------------------------------------------------------


def _read_sharegpt(records: Iterable[Record], mode: ToolArguments) -> Iterator[Conversation]:
    for number, (line, record) in enumerate(records, 1):
        raw = _maybe_json(record.get("conversations"), "conversations", line)
        if not isinstance(raw, list) or not raw:
            reason = "is missing" if raw is None else "must be a non-empty array"
            raise InputError(reason, line=line, field="conversations")
        system = record.get("system")
        with placed(line=line):
            messages = [
                _sharegpt_message(item, f"conversations[{i}]", mode) for i, item in enumerate(raw)
            ]
            if system is not None and not isinstance(system, str):
                raise InputError("must be a string", field="system")
            check_plain(system, "system")
        if system and messages[0]["role"] == "system":
            # Some readers take the one, some the other.
            raise InputError("conversations[0] is a system prompt too", line=line, field="system")
        if system:
            messages.insert(0, {"role": "system", "content": system})
        tools = _tools(record.get("tools"), line)
        if tools is not None:
            tools = tuple(_sharegpt_tool(tool) for tool in tools)
        yield _conversation(
            _name(record, number, line), messages, tools, client_turns(messages), line
        )


def _sharegpt_tool(tool: Tool) -> Tool:
    """Return a tool as servers are offered it; many files hold the bare function."""
    bare = "name" in tool and "type" not in tool
    return {"type": "function", "function": tool} if bare else tool


def _sharegpt_message(item: Any, field: str, mode: ToolArguments) -> Message:
    if not isinstance(item, dict):
        raise InputError("must be an object", field=field)
    if "from" not in item:
        raise InputError("is missing", field=f"{field}.from")
    role = SHAREGPT_ROLES.get(item["from"]) if isinstance(item["from"], str) else None
    if role is None:
        raise InputError(
            f"unknown role {_brief(item['from'])}; known are {', '.join(SHAREGPT_ROLES)}",
            field=f"{field}.from",
        )
    value = item.get("value")
    if not isinstance(value, str):
        reason = "is missing" if value is None else "must be a string"
        raise InputError(reason, field=f"{field}.value")
    # Here, where the place is named as the file has it.
    check_plain(value, f"{field}.value")
    besides = {key: item[key] for key in SHAREGPT_BESIDES_TEXT if item.get(key) is not None}
    check_plain(besides, field)
    if role != "function_call":
        return _message({"role": role, "content": value, **besides}, field, mode)
    if besides.get("tool_calls"):
        raise InputError("the value is calls too", field=f"{field}.tool_calls")
    try:
        calls = parse_json(value)
    except ValueError as error:
        raise InputError(f"not JSON: {one_line(error)}", field=f"{field}.value") from None
    check_plain(calls, f"{field}.value")
    calls = calls if isinstance(calls, list) else [calls]
    wrapped = [{"type": "function", "function": call} for call in calls]
    return _message({"role": "assistant", **besides, "tool_calls": wrapped}, field, mode)


_WHOLE_CONVERSATION = {"messages", "conversations", "conversation"}
"""Fields of records that are no row of one message, whatever else they have."""

FORMATS: tuple[Format, ...] = (
    Format(
        "MLCommons endpoints",
        "one row per message with conversation_id, turn and role",
        # Records of the other formats may have an id of that name too.
        lambda record: (
            record.get("_type") == "dataset_metadata"
            or ("conversation_id" in record and not _WHOLE_CONVERSATION & record.keys())
        ),
        _read_endpoints,
    ),
    Format(
        "OpenAI chat",
        "one conversation per record with messages",
        lambda record: "messages" in record,
        _read_openai,
    ),
    Format(
        "ShareGPT",
        "one conversation per record with conversations of from and value",
        lambda record: "conversations" in record,
        _read_sharegpt,
    ),
)


# --- what the formats share -------------------------------------------------------------


def _conversation(
    name: str,
    messages: list[Message],
    tools: tuple[Tool, ...] | None,
    turns: tuple[int, ...],
    line: int,
) -> Conversation:
    if not turns:
        raise InputError(
            f"conversation {name!r} has no client turn: nothing in it asks the server", line=line
        )
    with placed(line=line):
        return Conversation(name, tuple(messages), tools, turns)


def _name(record: dict[str, Any], number: int, line: int) -> str:
    for field in ("id", "conversation_id"):
        name = record.get(field)
        if isinstance(name, bool) or not isinstance(name, (str, int, type(None))):
            raise InputError("must be a string or a whole number", line=line, field=field)
        if name is not None:
            return str(name)
    return f"conversation-{number}"


def _maybe_json(value: Any, field: str, line: int) -> Any:
    """Parse a field that some writers, Parquet's above all, store as a JSON string."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value) if value.strip() else None
    except ValueError as error:
        raise InputError(f"not JSON: {one_line(error)}", line=line, field=field) from None


def _tools(value: Any, line: int) -> tuple[Tool, ...] | None:
    tools = _maybe_json(value, "tools", line)
    if tools is None or tools == []:
        # No tools: servers pass None to the template, and so does the reference.
        return None
    if not isinstance(tools, list):
        raise InputError("must be an array", line=line, field="tools")
    for i, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise InputError("must be an object", line=line, field=f"tools[{i}]")
    return tuple(tools)


def _brief(value: Any) -> str:
    """Return a value for an error; one that is no text may be deep and long."""
    return repr(value[:80]) if isinstance(value, str) else f"({json_type(value)})"


def _message(value: Any, field: str, mode: ToolArguments) -> Message:
    prefix = f"{field}." if field else ""
    if not isinstance(value, dict):
        raise InputError("must be an object", field=field)
    role = value.get("role")
    if role is None:
        raise InputError("is missing", field=f"{prefix}role")
    if role not in ROLES:
        raise InputError(
            f"unknown role {_brief(role)}; known are {', '.join(ROLES)}", field=f"{prefix}role"
        )
    message: Message = dict(value)
    _check_content(message.get("content"), f"{prefix}content")
    for key in ("name", "tool_call_id", "reasoning_content", "reasoning"):
        if not isinstance(message.get(key, ""), (str, type(None))):
            raise InputError("must be a string", field=f"{prefix}{key}")
    if message.get("tool_calls") is not None:
        message["tool_calls"] = _tool_calls(message["tool_calls"], f"{prefix}tool_calls", mode)
    says_otherwise = ("tool_calls", "function_call", "reasoning_content", "reasoning", "thinking")
    if message.get("content") is None and not (
        role == "assistant" and any(message.get(key) for key in says_otherwise)
    ):
        raise InputError(
            f"is missing in {'an' if role == 'assistant' else 'a'} {role} message"
            + (" without tool_calls" if role == "assistant" else ""),
            field=f"{prefix}content",
        )
    return message


def _check_content(content: Any, field: str) -> None:
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise InputError("must be a string or an array of parts", field=field)
    for i, part in enumerate(content):
        at = f"{field}[{i}]"
        if not isinstance(part, dict):
            raise InputError("must be an object", field=at)
        if part.get("type") != "text":
            # The template writes a placeholder for an image; the server sees many tokens.
            raise InputError(
                f"a part of type {_brief(part.get('type'))} has no countable prompt; only text has",
                field=f"{at}.type",
            )
        if not isinstance(part.get("text"), str):
            raise InputError("must be a string", field=f"{at}.text")


def _tool_calls(calls: Any, field: str, mode: ToolArguments) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise InputError("must be an array", field=field)
    checked = []
    for i, call in enumerate(calls):
        at = f"{field}[{i}]"
        if not isinstance(call, dict):
            raise InputError("must be an object", field=at)
        if "function" in call:
            at = f"{at}.function"
            checked.append({**call, "function": _function(call["function"], at, mode)})
        else:
            checked.append(_function(call, at, mode))
    return checked


def _function(function: Any, field: str, mode: ToolArguments) -> dict[str, Any]:
    if not isinstance(function, dict):
        raise InputError("must be an object", field=field)
    if not isinstance(function.get("name"), str):
        reason = "must be a string" if "name" in function else "is missing"
        raise InputError(reason, field=f"{field}.name")
    arguments = function.get("arguments")
    if arguments is None:
        # Read as a call without arguments, it would lose those that other writers name so.
        for key in ("parameters", "args", "input"):
            if function.get(key):
                raise InputError("must be named arguments in a call", field=f"{field}.{key}")
    at = f"{field}.arguments"
    if mode == "objects" and (arguments is None or isinstance(arguments, str)):
        # As servers do: nothing and an empty text are a call without arguments, and of a key
        # that a model wrote twice the last value counts.
        try:
            arguments = json.loads(arguments) if arguments and arguments.strip() else {}
        except (ValueError, RecursionError) as error:
            raise InputError(f"not JSON: {one_line(error)}", field=at) from None
        if not isinstance(arguments, dict):
            raise InputError("must be a JSON object", field=at)
        return {**function, "arguments": arguments}
    if arguments is not None and not isinstance(arguments, (dict, str)):
        raise InputError("must be an object or a JSON string", field=at)
    return function
