"""Conversations as they are counted, made of those as they are written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strategies import Conversation, Message
from strategies.conversations.conversation import ToolArguments
from strategies.conversations.json_text import object_in


def as_counted(conversation: Conversation, tool_arguments: ToolArguments) -> Conversation:
    """Return a conversation as the reader of datasets would have returned it.

    Parameters
    ----------
    conversation
        Read with the arguments of tool calls as they are given.
    tool_arguments
        How they are to be counted.
    """
    if tool_arguments == "as-given":
        return conversation
    messages = tuple(map(_message, conversation.messages))
    return replace(conversation, messages=messages, tool_arguments=tool_arguments)


def _message(message: Message) -> Message:
    calls = message.get("tool_calls")
    if not calls:
        return message
    return {**message, "tool_calls": [_call(call) for call in calls]}


def _call(call: dict[str, Any]) -> dict[str, Any]:
    if isinstance(call.get("function"), dict):
        return {**call, "function": _function(call["function"])}
    return _function(call)


def _function(function: dict[str, Any]) -> dict[str, Any]:
    arguments = function.get("arguments")
    # A text that holds no object stays: servers differ there.
    parsed = object_in(arguments) if isinstance(arguments, str) else None
    return function if parsed is None else {**function, "arguments": parsed}
