"""Content that a chat template leaves out, so that it shows in no count."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from strategies.conversations.conversation import Conversation, Message, Tool
from strategies.conversations.direct import DirectConversations
from strategies.plain import reference_ids
from strategies.words import many

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer

_MARK = "zqxmark"
"""A word that no template writes by itself."""

_OTHER_MARK = "qvjmark"
"""The word that stands for it where only token ids can be looked at."""

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


(_CALLS,) = (kind for kind in _KINDS if kind.name == "tool calls")


def _has_parsed(message: Message) -> bool:
    """Whether a message has a tool call whose arguments are an object, as if they were parsed."""
    calls = message.get("tool_calls")
    return isinstance(calls, list) and any(
        isinstance(call, dict)
        and isinstance(call.get("function"), dict)
        and isinstance(call["function"].get("arguments"), dict)
        for call in calls
    )


class Contents:
    """How much of each kind of content conversations have.

    Parameters
    ----------
    chat
        The tokenizer whose template is tried, with the messages profile.
    """

    def __init__(self, chat: ChatTokenizer) -> None:
        self._chat = chat
        self._found = [0] * len(_KINDS)
        self._unread: Counter[str] = Counter()
        self._parsed = 0

    @property
    def _keeps_arguments(self) -> bool:
        """Whether the JSON text of arguments shows in a prompt as a client has written it."""
        return self._chat.coded is not None and self._chat.coded.keeps_arguments

    @property
    def found(self) -> dict[str, dict[str, int]]:
        """How much of each kind there is so far, and what else is told."""
        kinds = {kind.name: number for kind, number in zip(_KINDS, self._found, strict=True)}
        other = {"parsed": self._parsed}
        return {"kinds": kinds, "unread": dict(self._unread), "other": other}

    def go_on(self, found: Mapping[str, Mapping[str, int]]) -> None:
        """Begin with what another one has found."""
        kinds = found.get("kinds", {})
        self._found = [kinds.get(kind.name, 0) for kind in _KINDS]
        self._unread = Counter(found.get("unread", {}))
        self._parsed = found.get("other", {}).get("parsed", 0)

    def add(self, conversations: Iterable[Conversation]) -> None:
        """Look at more conversations."""
        if isinstance(conversations, DirectConversations):
            # None of them has template kwargs.
            for place, kind in enumerate(_KINDS):
                self._found[place] += conversations.kinds.get(kind.name, 0)
            if self._keeps_arguments and conversations.tool_arguments == "objects":
                self._parsed += conversations.kinds.get(_CALLS.name, 0)
            return
        for conversation in conversations:
            if conversation.template_kwargs:
                self._unread.update(_unread(conversation, self._chat))
            for place, kind in enumerate(_KINDS):
                self._found[place] += kind.count(conversation)
            if self._keeps_arguments and conversation.tool_arguments == "objects":
                self._parsed += sum(map(_has_parsed, conversation.messages))

    def traceless(self) -> tuple[str, ...]:
        """Return a warning for each kind that there is and that the template leaves out."""
        chat = self._chat
        writer = "template" if chat.coded is None else "renderer"
        counted = list(zip(_KINDS, self._found, strict=True))
        traces = find_traces(chat, [kind.name for kind, number in counted if number])
        warnings = []
        for kind, number in counted:
            if not number:
                continue
            trace = traces[kind.name]
            if trace == _NONE:
                warnings.append(f"the {writer} leaves out {kind.name}: {many(number, kind.unit)}")
            elif trace == _LIST:
                warnings.append(
                    f"the template writes {kind.name} as a Python list: "
                    f"{many(number, kind.unit)}; {chat.profile.label} gives its content in parts"
                )
        warnings += [
            f"the {writer} does not read {name}: {many(number, 'conversation')}"
            for name, number in self._unread.items()
        ]
        if self._parsed:
            warnings.append(
                f"arguments of tool calls were read as objects: {many(self._parsed, 'message')}; "
                "a server hands their JSON texts on as they are, so read them as-given"
            )
        return tuple(warnings)


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
    contents = Contents(chat)
    contents.add(conversations)
    return contents.traceless()


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
    if chat.coded is not None:
        return _TEXT if any(_changes_ids(probe, chat) for probe in kind.probes) else _NONE
    prompts = [prompt for probe in kind.probes for _, prompt in chat.prompts(probe, "skip")]
    rendered = [prompt for prompt in prompts if prompt is not None]
    # A template that refuses such content says so itself.
    if rendered and not any(_MARK in prompt for prompt in rendered):
        return _NONE
    return _LIST if any("{'type': 'text'" in prompt for prompt in rendered) else _TEXT


def _changes_ids(probe: Conversation, chat: ChatTokenizer) -> bool:
    """Whether another word in the place of the mark makes other ids, or the probe is refused."""
    other = json.loads(json.dumps([probe.messages, probe.tools]).replace(_MARK, _OTHER_MARK))
    messages, tools = other
    changed = replace(
        probe, messages=tuple(messages), tools=None if tools is None else tuple(tools)
    )
    ids = reference_ids(chat, probe, 0, "skip")
    return ids is None or ids != reference_ids(chat, changed, 0, "skip")


def _unread(conversation: Conversation, chat: ChatTokenizer) -> list[str]:
    """Return the template kwargs of a conversation that its template never names."""
    if chat.coded is not None:
        return sorted(
            (conversation.template_kwargs or {}).keys() - chat.coded.renderer.kwargs.keys()
        )
    try:
        named = chat.variables_named(chat.template_text(conversation))
    except ValueError:
        # It has no template for this conversation, and says so when it is rendered.
        return []
    return [name for name in conversation.template_kwargs or () if name not in named]
