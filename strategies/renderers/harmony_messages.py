"""The messages of a request as vLLM's server gives them to openai-harmony.

Read from vllm/entrypoints/openai/parser/harmony_utils.py and
vllm/renderers/online_renderer.py (`_make_request_with_harmony`) of vLLM 0.33.0. docs/renderers.md
has the rules as a table. What that server leaves out without a word is refused here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from openai_harmony import (
    Author,
    DeveloperContent,
    ReasoningEffort,
    Role,
    SystemContent,
    TextContent,
    ToolDescription,
)
from openai_harmony import Message as HarmonyMessage

from strategies.conversations.conversation import Message, Tool
from strategies.profiles.profile import RefusedError
from strategies.profiles.vllm import PROFILE
from strategies.renderers.contract import RefusedRequestError, Request

Names = Mapping[Any, Any]
"""The name of the function that each call id of a request calls."""

_EFFORTS = {effort.value.lower(): effort for effort in ReasoningEffort}

_TEXT_PARTS = {"text", "input_text", "output_text"}


def preamble(request: Request) -> tuple[list[HarmonyMessage], int]:
    """Return the messages that stand before those of the chat, and how many of it they hold.

    The system message is the model's own. A first system or developer message of the request,
    and the tools, are the developer message.

    Parameters
    ----------
    request
        The request.

    Raises
    ------
    RefusedRequestError
        If the server refuses the request.
    """
    if request.continued:
        raise RefusedRequestError(
            "the server always asks gpt-oss for a new message, also where the request continues "
            "the last one; take that turn out"
        )
    system = SystemContent.new()
    effort = request.kwargs.get("reasoning_effort")
    if effort is not None:
        if not isinstance(effort, str) or effort not in _EFFORTS:
            raise RefusedRequestError(
                f"reasoning_effort {effort!r} is none of {', '.join(sorted(_EFFORTS))}"
            )
        system = system.with_reasoning_effort(_EFFORTS[effort])
    system = system.with_conversation_start_date(request.now.strftime("%Y-%m-%d"))
    first = [HarmonyMessage.from_role_and_content(Role.SYSTEM, system)]
    instructions, peeled = None, 0
    if request.messages and request.messages[0]["role"] in ("system", "developer"):
        instructions = _flat(request.messages[0].get("content"), 0)
        peeled = 1
    if instructions or request.tools:
        developer = DeveloperContent.new()
        if instructions is not None:
            developer = developer.with_instructions(instructions)
        if request.tools:
            described = [_described(tool, i) for i, tool in enumerate(request.tools)]
            developer = developer.with_function_tools(described)
        first.append(HarmonyMessage.from_role_and_content(Role.DEVELOPER, developer))
    return first, peeled


def _described(tool: Tool, place: int) -> ToolDescription:
    try:
        function = PROFILE.tool(tool)["function"]
    except RefusedError as error:
        raise RefusedRequestError(f"tools[{place}].{error.field}: {error.reason}") from None
    return ToolDescription.new(
        name=function["name"],
        description=function["description"] or "",
        parameters=function["parameters"],
    )


def calls_in(message: Message, place: int) -> Sequence[dict[str, Any]]:
    """Return the tool calls of a message.

    Parameters
    ----------
    message
        The message.
    place
        Where it stands, from 0, for errors.

    Raises
    ------
    RefusedRequestError
        If they are no calls of functions.
    """
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise RefusedRequestError(f"messages[{place}].tool_calls: must be an array")
    for i, call in enumerate(calls):
        field = f"messages[{place}].tool_calls[{i}]"
        if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
            raise RefusedRequestError(f"{field}: must be an object with a function")
        if not isinstance(call["function"].get("name"), str):
            raise RefusedRequestError(f"{field}.function.name: must be a string")
        if call.get("type", "function") != "function":
            raise RefusedRequestError(f"{field}.type: only calls of functions have a prompt")
    return calls


def names_in(messages: Iterable[tuple[int, Message]]) -> dict[Any, Any]:
    """Return the function that each call id calls; of two calls with one id, the last.

    Parameters
    ----------
    messages
        Place and message.
    """
    return {
        _hashable(call.get("id"), f"messages[{place}].tool_calls"): call["function"]["name"]
        for place, message in messages
        for call in calls_in(message, place)
    }


def asked_id(message: Message, place: int) -> Any:
    """Return the call id that a tool message answers.

    Parameters
    ----------
    message
        The message.
    place
        Where it stands, from 0, for errors.
    """
    return _hashable(message.get("tool_call_id", ""), f"messages[{place}].tool_call_id")


def _hashable(name: Any, field: str) -> Any:
    if name is not None and not isinstance(name, str):
        raise RefusedRequestError(f"{field}: an id must be a string")
    return name


def converted(message: Message, place: int, names: Names) -> Iterator[HarmonyMessage]:
    """Yield the Harmony messages of one message of the request.

    Parameters
    ----------
    message
        The message, as the dataset has it.
    place
        Where it stands, from 0, for errors.
    names
        Of all calls of the request.

    Raises
    ------
    RefusedRequestError
        If the server refuses it, or leaves out what it says.
    """
    role = message["role"]
    if message.get("function_call"):
        raise RefusedRequestError(
            f"messages[{place}].function_call: the server leaves it out; write it as tool_calls"
        )
    if role == "assistant":
        yield from _assistant(message, place)
    elif role == "tool":
        name = names.get(asked_id(message, place), "")
        author = Author.new(Role.TOOL, f"functions.{name}")
        text = _flat(message.get("content"), place) or ""
        answered = HarmonyMessage.from_author_and_content(author, text)
        yield answered.with_channel("commentary").with_recipient("assistant")
    elif role in ("system", "developer"):
        instructions = _flat(message.get("content"), place)
        if instructions is not None:
            developer = DeveloperContent.new().with_instructions(instructions)
            yield HarmonyMessage.from_role_and_content(Role.DEVELOPER, developer)
    elif role == "user":
        yield _of_parts(Role.USER, _texts(message.get("content") or "", place))
    else:
        raise RefusedRequestError(f"messages[{place}].role: there is no role {role!r} in Harmony")


def _assistant(message: Message, place: int) -> Iterator[HarmonyMessage]:
    content, calls = message.get("content"), calls_in(message, place)
    if calls and (text := _flat(content, place)):
        yield _of(Role.ASSISTANT, text).with_channel("commentary")
    if reasoning := _reasoning(message, place):
        yield _of(Role.ASSISTANT, reasoning).with_channel("analysis")
    for call in calls:
        function = call["function"]
        called = _of(Role.ASSISTANT, _arguments(function.get("arguments")))
        called = called.with_channel("commentary").with_recipient(f"functions.{function['name']}")
        yield called.with_content_type("json")
    if calls:
        return
    texts = _texts(content or "", place)
    if texts and texts[0]:
        yield _of_parts(Role.ASSISTANT, texts).with_channel("final")
    elif any(texts):
        raise RefusedRequestError(
            f"messages[{place}].content: the server leaves all parts out if the first is empty; "
            "take the first out"
        )


def is_analysis(message: HarmonyMessage) -> bool:
    """Whether a message is left out before a later final answer."""
    return bool(message.channel == "analysis")


def is_final(message: HarmonyMessage) -> bool:
    """Whether a message is a final answer."""
    return bool(message.author.role == Role.ASSISTANT and message.channel == "final")


def without_old_analysis(messages: Sequence[HarmonyMessage]) -> list[HarmonyMessage]:
    """Return the messages without the analysis that stands before the last final answer."""
    last = max((i for i, message in enumerate(messages) if is_final(message)), default=-1)
    return [message for i, message in enumerate(messages) if i >= last or not is_analysis(message)]


def _of(role: Role, text: str) -> Any:
    return HarmonyMessage.from_role_and_content(role, text)


def _of_parts(role: Role, texts: Sequence[str]) -> Any:
    return HarmonyMessage.from_role_and_contents(role, [TextContent(text=text) for text in texts])


def _texts(content: Any, place: int) -> list[str]:
    """Return the texts of content, each of which the library encodes alone."""
    field = f"messages[{place}].content"
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        raise RefusedRequestError(f"{field}: must be a text or an array of parts")
    texts = []
    for i, part in enumerate(content):
        if not isinstance(part, dict) or part.get("type") not in _TEXT_PARTS:
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            raise RefusedRequestError(
                f"{field}[{i}]: the server leaves out a part of type {kind!r}; take it out"
            )
        if not isinstance(part.get("text"), str):
            raise RefusedRequestError(f"{field}[{i}].text: must be a string")
        texts.append(part["text"])
    return texts


def _flat(content: Any, place: int) -> str | None:
    """Return content as one text; None if there is none."""
    if content is None:
        return None
    texts = _texts(content, place)
    return "".join(texts) if texts else None


def _reasoning(message: Message, place: int) -> str | None:
    reasoning = message.get("reasoning")
    if reasoning is None:
        reasoning = message.get("reasoning_content")
    if reasoning is not None and not isinstance(reasoning, str):
        raise RefusedRequestError(f"messages[{place}].reasoning: must be a string")
    return reasoning


def _arguments(arguments: Any) -> str:
    # A request carries them as a text. Datasets also have them as an object, which a client
    # writes as JSON before it sends it.
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False) if arguments is not None else ""
