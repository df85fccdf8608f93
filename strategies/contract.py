"""What a strategy promises: the protocols that every strategy and the harness share."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from strategies.chat.tokenizer import ChatTokenizer
from strategies.conversations.conversation import Conversation
from strategies.conversations.counts import Counts, OnError, Progress


class Counter(Protocol):
    """The warm part of a strategy: counts, as often as it is asked to.

    A counter may also have an attribute ``note`` (str or None, what it did in its last call
    that a user should know: the strategy it picked, a slower path it took) and an attribute
    ``parts`` (seconds of its last call by name: render, encode, …). Both are shown.
    """

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        """Return the ISL of every turn, equal to the reference.

        Nothing is remembered from one call to the next, so that calls can be timed.

        Parameters
        ----------
        conversations
            What to count.
        progress
            Called as turns are done.
        on_error
            ``"raise"`` fails at a turn that has no ISL; ``"skip"`` counts it as None.

        Raises
        ------
        TurnError
            With conversation, turn and the template's own message.
        """
        ...


@runtime_checkable
class Strategy(Protocol):
    """A way to get the ISL of every turn of many conversations.

    A strategy may also have an attribute ``control``, true for one that is wrong on purpose:
    it is checked and shown, never ranked.
    """

    @property
    def name(self) -> str:
        """Name in tables and on the command line."""
        ...

    @property
    def summary(self) -> str:
        """One line that says how it works."""
        ...

    def availability(self, chat: ChatTokenizer) -> str | None:
        """Return None, or the reason why it cannot count exactly with this tokenizer."""
        ...

    def open(self, chat: ChatTokenizer, *, workers: int) -> AbstractContextManager[Counter]:
        """Do the cold part, load and start workers; they are gone when the context ends."""
        ...
