"""The messages as vLLM's server with OpenAI's interface gives them to the chat template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strategies.conversations.conversation import Message, Tool, ToolArguments
from strategies.conversations.tools import wrapped
from strategies.profiles.arguments import parsed_object
from strategies.profiles.profile import Profile, RefusedError, Rule, Traits

_TEXT_OF = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "refusal": "refusal",
    "thinking": "thinking",
}
"""Types of parts that are text, and the field that holds it."""

_UNCHANGED: Mapping[str, set[tuple[str, ...]]] = {
    "system": {("role", "content"), ("role", "content", "name")},
    "user": {("role", "content"), ("role", "content", "name")},
    "assistant": {("role", "content"), ("role", "content", "name")},
    "tool": {
        ("role", "content"),
        ("role", "content", "tool_call_id"),
        ("role", "content", "name"),
        ("role", "content", "tool_call_id", "name"),
    },
}
"""Fields of messages, by role and in order, that no rule changes if the content is a text."""

_BILLING = "x-anthropic-billing-header"


def _message(message: Message, traits: Traits, mode: ToolArguments) -> Message:
    role = message["role"]
    content = message.get("content")
    # Most messages are like this, and there are many of them.
    if (
        isinstance(content, str)
        and (not traits.reads_parts or role == "tool")
        and tuple(message) in _UNCHANGED.get(role, ())
        and not (role == "system" and content.startswith(_BILLING))
    ):
        return message
    served: Message = {"role": role, "content": _content(content, role, traits)}
    if role == "function":
        role = served["role"] = "tool"
    if role == "assistant":
        calls = _calls(message, mode)
        if calls:
            served["tool_calls"] = calls
        reasoning = message.get("reasoning")
        if reasoning is None:
            reasoning = message.get("reasoning_content")
        if reasoning is not None:
            served["reasoning"] = reasoning
            served["reasoning_content"] = reasoning
    elif role == "tool" and "tool_call_id" in message:
        served["tool_call_id"] = message["tool_call_id"]
    if isinstance(message.get("name"), str):
        served["name"] = message["name"]
    if isinstance(message.get("task"), str):
        served["task"] = message["task"]
    if role == "developer":
        served["tools"] = message.get("tools")
    return served


def _content(content: Any, role: str, traits: Traits) -> Any:
    if content is None:
        parts: list[Any] = []
    elif isinstance(content, str):
        parts = [{"type": "text", "text": content}]
    elif isinstance(content, list):
        parts = content
    else:
        raise RefusedError("content", "must be a text or an array of parts")
    if role == "system":
        parts = [kept for part in parts if (kept := _without_billing(part)) is not None]
    texts = [text for i, part in enumerate(parts) if (text := _part(part, i)) is not None]
    if not traits.reads_parts:
        # An empty part adds no line end.
        return "\n".join(text for text, _ in texts if text)
    if role in ("tool", "function"):
        return "\n".join(text for text, _ in texts)
    return [{"type": "text", "text": text, **more} for text, more in texts]


def _part(part: Any, place: int) -> tuple[str, dict[str, Any]] | None:
    """Return the text of a part and the other fields that a template sees in it."""
    field = f"content[{place}]"
    if isinstance(part, str):
        return part, {}
    if not isinstance(part, dict):
        raise RefusedError(field, "must be a text or an object")
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in _TEXT_OF:
        raise RefusedError(f"{field}.type", f"a part of type {kind!r} is no text; take it out")
    if part.get("uuid") is not None:
        raise RefusedError(f"{field}.uuid", "marks a part as media; take it out")
    text = part.get(_TEXT_OF[kind])
    if text is None and kind in ("text", "refusal"):
        return None
    if not isinstance(text, str):
        raise RefusedError(f"{field}.{_TEXT_OF[kind]}", "must be a string")
    return text, {key: value for key, value in part.items() if key not in _PART_FIELDS}


_PART_FIELDS = {
    *("type", "text", "refusal", "thinking", "closed", "name", "data", "uuid", "file"),
    *("image_url", "image_pil", "image_embeds", "audio_url", "audio_embeds", "input_audio"),
    *("video_url", "video_embeds"),
}
"""Fields that the types of parts name. Others stay in the part that the template sees."""


def _without_billing(part: Any) -> Any:
    """Return a part without the line that Claude Code puts first; None if nothing is left."""
    text = part if isinstance(part, str) else None
    if isinstance(part, dict) and part.get("type") == "text":
        text = part.get("text")
    if not isinstance(text, str) or not text.startswith(_BILLING):
        return part
    rest = text.partition("\n")[2]
    if not rest:
        return None
    return rest if isinstance(part, str) else {**part, "text": rest}


def _calls(message: Message, mode: ToolArguments) -> list[dict[str, Any]]:
    calls = message.get("tool_calls")
    old = message.get("function_call")
    if calls is None and old:
        calls = [{"type": "function", "function": old}]
    if calls is None:
        return []
    if not isinstance(calls, list):
        raise RefusedError("tool_calls", "must be an array")
    return [_call(call, f"tool_calls[{i}]", mode) for i, call in enumerate(calls)]


def _call(call: Any, field: str, mode: ToolArguments) -> dict[str, Any]:
    if not isinstance(call, dict):
        raise RefusedError(field, "must be an object")
    if "function" not in call and "name" in call:
        call = {"type": "function", "function": call}
    function = call.get("function")
    if call.get("type", "function") != "function" or not isinstance(function, dict):
        raise RefusedError(f"{field}.type", "only calls of functions have a prompt")
    arguments = function.get("arguments")
    if mode == "objects" and not isinstance(arguments, dict):
        arguments = (parsed_object(arguments) if isinstance(arguments, str) else None) or {}
    # The fields come out in the order in which the server's types name them.
    ordered = {"arguments": arguments, "name": function.get("name"), **function}
    ordered["arguments"] = arguments
    first = {"id": call["id"]} if "id" in call else {}
    return {**first, "function": ordered, "type": "function", **_rest(call)}


def _rest(call: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in call.items() if key not in ("id", "function", "type")}


def _tool(tool: Tool) -> Tool:
    kind = tool.get("type", "function")
    if kind != "function" and not (kind == "custom" and "input_schema" in tool):
        raise RefusedError("type", f"a tool of type {kind!r} is no function")
    function = tool.get("function")
    if function is None:
        bare = {key: value for key, value in tool.items() if key != "function"}
        function = wrapped(bare).get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise RefusedError("function.name", "must be a string")
    served: dict[str, Any] = {
        "name": function["name"],
        "description": function.get("description"),
        "parameters": function.get("parameters"),
    }
    deferred = tool.get("defer_loading")
    within = function.get("defer_loading")
    within = deferred if within is None else within
    if function.get("strict") is not None:
        served["strict"] = function["strict"]
    if within is not None:
        served["defer_loading"] = within
    whole: Tool = {"type": "function", "function": served}
    if deferred is not None:
        whole["defer_loading"] = deferred
    return whole


def _whole(
    messages: list[Message], turns: Sequence[int], traits: Traits
) -> tuple[list[Message], list[int]]:
    """Make developer messages system messages, and all of these one at the start."""
    kept = list(range(len(messages) + 1))
    developer = next((i for i, each in enumerate(messages) if each["role"] == "developer"), None)
    if developer is None or traits.names_developer:
        return messages, kept
    places = [i for i, each in enumerate(messages) if each["role"] in ("system", "developer")]
    first_turn = turns[0] if turns else len(messages)
    late = next((i for i in places if i >= max(first_turn, developer)), None)
    if late is not None:
        # From there on the server writes its text at the start of the prompt, so turns before
        # and after it have no prefix in common.
        raise RefusedError(
            f"messages[{late}].role",
            "vLLM moves this message to the start, because the template knows no developer; "
            "give it as a user message",
            late,
        )
    moved = [{**messages[i], "role": "system"} for i in places]
    for message in moved:
        message.pop("tools", None)
    if places == [0]:
        return [moved[0], *messages[1:]], kept
    texts = [text for message in moved if (text := _joined(message["content"]))]
    merged: Message = {"role": "system", "content": "\n\n".join(texts)}
    others = [message for message in messages if message["role"] not in ("system", "developer")]
    # Each turn has the merged message, because all that is in it stands before the first turn.
    lengths = [1]
    for message in messages:
        lengths.append(lengths[-1] + (message["role"] not in ("system", "developer")))
    return [merged, *others], lengths


def _joined(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content)


_MESSAGE = "vllm/renderers/chat_utils/chat_message.py"
_HF = "vllm/renderers/hf.py"
_REQUEST = "vllm/entrypoints/openai/chat_completion/protocol.py"
_FUNCTION = "vllm/entrypoints/generate/base/protocol.py"

PROFILE = Profile(
    name="vllm",
    version="0.33.0",
    summary="as its server gives them to the template",
    rules=(
        Rule(
            "content: null or missing", "an empty text", f"{_MESSAGE}, parse_chat_message_content"
        ),
        Rule(
            "content: parts",
            "types text, input_text, output_text, refusal and thinking, and plain strings, "
            "joined by a line end, empty ones left out; if the template walks over parts, an "
            "array of text parts, and a text becomes one part",
            f"{_MESSAGE}, parse_chat_message_content_parts; {_HF}, _detect_content_format",
        ),
        Rule("content of tool messages", "always one text", f"{_MESSAGE}"),
        Rule("parts: a null text or refusal", "left out", f"{_MESSAGE}"),
        Rule("parts: media and others", "refused: they are no text", f"{_MESSAGE}"),
        Rule(
            "system: a first line x-anthropic-billing-header",
            "left out",
            f"{_MESSAGE}, _strip_claude_code_billing_header",
        ),
        Rule("tool_calls: []", "left out", f"{_MESSAGE}, _postprocess_messages"),
        Rule(
            "arguments",
            "the object in the text; an empty object for null, an empty text, no JSON, or JSON "
            "that is no object",
            f"{_MESSAGE}, _postprocess_messages",
        ),
        Rule(
            "order of fields in a call",
            "id, function (arguments, name), type, then others",
            "openai 3.57, ChatCompletionMessageFunctionToolCallParam, by which pydantic orders",
        ),
        Rule(
            "reasoning, reasoning_content",
            "both names for the same text, in assistant messages",
            f"{_REQUEST}; {_MESSAGE}",
        ),
        Rule(
            "other fields of messages",
            "left out, but name, tool_call_id of tool messages, and task",
            f"{_MESSAGE}",
        ),
        Rule("function_call, role function", "a call in tool_calls, role tool", "clients"),
        Rule(
            "tools",
            "type and function, with name, description (null if missing), parameters (null if "
            "missing), and strict if given; other fields are left out",
            f"{_FUNCTION}, FunctionDefinition; {_REQUEST}, ChatCompletionToolsParam",
        ),
        Rule(
            "tools: bare, of the Responses interface, of Anthropic's",
            "wrapped as a function; input_schema is parameters",
            "clients",
        ),
        Rule(
            "tools: []",
            "an empty list, as LLM.chat hands it on; the server refuses such a request",
            f"{_HF}, safe_apply_chat_template; {_REQUEST}, check_tool_usage",
        ),
        Rule(
            "role developer",
            "as it is if the template names it; else system, and all system messages are one at "
            "the start, joined by an empty line",
            f"{_HF}, _convert_developer_to_system, _consolidate_system_messages",
        ),
    ),
    message=_message,
    tool=_tool,
    whole=_whole,
    whole_roles=frozenset({"developer"}),
)
