"""The messages as they are written: what `apply_chat_template` gets from a script."""

from __future__ import annotations

from typing import Any

from strategies.conversations.conversation import Message, Tool, ToolArguments
from strategies.profiles.arguments import parsed_object
from strategies.profiles.profile import Profile, RefusedError, Rule, Traits


def _message(message: Message, _traits: Traits, mode: ToolArguments) -> Message:
    content = message.get("content")
    if isinstance(content, list):
        for i, part in enumerate(content):
            if not isinstance(part, dict) or part.get("type") != "text":
                # Templates pass over such a part without a word.
                raise RefusedError(f"content[{i}]", "is no part of type text")
    calls = message.get("tool_calls")
    if mode == "as-given" or not isinstance(calls, list) or not calls:
        return message
    checked = [_call(call, f"tool_calls[{i}]") for i, call in enumerate(calls)]
    if all(new is old for new, old in zip(checked, calls, strict=True)):
        return message
    return {**message, "tool_calls": checked}


def _call(call: Any, field: str) -> Any:
    wrapped = isinstance(call, dict) and isinstance(call.get("function"), dict)
    function = call["function"] if wrapped else call
    if not isinstance(function, dict) or isinstance(function.get("arguments", _NONE), dict):
        return call
    arguments = function.get("arguments", _NONE)
    if arguments is _NONE:
        return call
    if not arguments:
        function = {**function, "arguments": {}}
        return {**call, "function": function} if wrapped else function
    if not isinstance(arguments, str) or parsed_object(arguments) is None:
        at = f"{field}.function.arguments" if wrapped else f"{field}.arguments"
        raise RefusedError(at, "is no JSON object")
    return call


_NONE = object()


def _tool(tool: Tool) -> Tool:
    return tool


PROFILE = Profile(
    name="as-written",
    version="",
    summary="as the dataset has them",
    rules=(
        Rule("content", "as it is: null, a text, or parts of type text", ""),
        Rule("parts of other types", "refused: templates pass over them without a word", ""),
        Rule("arguments: null or empty", "an empty object", ""),
        Rule("arguments: no JSON object", "refused, unless tool arguments are as given", ""),
        Rule("tools", "as they are, an empty list too", "transformers 5.23, apply_chat_template"),
    ),
    message=_message,
    tool=_tool,
    whole=None,
)
