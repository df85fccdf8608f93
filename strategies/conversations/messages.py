"""Read and check what all formats share: messages, tools and names."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeAlias

from strategies.conversations.conversation import Conversation, Message, Tool
from strategies.conversations.reading import json_type, parse_json
from strategies.errors import InputError, one_line, placed

ToolArguments: TypeAlias = Literal["objects", "as-given"]
"""Whether to parse arguments of tool calls that are JSON strings, or to leave them as they are."""

ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def make_conversation(
    name: str,
    messages: list[Message],
    tools: tuple[Tool, ...] | None,
    turns: tuple[int, ...],
    line: int,
) -> Conversation:
    """Return a conversation that was read.

    Parameters
    ----------
    name
        Its id.
    messages, tools, turns
        See `Conversation`. There must be at least one turn.
    line
        The line on which it starts, for errors.

    Raises
    ------
    InputError
        If it has no client turn, or something in it is not plain JSON data.
    """
    if not turns:
        raise InputError(
            f"conversation {name!r} has no client turn: nothing in it asks the server", line=line
        )
    with placed(line=line):
        return Conversation(name, tuple(messages), tools, turns)


def record_name(record: dict[str, Any], number: int, line: int) -> str:
    """Return the id of a record's conversation.

    Parameters
    ----------
    record
        The record. Its field `id` or `conversation_id` is the id, if it has one.
    number
        Place of the record in the file, from 1. It makes an id for a record without one.
    line
        The line of the record, for errors.

    Raises
    ------
    InputError
        If the id is neither a string nor a whole number.
    """
    for field in ("id", "conversation_id"):
        name = record.get(field)
        if isinstance(name, bool) or not isinstance(name, (str, int, type(None))):
            raise InputError("must be a string or a whole number", line=line, field=field)
        if name is not None:
            return str(name)
    return f"conversation-{number}"


def read_array(record: dict[str, Any], field: str, line: int) -> list[Any]:
    """Return an array that a record must have. It may be stored as a JSON string.

    Parameters
    ----------
    record
        The record.
    field
        Name of the field.
    line
        The line of the record, for errors.

    Raises
    ------
    InputError
        If it is missing, empty or something else.
    """
    value = _maybe_json(record.get(field), field, line)
    if not isinstance(value, list) or not value:
        reason = "is missing" if value is None else "must be a non-empty array"
        raise InputError(reason, line=line, field=field)
    return value


def _maybe_json(value: Any, field: str, line: int) -> Any:
    """Parse a field that some writers, mostly of Parquet, store as a JSON string."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value) if value.strip() else None
    except ValueError as error:
        raise InputError(f"not JSON: {one_line(error)}", line=line, field=field) from None


def read_tools(value: Any, line: int) -> tuple[Tool, ...] | None:
    """Return the tools in a record's field `tools`, which may be a JSON string.

    Raises
    ------
    InputError
        If it is no array of objects.
    """
    tools = _maybe_json(value, "tools", line)
    if tools is None or tools == []:
        # Without tools, servers pass None to the template, and so does the reference.
        return None
    if not isinstance(tools, list):
        raise InputError("must be an array", line=line, field="tools")
    for i, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise InputError("must be an object", line=line, field=f"tools[{i}]")
    return tuple(tools)


def brief(value: Any) -> str:
    """Return a value as errors show it; only its type if it is no text, and may be long."""
    return repr(value[:80]) if isinstance(value, str) else f"({json_type(value)})"


def read_message(value: Any, field: str, mode: ToolArguments) -> Message:
    """Return an OpenAI chat message after checking all that a prompt depends on.

    Parameters
    ----------
    value
        The message as the file has it.
    field
        Its place in the record, for errors; empty if it is the record itself.
    mode
        Whether to parse arguments of tool calls that are JSON strings.

    Raises
    ------
    InputError
        With the field that is missing or wrong.
    """
    prefix = f"{field}." if field else ""
    if not isinstance(value, dict):
        raise InputError("must be an object", field=field)
    role = value.get("role")
    if role is None:
        raise InputError("is missing", field=f"{prefix}role")
    if role not in ROLES:
        raise InputError(
            f"unknown role {brief(role)}; known are {', '.join(ROLES)}", field=f"{prefix}role"
        )
    message: Message = dict(value)
    _check_content(message.get("content"), f"{prefix}content")
    for key in ("name", "tool_call_id", "reasoning_content", "reasoning"):
        if not isinstance(message.get(key, ""), (str, type(None))):
            raise InputError("must be a string", field=f"{prefix}{key}")
    if message.get("tool_calls") is not None:
        message["tool_calls"] = _tool_calls(message["tool_calls"], f"{prefix}tool_calls", mode)
    other_content = ("tool_calls", "function_call", "reasoning_content", "reasoning", "thinking")
    if message.get("content") is None and not (
        role == "assistant" and any(message.get(key) for key in other_content)
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
            # A template writes a placeholder for an image, but the server sees many tokens.
            raise InputError(
                f"a part of type {brief(part.get('type'))} cannot be counted; only text can",
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
        # Some writers give arguments one of these names. Ignoring it would lose them.
        for key in ("parameters", "args", "input"):
            if function.get(key):
                raise InputError("rename this field to 'arguments'", field=f"{field}.{key}")
    at = f"{field}.arguments"
    if mode == "objects" and (arguments is None or isinstance(arguments, str)):
        # As servers do: null and an empty text mean no arguments, and if a model wrote a key
        # twice, the last value counts.
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
