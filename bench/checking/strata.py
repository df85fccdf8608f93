"""Kinds of turns: by the size of the prompt, by how far the conversation is, by what it holds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from strategies import Conversation, Counts, Message

_SIZES = (1024, 4096, 16384, 65536)
_SIZE_NAMES = (
    "ISL below 1,024",
    "ISL from 1,024",
    "ISL from 4,096",
    "ISL from 16,384",
    "ISL from 65,536",
)
_LENGTHS = (3, 11, 51)
_LENGTH_NAMES = ("1 or 2 messages", "3 to 10 messages", "11 to 50 messages", "over 50 messages")


def in_order(strata: Iterable[str]) -> list[str]:
    """Return strata as tables list them: sizes, lengths, then the others by name."""
    known = {name: place for place, name in enumerate((*_SIZE_NAMES, *_LENGTH_NAMES))}
    return sorted(strata, key=lambda name: (known.get(name, len(known)), name))


def is_content(stratum: str) -> bool:
    """Return whether a stratum is about what turns hold, and not how long they are."""
    return stratum not in _SIZE_NAMES and stratum not in _LENGTH_NAMES


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that may be asked.

    Parameters
    ----------
    written
        Its conversation as the dataset has it, for the server.
    conversation
        The same as we count it: arguments of tool calls may be parsed.
    index
        Place of the turn in the conversation, from 0.
    isl
        Our count, in tokens.
    strata
        The kinds to which it belongs, such as ``"tools"``: one for its size, one for the number
        of its messages, and one for each thing that it holds.
    """

    written: Conversation
    conversation: Conversation
    index: int
    isl: int
    strata: tuple[str, ...]

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages of its request, as the dataset has them."""
        return self.written.messages[: self.conversation.turns[self.index]]

    @property
    def is_continued(self) -> bool:
        """Whether its request continues the last message."""
        return self.conversation.turns[self.index] in self.conversation.continued

    @property
    def name(self) -> str:
        """The conversation and the number of the turn, from 1."""
        return f"{self.conversation.id!r}, turn {self.index + 1}"

    def alone(self) -> Conversation:
        """Return its conversation with this turn only, and no later message."""
        k = self.conversation.turns[self.index]
        return replace(
            self.conversation,
            messages=self.conversation.messages[:k],
            turns=(k,),
            continued=self.conversation.continued & {k},
            requests=None,
        )


def turns_with_strata(
    written: Sequence[Conversation], counted: Sequence[Conversation], counts: Counts
) -> Iterator[Turn]:
    """Yield all turns that have a count.

    Parameters
    ----------
    written
        Conversations as the dataset has them.
    counted
        The same as we count them.
    counts
        Our counts, in tokens; None for turns that are left out.
    """
    for own, conversation, row in zip(written, counted, counts, strict=True):
        found = _of_request(conversation)
        seen = 0
        for index, (k, isl) in enumerate(zip(conversation.turns, row, strict=True)):
            for message in conversation.messages[seen:k]:
                found |= _of_message(message)
            seen = k
            if isl is None:
                continue
            here = {*found, "continued"} if k in conversation.continued else found
            sizes = (
                _SIZE_NAMES[bisect_right(_SIZES, isl)],
                _LENGTH_NAMES[bisect_right(_LENGTHS, k)],
            )
            yield Turn(own, conversation, index, isl, (*sizes, *sorted(here)))


def _of_request(conversation: Conversation) -> set[str]:
    found = set()
    if conversation.tools is not None:
        found.add("tools" if conversation.tools else "no tools in the list of tools")
    if conversation.template_kwargs:
        found.add("template kwargs")
    return found


def _of_message(message: Message) -> set[str]:
    role = message["role"]
    found = set()
    if role in ("system", "developer"):
        found.add(f"{role} prompt")
    elif role in ("tool", "function"):
        found.add("tool results")
    content: Any = message.get("content")
    if content is None:
        found.add("no content")
    elif isinstance(content, list):
        found.add("content in parts")
    if message.get("tool_calls"):
        found.add("tool calls with content" if content else "tool calls")
    if message.get("reasoning") or message.get("reasoning_content") or message.get("thinking"):
        found.add("reasoning")
    if message.get("name"):
        found.add("names")
    return found
