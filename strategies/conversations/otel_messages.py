"""Messages of OpenTelemetry's conventions for GenAI as OpenAI chat messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from strategies.conversations.conversation import Message, check_plain
from strategies.conversations.fields import Reader, string_of, type_of
from strategies.conversations.known_fields import MESSAGE, Known
from strategies.conversations.messages import brief, read_message
from strategies.errors import InputError

_PART = Known(refused={}, harmless=frozenset({"id", "signature", "finish_reason"}))


def otel_message(item: Any, at: str, reader: Reader) -> list[Message]:
    """Return the chat messages that a message with parts becomes.

    Each response of a tool is a message of its own. A message without parts is read as OpenAI's.

    Parameters
    ----------
    item
        The message.
    at
        Its place, for errors.
    reader
        How the data are read.

    Raises
    ------
    InputError
        With the field that is missing or wrong.
    """
    if not isinstance(item, dict) or item.get("parts") is None:
        return [read_message(item, at, reader)]
    known = Known(MESSAGE.refused, MESSAGE.harmless | {"finish_reason"})
    kept = reader.needed(item, frozenset({"role", "parts", "name"}), known, at)
    parts = kept.pop("parts")
    if not isinstance(parts, list):
        raise InputError("must be an array", field=f"{at}.parts")
    found = _Parts()
    for i, part in enumerate(parts):
        found.add(part, f"{at}.parts[{i}]", reader)
    return [read_message(each, at, reader) for each in found.messages(kept, f"{at}.parts")]


@dataclass(slots=True)
class _Parts:
    """What the parts of a message are."""

    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    results: list[Message] = field(default_factory=list)

    def add(self, part: Any, at: str, reader: Reader) -> None:
        kind = type_of(part, at)
        if kind == "text":
            self.texts.append(_text(part, "content", at, reader))
        elif kind == "reasoning":
            self.reasoning.append(_text(part, "content", at, reader))
        elif kind == "tool_call":
            self.calls.append(_call(part, at, reader))
        elif kind == "tool_call_response":
            self.results.append(_result(part, at, reader))
        else:
            reason = f"a part of type {brief(kind)} cannot be counted"
            raise InputError(reason, field=f"{at}.type")

    def messages(self, beside: dict[str, Any], at: str) -> list[Message]:
        if self.results:
            if self.texts or self.reasoning or self.calls:
                raise InputError("a response of a tool stands alone in its message", field=at)
            return self.results
        if len(self.reasoning) > 1:
            raise InputError(
                "several parts of reasoning: servers join them in different ways; make them one",
                field=at,
            )
        message = {name: value for name, value in beside.items() if value is not None}
        if self.texts:
            several = [{"type": "text", "text": text} for text in self.texts]
            message["content"] = self.texts[0] if len(self.texts) == 1 else several
        if self.reasoning:
            message["reasoning"] = self.reasoning[0]
        if self.calls:
            message["tool_calls"] = self.calls
        return [message]


def otel_system(value: Any, at: str, reader: Reader) -> list[Message]:
    """Return the system message of instructions, which are parts; none if there are no parts.

    Parameters
    ----------
    value
        The parts, or one text.
    at
        Its place, for errors.
    reader
        How the data are read.

    Raises
    ------
    InputError
        With the field that is wrong.
    """
    if value is None or value == []:
        return []
    parts = [{"type": "text", "content": value}] if isinstance(value, str) else value
    return otel_message({"role": "system", "parts": parts}, at, reader)


def calls_tools(item: Any) -> bool:
    """Whether a message has a call of a tool, so that its request offered tools."""
    parts = item.get("parts") if isinstance(item, dict) else None
    return isinstance(parts, list) and any(
        isinstance(part, dict) and part.get("type") in ("tool_call", "tool_call_response")
        for part in parts
    )


def _text(part: dict[str, Any], name: str, at: str, reader: Reader) -> str:
    reader.check(part, frozenset({"type", name}), _PART, at)
    text = string_of(part, name, at)
    check_plain(text, f"{at}.{name}")
    return text


def _call(part: dict[str, Any], at: str, reader: Reader) -> dict[str, Any]:
    kept = reader.needed(part, frozenset({"type", "id", "name", "arguments"}), _PART, at)
    for name in ("id", "name"):
        if not isinstance(kept.get(name), (str, type(None))):
            raise InputError("must be a string", field=f"{at}.{name}")
    if kept.get("name") is None:
        raise InputError("is missing", field=f"{at}.name")
    arguments = kept.get("arguments")
    if not isinstance(arguments, (str, dict, type(None))):
        raise InputError("must be an object or a JSON string", field=f"{at}.arguments")
    check_plain(arguments, f"{at}.arguments")
    call = {"type": "function", "function": {"name": kept["name"], "arguments": arguments}}
    return call if kept.get("id") is None else {"id": kept["id"], **call}


def _result(part: dict[str, Any], at: str, reader: Reader) -> Message:
    kept = reader.needed(part, frozenset({"type", "id", "response", "result"}), _PART, at)
    field = "result" if kept.get("response") is None and "result" in kept else "response"
    response = kept.get(field)
    if not isinstance(response, str):
        reason = (
            "is missing"
            if response is None
            else "must be a string: nobody knows as which text the server got a value"
        )
        raise InputError(reason, field=f"{at}.{field}")
    check_plain(response, f"{at}.{field}")
    message: Message = {"role": "tool"}
    if kept.get("id") is not None:
        message["tool_call_id"] = kept["id"]
    return {**message, "content": response}
