"""Read and check messages: roles, contents, tool calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from strategies.conversations.conversation import Message, ToolArguments
from strategies.conversations.fields import Reader
from strategies.conversations.json_text import json_type, object_in
from strategies.conversations.known_fields import CALL, MESSAGE, PART
from strategies.errors import InputError

ROLES = ("system", "developer", "user", "assistant", "tool", "function")

MESSAGE_FIELDS = frozenset(
    [
        "role",
        "content",
        "name",
        "tool_calls",
        "tool_call_id",
        "function_call",
        "reasoning_content",
        "reasoning",
        "thinking",
        "prefix",
        "partial",
        "type",
    ]
)
"""What is read of a message."""

CONTINUES = ("prefix", "partial")
"""Fields of the last message that ask the server to continue it."""

MessageReader: TypeAlias = Callable[[Any, str, Reader], Message]
"""Returns the message that an item of an array holds; the text is the item's place."""


def read_messages(
    items: Sequence[Any], field: str, reader: Reader, read: MessageReader
) -> tuple[list[Message], bool]:
    """Return messages, and whether the last one is to be continued.

    Parameters
    ----------
    items
        The messages as the file has them.
    field
        The field that holds them, for errors.
    reader
        How the dataset is read.
    read
        Reads one of them.

    Raises
    ------
    InputError
        With the field that is missing or wrong.
    """
    messages = [read(item, f"{field}[{i}]", reader) for i, item in enumerate(items)]
    continued = False
    for i, (item, message) in enumerate(zip(items, messages, strict=True)):
        last = i == len(items) - 1 and message["role"] == "assistant"
        continued = continues(item, f"{field}[{i}]", last=last)
    return messages, continued


def continues(item: dict[str, Any], field: str, *, last: bool) -> bool:
    """Return whether a message says that the server continues it.

    Parameters
    ----------
    item
        The message as the file has it.
    field
        Its place in the record, for errors; empty if it is the record itself.
    last
        Whether it is the last message, and the assistant's.

    Raises
    ------
    InputError
        If it says so and is not, or says something else.
    """
    for name in CONTINUES:
        value = item.get(name)
        place = f"{field}.{name}" if field else name
        if value and value is not True:
            raise InputError("must be true or false", field=place)
        if value and not last:
            raise InputError(
                "only the last message can be continued, if it is the assistant's; take out the "
                "field",
                field=place,
            )
    return any(item.get(name) for name in CONTINUES)


def brief(value: Any) -> str:
    """Return a value as errors show it; only its type if it is no text, and may be long."""
    return repr(value[:80]) if isinstance(value, str) else f"({json_type(value)})"


def read_message(value: Any, field: str, reader: Reader) -> Message:
    """Return an OpenAI chat message after checking all that a prompt depends on.

    Content, arguments and calls that servers treat in different ways stay as they are. Only
    what no server can count is refused.

    Parameters
    ----------
    value
        The message as the file has it.
    field
        Its place in the record, for errors; empty if it is the record itself.
    reader
        How the dataset is read: whether to parse arguments of tool calls that are JSON strings.
        Texts that hold no JSON object stay as they are.

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
    message: Message = reader.needed(value, MESSAGE_FIELDS, MESSAGE, field)
    for name in CONTINUES:
        message.pop(name, None)
    if message.pop("type", None) not in (None, "message"):
        raise InputError("only items of type 'message' are read", field=f"{prefix}type")
    _modernize(message, f"{prefix}function_call")
    content = message.get("content")
    if isinstance(content, list):
        message["content"] = [
            _part(part, f"{prefix}content[{i}]", reader) for i, part in enumerate(content)
        ]
    elif content is not None and not isinstance(content, str):
        raise InputError("must be a string or an array of parts", field=f"{prefix}content")
    for key in ("name", "tool_call_id", "reasoning_content", "reasoning", "thinking"):
        if not isinstance(message.get(key, ""), (str, type(None))):
            raise InputError("must be a string", field=f"{prefix}{key}")
    if message.get("tool_calls") is not None:
        message["tool_calls"] = _tool_calls(message["tool_calls"], f"{prefix}tool_calls", reader)
    return message


def _modernize(message: Message, field: str) -> None:
    """Turn the older way to call a function into the one of today.

    An empty list of calls is no call: servers drop it before the template sees it.
    """
    if message.get("tool_calls") == []:
        del message["tool_calls"]
    call = message.pop("function_call", None)
    if call:
        if message.get("tool_calls"):
            raise InputError("stands beside tool_calls; keep one of them", field=field)
        message["tool_calls"] = [{"type": "function", "function": call}]
    if message["role"] == "function":
        message["role"] = "tool"


TEXT_PARTS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "refusal": "refusal",
    "thinking": "thinking",
}
"""The field that holds the text, for each type of part that has one."""

_ANTHROPIC = ("tool_use", "tool_result", "redacted_thinking")
_MAY_BE_NULL = frozenset({"text", "refusal"})


def _part(part: Any, at: str, reader: Reader) -> Any:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise InputError("must be a string or an object", field=at)
    kind = part.get("type")
    if kind is None:
        raise InputError("is missing", field=f"{at}.type")
    if not isinstance(kind, str) or kind not in TEXT_PARTS:
        # A template writes a placeholder for an image, but the server sees many tokens.
        reason = f"a part of type {brief(kind)} cannot be counted; only text can"
        if kind in _ANTHROPIC:
            reason = (
                f"a part of type {brief(kind)} is Anthropic's; --format anthropic-messages reads it"
            )
        raise InputError(reason, field=f"{at}.type")
    key = TEXT_PARTS[kind]
    if key not in part:
        raise InputError("is missing", field=f"{at}.{key}")
    if not isinstance(part[key], str) and not (part[key] is None and kind in _MAY_BE_NULL):
        raise InputError("must be a string", field=f"{at}.{key}")
    return reader.needed(part, {"type", key}, PART, at)


_CALL_FIELDS = frozenset({"id", "type", "function"})
_FLAT_CALL_FIELDS = frozenset({"id", "type", "name", "arguments"})
_FUNCTION_FIELDS = frozenset({"name", "arguments"})


def _tool_calls(calls: Any, field: str, reader: Reader) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise InputError("must be an array", field=field)
    checked = []
    for i, call in enumerate(calls):
        at = f"{field}[{i}]"
        if not isinstance(call, dict):
            raise InputError("must be an object", field=at)
        if "function" in call:
            kept = reader.needed(call, _CALL_FIELDS, CALL, at)
            kept["function"] = _function(
                call["function"], _FUNCTION_FIELDS, f"{at}.function", reader
            )
        else:
            kept = _function(call, _FLAT_CALL_FIELDS, at, reader)
        checked.append(kept)
    return checked


def _function(function: Any, reads: frozenset[str], field: str, reader: Reader) -> dict[str, Any]:
    if not isinstance(function, dict):
        raise InputError("must be an object", field=field)
    if not isinstance(function.get("name"), str):
        reason = "must be a string" if "name" in function else "is missing"
        raise InputError(reason, field=f"{field}.name")
    kept = reader.needed(function, reads, CALL, field)
    at = f"{field}.arguments"
    arguments = kept.get("arguments")
    if isinstance(arguments, str):
        kept["arguments"] = _parsed(arguments, at, reader.options.tool_arguments)
    elif arguments is not None and not isinstance(arguments, dict):
        raise InputError("must be an object or a JSON string", field=at)
    return kept


def _parsed(arguments: str, field: str, mode: ToolArguments) -> Any:
    """Return the object in a JSON text. The text stays if it holds none: servers differ there."""
    if mode == "as-given":
        return arguments
    try:
        parsed = object_in(arguments)
    except RecursionError:
        raise InputError("not JSON: nested too deeply", field=field) from None
    return arguments if parsed is None else parsed
