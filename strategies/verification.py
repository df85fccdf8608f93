"""Check a strategy: compare its counts with those of the plain call, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strategies.conversations.counts import Counts
from strategies.counting import count_with
from strategies.plain import reference_counts
from strategies.registry import get, open_available
from strategies.runtime.cores import available_cores

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.contract import Strategy
    from strategies.conversations.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A turn whose count differs from the reference.

    Parameters
    ----------
    conversation
        Id of the conversation.
    index
        Place of the conversation in the dataset, from 0; ids may repeat.
    turn
        Number of the client turn in it, from 1.
    expected, got
        Counts in tokens. None means that the turn raises and has no count.
    """

    conversation: str
    index: int
    turn: int
    expected: int | None
    got: int | None

    def __str__(self) -> str:
        return (
            f"conversation {self.conversation!r}, turn {self.turn}: "
            f"expected {self.expected}, got {self.got}"
        )


def verify(
    strategy: str | Strategy,
    conversations: Sequence[Conversation],
    chat: ChatTokenizer,
    *,
    workers: int | None = None,
    expected: Counts | None = None,
) -> list[Mismatch]:
    """Return every turn for which a strategy and the reference differ.

    A turn that raises in the reference must raise in the strategy too, and vice versa.

    Parameters
    ----------
    strategy
        A strategy or its name.
    conversations
        The conversations to count.
    chat
        The tokenizer to count with.
    workers
        Threads or processes; by default one per core.
    expected
        The reference counts, if they are known already: for each conversation one count
        per turn, in tokens.

    Returns
    -------
    list of Mismatch
        In the order of the data; empty if the strategy is exact.

    Raises
    ------
    UnavailableError
        If the strategy cannot run with this tokenizer.
    ValueError
        If the strategy returns too few or too many counts.
    """
    if isinstance(strategy, str):
        strategy = get(strategy)
    with open_available(strategy, chat, workers or available_cores()) as counter:
        got = count_with(counter, chat, conversations, on_error="skip")
    if expected is None:
        expected = reference_counts(conversations, chat, on_error="skip")
    return mismatches(conversations, expected, got)


def mismatches(
    conversations: Sequence[Conversation], expected: Counts, got: Counts
) -> list[Mismatch]:
    """Return the turns in which two counts of the same conversations differ.

    Parameters
    ----------
    conversations
        The conversations that were counted.
    expected, got
        For each conversation one count per turn, in tokens; None for a turn that raises.

    Raises
    ------
    ValueError
        If one of them lacks turns: a missing count cannot be checked.
    """
    found = []
    triples = zip(conversations, expected, got, strict=True)
    for place, (conversation, wanted, counted) in enumerate(triples):
        pairs = zip(conversation.turns, wanted, counted, strict=True)
        for turn, (_, want, have) in enumerate(pairs, 1):
            if want != have:
                found.append(Mismatch(conversation.id, place, turn, want, have))
    return found
