"""Check a strategy: compare its counts with those of the plain call, turn by turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strategies.conversations.conversation import count_turns
from strategies.conversations.counts import Counts
from strategies.conversations.given import given_conversations
from strategies.counting import count_with
from strategies.errors import InputError
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


class Verification(list[Mismatch]):
    """The mismatches that a check has found, and how much was checked.

    Parameters
    ----------
    mismatches
        In the order of the data.
    turns
        How many turns were compared.
    """

    def __init__(self, mismatches: Iterable[Mismatch], turns: int) -> None:
        super().__init__(mismatches)
        self.turns = turns

    def __repr__(self) -> str:
        return f"Verification({super().__repr__()}, turns={self.turns})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Verification, (list(self), self.turns)


def verify(
    strategy: str | Strategy,
    conversations: Iterable[Conversation],
    chat: ChatTokenizer,
    *,
    workers: int | None = None,
    expected: Counts | None = None,
) -> Verification:
    """Return every turn for which a strategy and the reference differ.

    A turn that raises in the reference must raise in the strategy too, and vice versa.

    Parameters
    ----------
    strategy
        A strategy or its name.
    conversations
        The conversations to count; a generator is read once.
    chat
        The tokenizer to count with.
    workers
        Threads or processes; by default one per core.
    expected
        The reference counts, if they are known already: for each conversation one count
        per turn, in tokens.

    Returns
    -------
    Verification
        A list of mismatches in the order of the data, empty if the strategy is exact. Its
        ``turns`` says how many turns were compared.

    Raises
    ------
    InputError
        If there is no turn: nothing would be checked.
    UnavailableError
        If the strategy cannot run with this tokenizer.
    ValueError
        If the strategy returns too few or too many counts.
    """
    if isinstance(strategy, str):
        strategy = get(strategy)
    conversations = given_conversations(conversations)
    turns = count_turns(conversations)
    if not turns:
        raise InputError("the conversations have no turn, so nothing would be checked")
    with open_available(strategy, chat, workers or available_cores()) as counter:
        got = count_with(counter, chat, conversations, on_error="skip")
    if expected is None:
        expected = reference_counts(conversations, chat, on_error="skip")
    return Verification(mismatches(conversations, expected, got), turns)


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
