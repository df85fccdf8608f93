"""Short conversations that show what a template does with each role and field."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from strategies.conversations.conversation import Conversation

NEEDLE = "qzq"
"""A text that no template writes by itself."""
CALL_ID = "qzqcallid"
"""Nine letters, because some templates ask for that."""

_Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Probe:
    """Conversations of which each holds the same role or field.

    Parameters
    ----------
    subject
        The role, or the field as ``role.field``.
    conversations
        They hold it in different places. Some templates refuse some of them.
    later
        The same if a user message follows; templates may then drop what is before it.
    """

    subject: str
    conversations: tuple[Conversation, ...]
    later: tuple[Conversation, ...] = ()


def _user(content: str = "hello") -> _Message:
    return {"role": "user", "content": content}


def _assistant(content: str = "fine", **fields: Any) -> _Message:
    return {"role": "assistant", "content": content, **fields}


def _calls(name: str = "search", value: str = "x", number: str = "abcdefgh1") -> list[_Message]:
    function = {"name": name, "arguments": {"text": value}}
    return [{"id": number, "type": "function", "function": function}]


def _result(content: str = "found", **fields: Any) -> _Message:
    return {"role": "tool", "tool_call_id": "abcdefgh1", "content": content, **fields}


def _tool(name: str = "search", description: str = "looks for a text") -> _Message:
    text = {"type": "string", "description": "what to look for"}
    parameters = {"type": "object", "properties": {"text": text}, "required": ["text"]}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def _made(*messages: _Message, tools: tuple[_Message, ...] | None = None) -> Conversation:
    return Conversation("probe", messages, tools, (len(messages),))


def _with_tools(*messages: _Message) -> Conversation:
    return _made(*messages, tools=(_tool(),))


def _after_call(*messages: _Message) -> Conversation:
    return _with_tools(_user(), _assistant("", tool_calls=_calls()), *messages)


def _reasoning(field: str) -> Probe:
    return Probe(
        f"assistant.{field}",
        (_with_tools(_user(), _assistant("", tool_calls=_calls(), **{field: NEEDLE}), _result()),),
        (_made(_user(), _assistant(**{field: NEEDLE}), _user()),),
    )


def with_text_arguments(conversation: Conversation) -> Conversation:
    """Return a conversation with the arguments of its tool calls as JSON text.

    Some templates want them so.
    """
    messages = []
    for message in conversation.messages:
        calls = [
            {
                **call,
                "function": {
                    **call["function"],
                    "arguments": json.dumps(call["function"]["arguments"]),
                },
            }
            for call in message.get("tool_calls", ())
        ]
        messages.append({**message, "tool_calls": calls} if calls else message)
    return replace(conversation, messages=tuple(messages), tool_arguments="as-given")


def probes() -> tuple[Probe, ...]:
    """Return a probe for each role, and for each field that a template may read."""
    answer = _assistant()
    return (
        Probe("system", (_made({"role": "system", "content": NEEDLE}, _user()),)),
        Probe("developer", (_made({"role": "developer", "content": NEEDLE}, _user()),)),
        Probe("user", (_made(_user(NEEDLE)),)),
        Probe("assistant", (_made(_user(), _assistant(NEEDLE), _user()),)),
        Probe(
            "tool",
            (
                _after_call(_result(NEEDLE)),
                _after_call(_result(NEEDLE), answer, _user()),
                _after_call(_result(NEEDLE, name="search")),
            ),
        ),
        Probe("user.name", (_made({**_user(), "name": NEEDLE}),)),
        _reasoning("reasoning_content"),
        _reasoning("reasoning"),
        Probe(
            "assistant.content beside tool_calls",
            (_with_tools(_user(), _assistant(NEEDLE, tool_calls=_calls()), _result()),),
        ),
        Probe(
            "assistant.tool_calls",
            (
                _with_tools(_user(), _assistant("", tool_calls=_calls(NEEDLE)), _result()),
                _with_tools(
                    _user(), _assistant("", tool_calls=_calls(NEEDLE)), _result(), answer, _user()
                ),
            ),
        ),
        Probe(
            "assistant.tool_calls.arguments",
            (_with_tools(_user(), _assistant("", tool_calls=_calls(value=NEEDLE)), _result()),),
        ),
        Probe(
            "assistant.tool_calls.id",
            (
                _with_tools(
                    _user(),
                    _assistant("", tool_calls=_calls(number=CALL_ID)),
                    {**_result(), "tool_call_id": CALL_ID},
                ),
            ),
        ),
        Probe("tool.name", (_after_call(_result(name=NEEDLE)),)),
        Probe("tools", (_made(_user(), tools=(_tool(NEEDLE),)),)),
        Probe("tools.description", (_made(_user(), tools=(_tool(description=NEEDLE),)),)),
    )


def growing() -> tuple[Conversation, ...]:
    """Return conversations of several turns, to see whether each prompt begins with the last."""
    thought = {"reasoning_content": "let me think"}
    chat = (_user(), _assistant(), _user("and then?"), _assistant("nothing"), _user("well"))
    thinking = (
        *(_user(), _assistant(**thought), _user("and then?"), _assistant("nothing", **thought)),
        _user("well"),
    )
    calls = {"tool_calls": _calls()}
    loop = (
        *(_user(), _assistant("", **calls, **thought), _result()),
        *(_assistant("", **calls, **thought), _result(), _assistant("done", **thought)),
        _user("and then?"),
    )
    return (
        Conversation("plain chat", chat, None, (1, 3, 5)),
        Conversation("chat with reasoning", thinking, None, (1, 3, 5)),
        Conversation("tool loop", loop, (_tool(),), (1, 3, 5, 7)),
    )
