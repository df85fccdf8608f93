"""A messages profile: named, versioned rules, and the function that applies them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strategies.conversations.conversation import Message, Tool, ToolArguments


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a profile.

    Parameters
    ----------
    subject
        What it is about: a field, a role.
    effect
        What the template gets.
    source
        Where the rule was read, in the version that the profile names.
    """

    subject: str
    effect: str
    source: str


@dataclass(frozen=True, slots=True)
class Traits:
    """What a profile may ask about a chat template.

    Parameters
    ----------
    reads_parts
        Whether it walks over the parts of a message's content. If not, content is a text.
    names_developer
        Whether it names the role developer.
    """

    reads_parts: bool
    names_developer: bool


class RefusedError(Exception):
    """What no server of the profile takes.

    Parameters
    ----------
    field
        The place in a message, a tool or a conversation.
    reason
        What is wrong, and what to do about it.
    message
        Place of the message from which on turns are refused, if the error is not raised for
        one message alone.
    """

    def __init__(self, field: str, reason: str, message: int | None = None) -> None:
        super().__init__(field, reason, message)
        self.field = field
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of one kind of server.

    Parameters
    ----------
    name
        For the command line and reports.
    version
        Of the server that the rules were read from; empty if there is no server.
    summary
        One line for the help text.
    rules
        The table of the rules. It is documentation that tests hold the functions to.
    message
        Returns a message as the template gets it; the same object if nothing changes. It
        raises `RefusedError`.
    tool
        The same for a tool.
    whole
        Takes all messages as the other function returns them, the turns (prefix lengths), and
        the traits. Returns the messages, and for each number of old messages, from 0, how many
        new ones stand for them. None if no rule looks at more than one message.
    whole_roles
        Roles that `whole` is about: it returns messages without any of them as they are.
    """

    name: str
    version: str
    summary: str
    rules: tuple[Rule, ...]
    message: Callable[[Message, Traits, ToolArguments], Message]
    tool: Callable[[Tool], Tool]
    whole: Callable[[list[Message], Sequence[int], Traits], tuple[list[Message], list[int]]] | None
    whole_roles: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """Name and version, for reports and fingerprints."""
        return f"{self.name} ({self.version})" if self.version else self.name
