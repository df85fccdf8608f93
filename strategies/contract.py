"""The contract of a strategy: the protocols that strategies implement and the harness uses."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from strategies.chat.tokenizer import ChatTokenizer
from strategies.conversations.conversation import Conversation
from strategies.conversations.counts import Column, Columns, Counts, OnError, Progress
from strategies.conversations.direct import DirectConversations


class Counter(Protocol):
    """The warm part of a strategy: it counts, as often as it is asked to.

    A counter may have three more attributes. ``note`` (str or None) tells the user about its last
    call: the strategy it picked, or a slower path it took. ``parts`` (dict) holds the seconds that
    parts of its last call took, by name: render, encode, …. Both are shown. ``serves`` (bool) is
    true for a counter that applies the messages profile itself. Others are given conversations as
    the profile gives them to the template, without the turns that it refuses.
    """

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        """Return the ISL of every turn, equal to the reference.

        It remembers nothing from one call to the next, so that calls can be timed.

        Parameters
        ----------
        conversations
            The conversations to count.
        progress
            Called with the number of turns done since its last call.
        on_error
            ``"raise"`` fails at a turn that has no ISL; ``"skip"`` counts it as None.

        Returns
        -------
        list of list of int or None
            For each conversation one count per turn, in tokens.

        Raises
        ------
        TurnError
            With conversation, turn and the template's own message.
        """
        ...


@runtime_checkable
class DirectCounter(Protocol):
    """A counter that can do without Python objects of what the core has read."""

    def count_direct(
        self,
        conversations: DirectConversations,
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts | None:
        """Return what `Counter.count` returns; None, before it has counted, if it cannot.

        It may remember, in a bounded memory, what it has counted in an earlier call: the
        conversations are a part of a dataset.

        Parameters
        ----------
        conversations
            The conversations to count, as the dataset has them.
        progress, on_error
            As for `Counter.count`.

        Raises
        ------
        TurnError
            As `Counter.count` does.
        """
        ...


@runtime_checkable
class ColumnsCounter(Protocol):
    """A counter that finds more columns than the ISL, in the same call."""

    def count_columns(
        self,
        conversations: Sequence[Conversation],
        wanted: AbstractSet[Column],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Columns:
        """Return the columns, each equal to `strategies.columns.reference_figures`.

        Parameters
        ----------
        conversations
            The conversations to count, which may be those of a dataset as the core has read it.
        wanted
            The columns beside the ISL.
        progress, on_error
            As for `Counter.count`.

        Raises
        ------
        TurnError
            As `Counter.count` does.
        """
        ...


@runtime_checkable
class Strategy(Protocol):
    """A way to get the ISL of every turn of many conversations.

    A strategy may have two more attributes. ``control`` is true for a strategy that is wrong on
    purpose: one that is checked and shown, but never ranked. ``peer`` is true for one that counts
    with another library. Nothing proves its counts right, so it is checked, timed and shown, but
    never recommended, and no command counts with it.
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
        """Do the cold part: load, and start `workers` threads or processes.

        They have ended when the context ends.
        """
        ...
