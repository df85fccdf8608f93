"""Anthropic messages: requests, or conversations, with contents of typed blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strategies.conversations.anthropic_blocks import (
    anthropic_messages,
    anthropic_system,
    anthropic_tools,
)
from strategies.conversations.conversation import Conversation
from strategies.conversations.fields import Reader
from strategies.conversations.format import (
    REQUEST_FIELDS,
    BrokenExample,
    Example,
    Format,
    is_anthropic,
    is_metadata,
    is_request,
    messages_field,
)
from strategies.conversations.known_fields import RECORD, Known
from strategies.conversations.messages import brief
from strategies.conversations.records import Record
from strategies.conversations.whole import WHOLE_FIELDS, conversation_of, read_array, read_tools
from strategies.errors import InputError

_FIELDS = WHOLE_FIELDS | {"messages", "thinking", "output_config"}
_KNOWN = Known(
    refused=dict(RECORD.refused)
    | dict.fromkeys(
        ("context_management", "container", "betas"),
        "lets the server change the prompt, and that cannot be counted; take it out",
    ),
    harmless=RECORD.harmless | {"anthropic_version", "anthropic_beta", "inference_geo", "speed"},
)


def _matches(record: dict[str, Any]) -> bool:
    if messages_field(record) != "messages" or is_metadata(record):
        return False
    return is_anthropic(record)


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    ((line, record),) = records
    messages = []
    for i, item in enumerate(read_array(record, "messages")):
        messages += anthropic_messages(item, f"messages[{i}]", reader)
    request = is_request(record) or record.get("max_tokens") is not None
    if request and messages and messages[-1]["role"] == "assistant":
        raise InputError(
            "the last message begins an answer: Anthropic's server goes on with it, others answer "
            "anew; take out the message, or the record",
            field=f"messages[{len(record['messages']) - 1}]",
        )
    fields = {
        **record,
        "system": anthropic_system(record.get("system"), reader),
        "tools": anthropic_tools(read_tools(record.get("tools")), reader),
        "tool_choice": _choice(record.get("tool_choice")),
        **_answering(record),
    }
    return conversation_of(Record(line, fields), messages, number, reader, request=request)


def _choice(choice: Any) -> Any:
    """Return the choice of a tool in OpenAI's words."""
    if not isinstance(choice, dict):
        return choice
    kind = choice.get("type")
    return choice if kind == "tool" else "none" if kind == "none" else None


def _answering(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of OpenAI's interface that say how to think and to answer."""
    thinking, config = record.get("thinking"), record.get("output_config")
    for name, value in (("thinking", thinking), ("output_config", config)):
        if not isinstance(value, (dict, type(None))):
            raise InputError("must be an object", field=name)
    kind = (thinking or {}).get("type")
    if kind not in (None, "enabled", "adaptive"):
        # vLLM tries which effort the template understands.
        raise InputError(
            f"{brief(kind)}: servers tell that to the template in different ways; take it out, and "
            "say it in chat_template_kwargs",
            field="thinking.type",
        )
    said: dict[str, Any] = {}
    if effort := (config or {}).get("effort"):
        said["reasoning_effort"] = effort
    if (config or {}).get("format"):
        raise InputError(
            "a template may write the format into the prompt; take out the field",
            field="output_config.format",
        )
    return said


_USER = {"role": "user", "content": "What is 1 + 1?"}
_TOOL = {"name": "add", "input_schema": {"type": "object"}}
_FUNCTION = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
_REQUEST = {"model": "m", "max_tokens": 8, "messages": [_USER], "system": "Be brief."}
_SYSTEM = {"role": "system", "content": "Be brief."}
_USE = {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}}


def _result(content: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "t1", "content": content}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


_BILLING = _text("x-anthropic-billing-header: 1")
_SEARCH = {"type": "web_search_20250305", "name": "web_search"}
_CALL = {"id": "t1", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
_HISTORY = [
    _USER,
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "I add.", "signature": "x"},
            _text("I add."),
            _USE,
        ],
    },
    {"role": "user", "content": [_result([_text("2"), _text("!")]), _text("Now"), _text("say.")]},
]

FORMAT = Format(
    "Anthropic messages",
    "one request or conversation per record, with blocks of Anthropic's types",
    _matches,
    _FIELDS | REQUEST_FIELDS,
    _read,
    shows=frozenset({"anthropic_version"}),
    known=_KNOWN,
    examples=(
        Example(
            "requests",
            (
                {
                    **_REQUEST,
                    "system": [
                        _text("x-anthropic-billing-header: 1"),
                        _text("Be "),
                        _text("brief."),
                    ],
                    "tools": [_TOOL],
                    "messages": _HISTORY,
                    "thinking": {"type": "enabled", "budget_tokens": 1024},
                },
                {**_REQUEST, "messages": [_USER, {"role": "assistant", "content": "2"}, _USER]},
            ),
            (
                Conversation(
                    "conversation-1",
                    (
                        _SYSTEM,
                        _USER,
                        {
                            "role": "assistant",
                            "reasoning": "I add.",
                            "tool_calls": [_CALL],
                            "content": "I add.",
                        },
                        {"role": "tool", "tool_call_id": "t1", "content": "2\n!"},
                        {"role": "user", "content": [_text("Now"), _text("say.")]},
                    ),
                    (_FUNCTION,),
                    (5,),
                ),
                Conversation(
                    "conversation-2",
                    (_SYSTEM, _USER, {"role": "assistant", "content": "2"}, _USER),
                    None,
                    (4,),
                ),
            ),
        ),
        Example(
            "a conversation",
            (
                {
                    "id": "c1",
                    "messages": [*_HISTORY[:2], {"role": "user", "content": [_result("2")]}],
                },
            ),
            (
                Conversation(
                    "c1",
                    (
                        _USER,
                        {
                            "role": "assistant",
                            "reasoning": "I add.",
                            "tool_calls": [_CALL],
                            "content": "I add.",
                        },
                        {"role": "tool", "tool_call_id": "t1", "content": "2"},
                    ),
                    None,
                    (1, 3),
                ),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "an image in a result",
            (
                _REQUEST,
                {
                    **_REQUEST,
                    "messages": [
                        {"role": "user", "content": [_result([{"type": "image", "source": {}}])]}
                    ],
                },
            ),
            line=2,
            field="messages[0].content[0].content[0].type",
            reason="a block of type 'image' cannot be counted",
        ),
        BrokenExample(
            "a result after a text",
            ({**_REQUEST, "messages": [{"role": "user", "content": [_text("x"), _result("2")]}]},),
            line=1,
            field="messages[0].content[1].type",
            reason="a result after a text",
        ),
        BrokenExample(
            "a system message among the others",
            ({**_REQUEST, "messages": [_USER, {"role": "system", "content": "x"}]},),
            line=1,
            field="messages[1].role",
            reason="servers put such a system message in different places",
        ),
        BrokenExample(
            "an answer that is begun",
            ({**_REQUEST, "messages": [_USER, {"role": "assistant", "content": "2"}]},),
            line=1,
            field="messages[1]",
            reason="the last message begins an answer",
        ),
        BrokenExample(
            "a tool of the server",
            (
                {
                    **_REQUEST,
                    "tools": [_TOOL, _SEARCH],
                },
            ),
            line=1,
            field="tools[1].type",
            reason="a tool of type 'web_search_20250305' is run by the server",
        ),
        BrokenExample(
            "no thinking",
            ({**_REQUEST, "thinking": {"type": "disabled"}},),
            line=1,
            field="thinking.type",
            reason="'disabled': servers tell that to the template in different ways",
        ),
    ),
)
