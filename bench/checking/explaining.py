"""What a server may have done to a request: a change after which our count is the server's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from bench.checking.endpoints.endpoint import Seen
from bench.checking.strata import Turn
from strategies import ChatTokenizer, Conversation, Message
from strategies.plain import reference_ids
from strategies.profiles.catalog import profiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_REASONING = ("reasoning", "reasoning_content", "thinking")
_MOST_CHANGES = 3
_MOST_FAILURES = 10
"""After so many turns that nothing explains, only what explained others is tried."""


def _each(change: Callable[[Message], Message]) -> Callable[[Conversation], Conversation]:
    def changed(conversation: Conversation) -> Conversation:
        return replace(conversation, messages=tuple(map(change, conversation.messages)))

    return changed


def _without(*names: str) -> Callable[[Message], Message]:
    def changed(message: Message) -> Message:
        return {name: value for name, value in message.items() if name not in names}

    return changed


def _without_content_beside_calls(message: Message) -> Message:
    return {**message, "content": ""} if message.get("tool_calls") else message


def _parts_joined_by_blanks(message: Message) -> Message:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    texts = (part.get("text") if isinstance(part, dict) else part for part in content)
    return {**message, "content": " ".join(text for text in texts if isinstance(text, str))}


def _without_tools(conversation: Conversation) -> Conversation:
    return replace(conversation, tools=None)


def _without_kwargs(conversation: Conversation) -> Conversation:
    return replace(conversation, template_kwargs=None)


CHANGES: Mapping[str, Callable[[Conversation], Conversation]] = {
    "tools are left out": _without_tools,
    "reasoning is left out": _each(_without(*_REASONING)),
    "content beside tool calls is left out": _each(_without_content_beside_calls),
    "tool calls are left out": _each(_without("tool_calls")),
    "names of messages are left out": _each(_without("name")),
    "parts are joined by blanks": _each(_parts_joined_by_blanks),
    "the request's template kwargs are left out": _without_kwargs,
}
"""What is changed, and how, in the words of a report."""


class Explainer:
    """Looks for changes that explain counts of a server.

    Parameters
    ----------
    chat
        The tokenizer that counted.
    """

    def __init__(self, chat: ChatTokenizer) -> None:
        # A renderer in code has its own conversion, and no messages profile.
        others = profiles() if chat.coded is None else ()
        self._chats = {
            name: chat if name == chat.profile.name else _with_profile(chat, name)
            for name in (chat.profile.name, *others)
        }
        every = (
            names for size in range(_MOST_CHANGES + 1) for names in combinations(CHANGES, size)
        )
        self._tried = [(profile, names) for names in every for profile in self._chats]
        # The first one is how we counted.
        del self._tried[0]
        self._known = 0
        self._failures = 0

    def explain(self, turn: Turn, seen: Seen) -> str | None:
        """Return a change after which we count what the server counts; None if there is none.

        If the server shows the tokens, all of them are the same after the change. If it shows a
        count only, another change may lead to the same count.
        """
        alone = turn.alone()
        changes = {name: change(alone) for name, change in CHANGES.items()}
        works = {name for name, changed in changes.items() if changed != alone}
        # Each try renders and encodes the prompt again.
        tried = self._tried if self._failures < _MOST_FAILURES else self._tried[: self._known]
        for place, (profile, names) in enumerate(tried):
            if not works.issuperset(names):
                continue
            if self._fits(self._chats[profile], self._changed(alone, names), seen):
                # It is likely to explain the next turn, too.
                self._known += place >= self._known
                self._tried.insert(0, self._tried.pop(place))
                return ", ".join(_told(profile, next(iter(self._chats)), names))
        self._failures += 1
        return None

    def _changed(self, conversation: Conversation, names: Sequence[str]) -> Conversation:
        for name in names:
            conversation = CHANGES[name](conversation)
        return conversation

    def _fits(self, chat: ChatTokenizer, conversation: Conversation, seen: Seen) -> bool:
        ids = reference_ids(chat, conversation, 0, on_error="skip")
        if ids is None:
            return False
        return tuple(ids) == seen.ids if seen.ids is not None else len(ids) == seen.count


def _with_profile(chat: ChatTokenizer, name: str) -> ChatTokenizer:
    return ChatTokenizer(replace(chat.spec, messages=name))


def _told(profile: str, ours: str, names: Sequence[str]) -> Iterator[str]:
    yield from names
    if profile != ours:
        yield f"messages are those of --messages {profile}"
