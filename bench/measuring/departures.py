"""How far the counts of a renderer in code depart from those of a chat template."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from strategies import ChatTokenizer, Conversation, Counts, TurnError
from strategies.conversations.conversation import Message
from strategies.plain import reference_turn

ALL = "all turns"
NONE = "none of these"


def _says(*fields: str) -> Callable[[Message], bool]:
    return lambda message: any(message.get(field) for field in fields)


def _is_by(*roles: str) -> Callable[[Message], bool]:
    return lambda message: message["role"] in roles


_CONTENTS: Mapping[str, Callable[[Message], bool]] = {
    "system message": _is_by("system", "developer"),
    "tool calls": _says("tool_calls"),
    "tool results": _is_by("tool"),
    "reasoning": _says("reasoning_content", "reasoning"),
}
"""What a prompt may hold beside texts of users and answers, and which message shows it."""

_TOOLS = "tools"


@dataclass(slots=True)
class Departures:
    """The turns of a dataset whose prompts hold something, and how they are counted.

    Parameters
    ----------
    what
        What the prompts of these turns hold: one prompt may hold several things.
    turns
        How many turns there are.
    equal, more, fewer
        Turns for which the renderer counts as many tokens as the template, more, or fewer.
    renderer_refuses, template_refuses, both_refuse
        Turns that have no ISL by the renderer alone, by the template alone, or by both.
    difference
        Sum of the differences, renderer less template, in tokens.
    largest
        The difference that is the farthest from 0, in tokens.
    """

    what: str
    turns: int = 0
    equal: int = 0
    more: int = 0
    fewer: int = 0
    renderer_refuses: int = 0
    template_refuses: int = 0
    both_refuse: int = 0
    difference: int = 0
    largest: int = 0

    @property
    def mean(self) -> float | None:
        """Mean difference of the turns that both count, in tokens; None if there are none."""
        counted = self.equal + self.more + self.fewer
        return self.difference / counted if counted else None

    def add(self, renderer: int | None, template: int | None) -> None:
        """Add a turn with its two counts; None if it has none."""
        self.turns += 1
        if renderer is None or template is None:
            self.both_refuse += renderer is None and template is None
            self.renderer_refuses += renderer is None and template is not None
            self.template_refuses += renderer is not None and template is None
            return
        difference = renderer - template
        self.equal += difference == 0
        self.more += difference > 0
        self.fewer += difference < 0
        self.difference += difference
        if abs(difference) > abs(self.largest):
            self.largest = difference


@dataclass(frozen=True, slots=True)
class Example:
    """The first turn of a kind of departure.

    Parameters
    ----------
    kind
        Such as ``"differs"``.
    conversation, turn
        Its conversation, and its number there, from 1.
    renderer, template
        Its counts, in tokens; None if it has none.
    reason
        Why it has none, in the words of who refuses it; None if both count it.
    """

    kind: str
    conversation: str
    turn: int
    renderer: int | None
    template: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A dataset that was counted in both ways.

    Parameters
    ----------
    dataset
        Its name.
    rows
        All turns first, then those with each content that occurs.
    examples
        The first turn of each kind of departure.
    """

    dataset: str
    rows: tuple[Departures, ...]
    examples: tuple[Example, ...]


def compare_counts(
    dataset: str,
    conversations: Sequence[Conversation],
    counts: tuple[Counts, Counts],
    chats: tuple[ChatTokenizer, ChatTokenizer],
) -> Compared:
    """Compare the counts of a renderer with those of a template.

    Parameters
    ----------
    dataset
        Name of the dataset.
    conversations
        Its conversations.
    counts
        What the renderer and the template count; None for a turn that they refuse.
    chats
        The two, to ask for the reason of a refusal.
    """
    rows = {what: Departures(what) for what in (ALL, _TOOLS, *_CONTENTS, NONE)}
    examples: dict[str, Example] = {}
    for conversation, *both in zip(conversations, *counts, strict=True):
        contents = contents_of(conversation)
        for index, (held, renderer, template) in enumerate(zip(contents, *both, strict=True)):
            for what in (ALL, *(held or (NONE,))):
                rows[what].add(renderer, template)
            kind = _kind(renderer, template)
            if kind is not None and kind not in examples:
                refuses = chats[0] if renderer is None else chats[1]
                reason = None
                if renderer is None or template is None:
                    reason = _reason(refuses, conversation, index)
                examples[kind] = Example(
                    kind, conversation.id, index + 1, renderer, template, reason
                )
    return Compared(
        dataset, tuple(row for row in rows.values() if row.turns), tuple(examples.values())
    )


def contents_of(conversation: Conversation) -> Iterator[list[str]]:
    """Yield what the prompt of each turn holds beside texts of users and answers."""
    held = [_TOOLS] if conversation.tools else []
    done = 0
    for k in conversation.turns:
        for message in conversation.messages[done:k]:
            held += [
                what for what, shows in _CONTENTS.items() if what not in held and shows(message)
            ]
        done = k
        yield list(held)


def _kind(renderer: int | None, template: int | None) -> str | None:
    if renderer is None:
        return "both refuse" if template is None else "the renderer refuses"
    if template is None:
        return "the template refuses"
    return None if renderer == template else "differs"


def _reason(chat: ChatTokenizer, conversation: Conversation, index: int) -> str | None:
    try:
        reference_turn(chat, conversation, index)
    except TurnError as error:
        return error.reason
    return None
