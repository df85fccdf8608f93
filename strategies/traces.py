"""Content that a chat template leaves out, so that it shows in no count."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strategies.conversations.conversation import Conversation, Message, Tool
from strategies.conversations.direct import DirectConversations
from strategies.words import many

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer

_MARK = "zqxmark"
"""A word that no template writes by itself."""

_USER: Message = {"role": "user", "content": "a"}
_TOOL: Tool = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}},
}


def _call(name: str) -> dict[str, Any]:
    return {"id": "call12345", "type": "function", "function": {"name": name, "arguments": {}}}


def _result(content: str) -> Message:
    return {"role": "tool", "content": content, "name": "f", "tool_call_id": "call12345"}


def _probe(*messages: Message, tools: tuple[Tool, ...] | None = None) -> Conversation:
    return Conversation("probe", messages, tools, (len(messages),))


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of content.

    Parameters
    ----------
    name
        For the warning.
    unit
        What is counted: message or conversation.
    count
        How many of them a conversation has.
    probes
        Conversations with the mark in such content. A template that writes the mark of one of
        them writes such content.
    """

    name: str
    unit: str
    count: Callable[[Conversation], int]
    probes: tuple[Conversation, ...]


def _having(test: Callable[[Message], Any]) -> Callable[[Conversation], int]:
    return lambda conversation: sum(bool(test(message)) for message in conversation.messages)


def _role(name: str) -> Callable[[Conversation], int]:
    return _having(lambda message: message["role"] == name)


_ASKED_AGAIN: Mapping[str, Any] = {"role": "assistant", "content": "b"}

_KINDS = (
    _Kind(
        "system messages",
        "message",
        _role("system"),
        (_probe({"role": "system", "content": _MARK}, _USER),),
    ),
    _Kind(
        "developer messages",
        "message",
        _role("developer"),
        (_probe({"role": "developer", "content": _MARK}, _USER),),
    ),
    _Kind(
        "tools",
        "conversation",
        lambda conversation: bool(conversation.tools),
        (
            _probe(
                _USER,
                tools=({**_TOOL, "function": {**_TOOL["function"], "name": _MARK}},),
            ),
        ),
    ),
    _Kind(
        "tool calls",
        "message",
        _having(lambda message: message.get("tool_calls")),
        (
            _probe(
                _USER,
                {"role": "assistant", "content": "", "tool_calls": [_call(_MARK)]},
                _result("r"),
                tools=(_TOOL,),
            ),
        ),
    ),
    _Kind(
        "tool results",
        "message",
        _role("tool"),
        (
            _probe(
                _USER,
                {"role": "assistant", "content": "", "tool_calls": [_call("f")]},
                _result(_MARK),
                tools=(_TOOL,),
            ),
        ),
    ),
    _Kind(
        "reasoning",
        "message",
        _having(lambda message: message.get("reasoning_content") or message.get("reasoning")),
        (
            _probe(_USER, {**_ASKED_AGAIN, "reasoning_content": _MARK}, _USER),
            # Some templates keep it only while tools are called.
            _probe(
                _USER,
                {
                    "role": "assistant",
                    "content": "",
                    "reasoning_content": _MARK,
                    "tool_calls": [_call("f")],
                },
                _result("r"),
                tools=(_TOOL,),
            ),
        ),
    ),
    _Kind(
        "content in parts",
        "message",
        _having(lambda message: isinstance(message.get("content"), list)),
        (_probe({"role": "user", "content": [{"type": "text", "text": _MARK}]}),),
    ),
)


def traceless(conversations: Iterable[Conversation], chat: ChatTokenizer) -> tuple[str, ...]:
    """Return a warning for each kind of content that the data has and the template leaves out.

    Parameters
    ----------
    conversations
        As they were read or made; a generator is read once.
    chat
        The tokenizer whose template is tried, with the messages profile.

    Returns
    -------
    tuple of str
        One line each. It is empty if the template writes all that the data has.
    """
    found = [0] * len(_KINDS)
    unread: Counter[str] = Counter()
    if isinstance(conversations, DirectConversations):
        found = [conversations.kinds.get(kind.name, 0) for kind in _KINDS]
        conversations = ()  # none of them has template kwargs
    for conversation in conversations:
        if conversation.template_kwargs:
            unread.update(_unread(conversation, chat))
        for place, kind in enumerate(_KINDS):
            found[place] += kind.count(conversation)
    present = [kind.name for kind, number in zip(_KINDS, found, strict=True) if number]
    traces = find_traces(chat, present)
    warnings = []
    for kind, number in zip(_KINDS, found, strict=True):
        if not number:
            continue
        trace = traces[kind.name]
        if trace == _NONE:
            warnings.append(f"the template leaves out {kind.name}: {many(number, kind.unit)}")
        elif trace == _LIST:
            warnings.append(
                f"the template writes {kind.name} as a Python list: {many(number, kind.unit)}; "
                f"{chat.profile.label} gives its content in parts"
            )
    warnings += [
        f"the template does not read {name}: {many(number, 'conversation')}"
        for name, number in unread.items()
    ]
    return tuple(warnings)


_TEXT, _LIST, _NONE = "text", "list", "none"
"""What a template makes of content: text, the text of a Python list, or nothing."""

PART = "traces"
"""Name under which the traces of a template are kept."""


def find_traces(chat: ChatTokenizer, kinds: Collection[str]) -> dict[str, str]:
    """Return what a template makes of each kind of content, and keep it for the next run.

    Parameters
    ----------
    chat
        The tokenizer whose template is tried.
    kinds
        Names of kinds of content.
    """
    kept = None if chat.kept is None else chat.kept.get(PART)
    known: dict[str, str] = {} if kept is None else json.loads(kept)
    for kind in _KINDS:
        if kind.name in kinds and kind.name not in known:
            known[kind.name] = _trace(kind, chat)
    if chat.kept is not None:
        chat.kept.put(PART, json.dumps(known, sort_keys=True).encode())
    return known


def _trace(kind: _Kind, chat: ChatTokenizer) -> str:
    prompts = [prompt for probe in kind.probes for _, prompt in chat.prompts(probe, "skip")]
    rendered = [prompt for prompt in prompts if prompt is not None]
    # A template that refuses such content says so itself.
    if rendered and not any(_MARK in prompt for prompt in rendered):
        return _NONE
    return _LIST if any("{'type': 'text'" in prompt for prompt in rendered) else _TEXT


def _unread(conversation: Conversation, chat: ChatTokenizer) -> list[str]:
    """Return the template kwargs of a conversation that its template never names."""
    try:
        named = chat.variables_named(chat.template_text(conversation))
    except ValueError:
        # It has no template for this conversation, and says so when it is rendered.
        return []
    return [name for name in conversation.template_kwargs or () if name not in named]
