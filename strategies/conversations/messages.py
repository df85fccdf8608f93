"""Read and check what all formats share: messages, tools and names."""

from __future__ import annotations

import json
from typing import Any

from strategies.conversations.conversation import (
    Conversation,
    Message,
    Tool,
    ToolArguments,
    check_plain,
)
from strategies.conversations.fields import refuse_in_message
from strategies.conversations.reading import json_type, parse_json
from strategies.errors import InputError, one_line, placed

ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def make_conversation(
    name: str,
    messages: list[Message],
    tools: tuple[Tool, ...] | None,
    turns: tuple[int, ...],
    line: int,
    mode: ToolArguments,
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
    mode
        Whether arguments of tool calls that are JSON strings are parsed.

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
        return Conversation(name, tuple(messages), tools, turns, tool_arguments=mode, line=line)


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
        If the id is neither a string nor a number.
    """
    for field in ("id", "conversation_id"):
        name = record.get(field)
        if isinstance(name, bool) or not isinstance(name, (str, int, float, type(None))):
            raise InputError("must be a string or a number", line=line, field=field)
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


def read_tools(value: Any, line: int, field: str = "tools") -> tuple[Tool, ...] | None:
    """Return the tools in a field of a record, which may be a JSON string.

    An empty list stays one: servers differ in whether the template sees it.

    Parameters
    ----------
    value
        The field's value.
    line, field
        The line of the record and the name of the field, for errors.

    Raises
    ------
    InputError
        If it is no array of objects.
    """
    tools = _maybe_json(value, field, line)
    if tools is None:
        return None
    if not isinstance(tools, list):
        raise InputError("must be an array", line=line, field=field)
    for i, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise InputError("must be an object", line=line, field=f"{field}[{i}]")
    return tuple(tools)


def read_offered(record: dict[str, Any], line: int) -> tuple[Tool, ...] | None:
    """Return the tools that a record offers, each as servers hand it to a template.

    Servers wrap a bare function, know an Anthropic schema by its `input_schema`, and read the
    older field `functions` as tools.

    Raises
    ------
    InputError
        If they are no array of objects, or the record has both fields.
    """
    tools = read_tools(record.get("tools"), line)
    functions = read_tools(record.get("functions"), line, "functions")
    if tools and functions:
        raise InputError("stands beside tools; keep one of them", line=line, field="functions")
    if functions or (functions is not None and tools is None):
        return tuple({"type": "function", "function": each} for each in functions)
    return None if tools is None else tuple(map(_wrapped, tools))


def _wrapped(tool: Tool) -> Tool:
    if "name" not in tool or "function" in tool:
        return tool
    function = {key: value for key, value in tool.items() if key != "type"}
    if "input_schema" in function:
        function["parameters"] = function.pop("input_schema")
    return {"type": "function", "function": function}


def read_system(record: dict[str, Any], messages: list[Message], line: int) -> None:
    """Put a system prompt that stands beside the messages in front of them.

    Parameters
    ----------
    record
        The record. Its field `system` or `system_prompt` is the prompt, if it has one.
    messages
        Its messages, which are changed.
    line
        The line of the record, for errors.

    Raises
    ------
    InputError
        If it is no text, or if there is more than one.
    """
    found = [name for name in ("system", "system_prompt") if record.get(name)]
    if not found:
        return
    name = found[-1]
    prompt = record[name]
    if not isinstance(prompt, str):
        raise InputError("must be a string", line=line, field=name)
    with placed(line=line):
        check_plain(prompt, name)
    if len(found) > 1 or (messages and messages[0]["role"] == "system"):
        # Some readers take the one, some the other.
        raise InputError("there is another system prompt; keep one of them", line=line, field=name)
    messages.insert(0, {"role": "system", "content": prompt})


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
        Whether to parse arguments of tool calls that are JSON strings. Texts that hold no JSON
        object stay as they are.

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
    refuse_in_message(value, field)
    message: Message = _without_function_call(value, f"{prefix}function_call")
    _check_content(message.get("content"), f"{prefix}content")
    for key in ("name", "tool_call_id", "reasoning_content", "reasoning"):
        if not isinstance(message.get(key, ""), (str, type(None))):
            raise InputError("must be a string", field=f"{prefix}{key}")
    if message.get("tool_calls") is not None:
        message["tool_calls"] = _tool_calls(message["tool_calls"], f"{prefix}tool_calls", mode)
    return message


def _without_function_call(message: Message, field: str) -> Message:
    """Return a copy in which the older way to call a function is the one of today.

    An empty list of calls is no call: servers drop it before the template sees it.
    """
    copy = dict(message)
    if copy.get("tool_calls") == []:
        del copy["tool_calls"]
    call = copy.pop("function_call", None)
    if call:
        if copy.get("tool_calls"):
            raise InputError("stands beside tool_calls; keep one of them", field=field)
        copy["tool_calls"] = [{"type": "function", "function": call}]
    if copy["role"] == "function":
        copy["role"] = "tool"
    return copy


TEXT_PARTS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "refusal": "refusal",
    "thinking": "thinking",
}
"""The field that holds the text, for each type of part that has one."""

_MAY_BE_NULL = frozenset({"text", "refusal"})


def _check_content(content: Any, field: str) -> None:
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise InputError("must be a string or an array of parts", field=field)
    for i, part in enumerate(content):
        _check_part(part, f"{field}[{i}]")


def _check_part(part: Any, at: str) -> None:
    if isinstance(part, str):
        return
    if not isinstance(part, dict):
        raise InputError("must be a string or an object", field=at)
    kind = part.get("type")
    if kind is None:
        raise InputError("is missing", field=f"{at}.type")
    if not isinstance(kind, str) or kind not in TEXT_PARTS:
        # A template writes a placeholder for an image, but the server sees many tokens.
        raise InputError(
            f"a part of type {brief(kind)} cannot be counted; only text can", field=f"{at}.type"
        )
    key = TEXT_PARTS[kind]
    if key not in part:
        raise InputError("is missing", field=f"{at}.{key}")
    if not isinstance(part[key], str) and not (part[key] is None and kind in _MAY_BE_NULL):
        raise InputError("must be a string", field=f"{at}.{key}")


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
    if mode == "objects" and isinstance(arguments, str):
        return {**function, "arguments": _parsed(arguments, f"{field}.arguments")}
    if arguments is not None and not isinstance(arguments, (dict, str)):
        raise InputError("must be an object or a JSON string", field=f"{field}.arguments")
    return function


def _parsed(arguments: str, field: str) -> Any:
    """Return the object in a JSON text. The text stays if it holds none: servers differ there."""
    try:
        # As servers do: if a model wrote a key twice, the last value counts.
        value = json.loads(arguments)
    except RecursionError:
        raise InputError("not JSON: nested too deeply", field=field) from None
    except ValueError:
        return arguments
    return value if isinstance(value, dict) else arguments
