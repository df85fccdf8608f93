"""A request as vLLM hands it to mistral-common, in the order in which vLLM changes it.

Read in vLLM 0.33.0: ``entrypoints/openai/chat_completion/protocol.py`` (reasoning),
``renderers/online_renderer.py`` and ``tokenizers/mistral.py`` (ids of calls, reasoning effort),
``renderers/chat_utils/chat_message.py`` (arguments of calls);
and in transformers 5.23.0, whose ``tokenization_mistral_common.py`` makes the call.
docs/renderers.md lists the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strategies.conversations.conversation import Message, Tool
from strategies.conversations.tools import wrapped
from strategies.profiles.arguments import parsed_object

CONVERSION = "vllm-mistral 1"

ID_LENGTH = 9
"""Characters of an id of a tool call that mistral-common takes before version 13."""

_MEDIA = frozenset({"image", "image_url", "input_audio", "audio", "audio_url"})


def served_message(message: Message) -> Message:
    """Return a message as mistral-common gets it; the given one is not changed.

    Raises
    ------
    ValueError
        For a part that is an image or a sound, which mistral-common would read from a file or the
        network, and for a ``function_call``, which it would leave out without a word.
    """
    if message.get("function_call") is not None:
        raise ValueError("function_call: mistral-common leaves it out; write it as tool_calls")
    content = message.get("content")
    if isinstance(content, list):
        for place, part in enumerate(content):
            _check_part(part, f"content[{place}]")
    served = dict(message)
    # Only `reasoning` goes on. mistral-common itself would refuse two that differ.
    content_of_reasoning = served.pop("reasoning_content", None)
    if content_of_reasoning is not None and served.get("reasoning") is None:
        served["reasoning"] = content_of_reasoning
    role = message.get("role")
    if role == "assistant" and isinstance(message.get("tool_calls"), list):
        served["tool_calls"] = [_served_call(call) for call in message["tool_calls"]]
    elif role == "tool":
        served = _with_short_id(served, "tool_call_id")
    return served


def served_tool(tool: Tool) -> Tool:
    """Return a tool with its function under its own key, as vLLM requires it."""
    return wrapped(tool)


def served_settings(kwargs: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Return the settings of a request that vLLM passes on.

    Parameters
    ----------
    kwargs
        Those that the request names.
    version
        The number of the vocabulary's version. vLLM leaves ``reasoning_effort`` out before 15.
    """
    return {"reasoning_effort": kwargs.get("reasoning_effort")} if version >= 15 else {}


def _check_part(part: object, field: str) -> None:
    if not isinstance(part, dict):
        raise ValueError(f"{field}: must be an object with a type")  # noqa: TRY004  # the turn's
    if part.get("type") in _MEDIA:
        raise ValueError(f"{field}: a part of type {part['type']!r} is not counted; take it out")


def _served_call(call: Any) -> Any:
    """Return a call with a short id, and with arguments that are an object.

    vLLM parses them for templates, in the very messages that it then hands to mistral-common. Text
    that holds no object becomes an empty one.
    """
    call = _with_short_id(call, "id")
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return call
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        arguments = parsed_object(arguments)
    if not isinstance(arguments, dict):
        arguments = {}
    return {**call, "function": {**function, "arguments": arguments}}


def _with_short_id(fields: Any, name: str) -> Any:
    """Return a call or a result with the last `ID_LENGTH` characters of its id."""
    given = fields.get(name) if isinstance(fields, dict) else None
    if not isinstance(given, str) or len(given) <= ID_LENGTH:
        return fields
    return {**fields, name: given[-ID_LENGTH:]}
