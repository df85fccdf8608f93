"""Anthropic messages as OpenAI chat messages, by the rules of vLLM 0.33.

The rules are those of `vllm/entrypoints/anthropic/serving.py`. What vLLM places by the template,
or other servers place differently, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from strategies.conversations.conversation import Message, Tool, check_plain
from strategies.conversations.fields import Reader, string_of, type_of
from strategies.conversations.known_fields import MESSAGE, PART, Known
from strategies.conversations.messages import brief, read_message
from strategies.errors import InputError

BLOCK = Known(
    refused=PART.refused,
    harmless=PART.harmless | {"citations", "is_error", "caller"},
)
"""Of a block of a content. vLLM shows none of the harmless fields to a template."""

TOOL = Known(
    refused={
        "defer_loading": "servers disagree whether such a tool is in the prompt; take it out",
        "input_examples": "may be a part of the prompt; take it out",
    },
    harmless=frozenset({"type", "cache_control", "eager_input_streaming", "allowed_callers"}),
)
"""Of a tool."""

_BILLING = "x-anthropic-billing-header"


def anthropic_messages(item: Any, at: str, reader: Reader) -> list[Message]:
    """Return the chat messages that a message of Anthropic's interface becomes.

    The results of tools come first, each as a message of its own.

    Parameters
    ----------
    item
        The message as the file has it.
    at
        Its place in the record, for errors.
    reader
        How the dataset is read.

    Raises
    ------
    InputError
        With the field that is missing or wrong.
    """
    if not isinstance(item, dict):
        raise InputError("must be an object", field=at)
    role = item.get("role")
    if role == "system":
        raise InputError(
            "servers put such a system message in different places; write it into system",
            field=f"{at}.role",
        )
    if role not in ("user", "assistant"):
        reason = "is missing" if role is None else f"unknown role {brief(role)}"
        raise InputError(reason, field=f"{at}.role")
    kept = reader.needed(item, frozenset({"role", "content", "type"}), MESSAGE, at)
    content = kept.get("content")
    if isinstance(content, str):
        return [read_message({"role": role, "content": content}, at, reader)]
    if not isinstance(content, list):
        reason = "is missing" if content is None else "must be a string or an array of blocks"
        raise InputError(reason, field=f"{at}.content")
    return _Parts(role, at, reader).of(content)


@dataclass(slots=True)
class _Parts:
    """What the blocks of one message have become so far."""

    role: str
    at: str
    reader: Reader
    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    results: list[Message] = field(default_factory=list)

    def of(self, blocks: Sequence[Any]) -> list[Message]:
        for i, block in enumerate(blocks):
            at = f"{self.at}.content[{i}]"
            kind = type_of(block, at)
            _READ.get(kind, _Parts._refuse)(self, block, at)
        message: Message = {"role": self.role}
        if self.reasoning:
            message["reasoning"] = "".join(self.reasoning)
        if self.calls:
            message["tool_calls"] = self.calls
        if len(self.texts) == 1:
            message["content"] = self.texts[0]
        elif self.texts:
            message["content"] = [{"type": "text", "text": text} for text in self.texts]
        if self.role == "user" and "content" not in message:
            return self.results
        return [*self.results, message]

    def _text(self, block: dict[str, Any], at: str) -> None:
        if text := _string(block, "text", at, self.reader):
            self.texts.append(text)

    def _thinking(self, block: dict[str, Any], at: str) -> None:
        self._only("assistant", at)
        self.reasoning.append(_string(block, "thinking", at, self.reader))

    def _redacted(self, block: dict[str, Any], at: str) -> None:
        self._only("assistant", at)
        self.reader.check(block, frozenset({"type", "data"}), BLOCK, at)
        self.reader.leave_out(f"{self.at}.content[].redacted_thinking")

    def _use(self, block: dict[str, Any], at: str) -> None:
        self._only("assistant", at)
        self.reader.check(block, frozenset({"type", "id", "name", "input"}), BLOCK, at)
        use, name = (string_of(block, key, at) for key in ("id", "name"))
        arguments = block.get("input")
        if not isinstance(arguments, (dict, type(None))):
            raise InputError("must be an object", field=f"{at}.input")
        check_plain(arguments, f"{at}.input")
        arguments = arguments or {}
        if self.reader.options.tool_arguments == "as-given":
            arguments = json.dumps(arguments)
        function = {"name": name, "arguments": arguments}
        self.calls.append({"id": use, "type": "function", "function": function})

    def _result(self, block: dict[str, Any], at: str) -> None:
        self._only("user", at)
        if self.texts:
            raise InputError(
                "a result after a text: servers put them in different orders; put it first",
                field=f"{at}.type",
            )
        self.reader.check(block, frozenset({"type", "tool_use_id", "content"}), BLOCK, at)
        name = string_of(block, "tool_use_id", at)
        text = _joined(block.get("content"), f"{at}.content", self.reader, "\n")
        self.results.append({"role": "tool", "tool_call_id": name, "content": text})

    def _refuse(self, block: dict[str, Any], at: str) -> None:
        raise InputError(
            f"a block of type {brief(block['type'])} cannot be counted", field=f"{at}.type"
        )

    def _only(self, role: str, at: str) -> None:
        if self.role != role:
            raise InputError(f"such a block belongs to the {role}", field=f"{at}.type")


_READ: dict[str, Callable[[_Parts, dict[str, Any], str], None]] = {
    "text": _Parts._text,
    "thinking": _Parts._thinking,
    "redacted_thinking": _Parts._redacted,
    "tool_use": _Parts._use,
    "tool_result": _Parts._result,
}


def _string(block: dict[str, Any], name: str, at: str, reader: Reader) -> str:
    reader.check(block, frozenset({"type", name}), BLOCK, at)
    text = string_of(block, name, at)
    check_plain(text, f"{at}.{name}")
    return text


def _joined(content: Any, at: str, reader: Reader, separator: str, *, billing: bool = True) -> str:
    """Return a content of texts as one text."""
    if content is None or isinstance(content, str):
        check_plain(content, at)
        return content or ""
    if not isinstance(content, list):
        raise InputError("must be a string or an array of blocks", field=at)
    texts = []
    for i, block in enumerate(content):
        place = f"{at}[{i}]"
        kind = type_of(block, place)
        if kind != "text":
            raise InputError(
                f"a block of type {brief(kind)} cannot be counted; only text can",
                field=f"{place}.type",
            )
        text = _string(block, "text", place, reader)
        if billing or not text.startswith(_BILLING):
            texts.append(text)
    return separator.join(texts)


def anthropic_system(value: Any, reader: Reader) -> str | None:
    """Return the system prompt of a request, which may be an array of texts.

    A block with the billing header of Claude Code is left out, and texts follow each other with
    nothing between them.

    Raises
    ------
    InputError
        With the field, if it is something else.
    """
    return _joined(value, "system", reader, "", billing=False) or None


def anthropic_tools(tools: Sequence[Tool] | None, reader: Reader) -> list[Tool] | None:
    """Return the tools of a request as functions.

    Raises
    ------
    InputError
        With the field, for a tool that the server itself would run, or that is none.
    """
    return None if tools is None else [_tool(t, f"tools[{i}]", reader) for i, t in enumerate(tools)]


def _tool(tool: Tool, at: str, reader: Reader) -> Tool:
    if tool.get("type") not in (None, "custom"):
        raise InputError(
            f"a tool of type {brief(tool['type'])} is run by the server, which may add to the "
            "prompt; take it out",
            field=f"{at}.type",
        )
    reads = frozenset({"name", "description", "input_schema", "strict"})
    reader.check(tool, reads, TOOL, at)
    schema = tool.get("input_schema")
    if not isinstance(tool.get("name"), str):
        raise InputError("must be a string", field=f"{at}.name")
    if not isinstance(schema, dict):
        raise InputError("must be an object", field=f"{at}.input_schema")
    check_plain(tool, at)
    function = {"name": tool["name"]}
    function |= {
        name: tool[name] for name in ("description", "strict") if tool.get(name) is not None
    }
    # As vLLM does, which adds the type at the end of a schema that has none.
    typed = schema if "type" in schema else {**schema, "type": "object"}
    return {"type": "function", "function": {**function, "parameters": typed}}
