"""Count the turns of a renderer in code piece by piece, each distinct piece once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strategies.chat.failures import is_failure
from strategies.conversations.counts import Counts, OnError, Progress
from strategies.plain import reference_turn
from strategies.words import many

if TYPE_CHECKING:
    from strategies.chat.coded import Coded
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation

REMEMBERED_TOKENS = 8_000_000
"""Lengths are forgotten when the pieces that they belong to hold this many tokens, some 40 MB of
text."""


@dataclass(slots=True)
class PieceCounter:
    """A counter that adds up the lengths of pieces.

    A turn that has no proven pieces, or that fails, is counted whole, by the reference.

    Parameters
    ----------
    chat
        The chat, which a renderer counts.
    coded
        That renderer.
    """

    chat: ChatTokenizer
    coded: Coded
    note: str | None = None
    parts: dict[str, float] = field(default_factory=dict)

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        """Return the ISL of every turn; see `strategies.contract.Counter`.

        Parameters
        ----------
        conversations
            The conversations to count.
        progress
            Called with the number of turns done since its last call.
        on_error
            Whether a turn without an ISL fails the call or is skipped.
        """
        lengths = Lengths(self.coded)
        counts: Counts = []
        whole = 0
        for conversation in conversations:
            counts.append([])
            self.chat.serve(conversation)
            kwargs = self.chat.kwargs_of(conversation)
            memory: dict[Hashable, Any] = {}
            for index in range(len(conversation.turns)):
                isl = lengths.total(conversation, index, kwargs, memory)
                if isl is None:
                    whole += 1
                    isl = reference_turn(self.chat, conversation, index, on_error)
                counts[-1].append(isl)
                if progress:
                    progress(1)
        self.note = f"{many(whole, 'turn')} counted whole" if whole else None
        return counts


class Lengths:
    """The lengths of pieces, remembered as long as there is room.

    Parameters
    ----------
    coded
        The renderer that makes them.
    """

    def __init__(self, coded: Coded) -> None:
        self._coded = coded
        self._known: dict[Hashable, int] = {}
        self._tokens = 0

    def total(
        self,
        conversation: Conversation,
        index: int,
        kwargs: dict[str, Any],
        memory: dict[Hashable, Any],
    ) -> int | None:
        """Return the ISL of a turn; None if it is to be counted whole.

        Parameters
        ----------
        conversation
            The conversation.
        index
            Place of the turn in it, from 0.
        kwargs
            Of the conversation.
        memory
            The same object for each turn of a conversation, whose messages only grow.
        """
        request = self._coded.request(conversation, index, kwargs, memory)
        try:
            pieces = self._coded.opened.pieces(request)
            return None if pieces is None else sum(map(self._length, pieces))
        except BaseException as error:
            if not is_failure(error):
                raise
            # The reference raises the reason.
            return None

    def _length(self, piece: Hashable) -> int:
        known = self._known.get(piece)
        if known is not None:
            return known
        length = self._coded.opened.length(piece)
        # A piece takes room even if it is empty.
        self._tokens += length + 1
        if self._tokens > REMEMBERED_TOKENS:
            self._known.clear()
            self._tokens = length + 1
        self._known[piece] = length
        return length
