"""The reference: full-template counts, and the check of every strategy against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strategies.contract import Counts, OnError, Progress, available_cores
from strategies.counting import count_with
from strategies.errors import TurnError
from strategies.parallelism import library_threads
from strategies.registry import get, open_available
from strategies.rendering import is_failure, turn_error

if TYPE_CHECKING:
    from strategies.chat import ChatTokenizer
    from strategies.contract import Strategy
    from strategies.conversation import Conversation


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
        Token counts; None stands for a turn that has none because it raises.
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


def reference_turn(
    chat: ChatTokenizer, conversation: Conversation, index: int, on_error: OnError = "raise"
) -> int | None:
    """Return the ISL of the turn at `index` (from 0) by the plain full-template call.

    Raises
    ------
    TurnError
        Where the call raises, unless `on_error` is ``"skip"``: then None is returned.
    """
    try:
        return len(chat.apply_chat_template(conversation, index))
    except BaseException as error:
        if not is_failure(error):
            raise
        if on_error == "skip":
            return None
        raise turn_error(conversation, index, error) from error


def reference_counts(
    conversations: Sequence[Conversation],
    chat: ChatTokenizer,
    *,
    progress: Progress | None = None,
    on_error: OnError = "raise",
) -> Counts:
    """Return the ISL of every turn, one plain full-template call after the other.

    Single-threaded: the library's own thread pool is off while this runs.
    """
    counts: Counts = []
    with library_threads(1):
        for conversation in conversations:
            counts.append([])
            for index in range(len(conversation.turns)):
                counts[-1].append(reference_turn(chat, conversation, index, on_error))
                if progress:
                    progress(1)
    return counts


def first_failure(
    conversations: Sequence[Conversation], chat: ChatTokenizer, found: TurnError
) -> TurnError:
    """Return the error of the first turn, in the order of the data, that fails.

    Workers meet failing turns in any order; all strategies are to name the same one.
    """
    try:
        reference_counts(conversations, chat)
    except TurnError as error:
        return error
    return found


def verify(
    strategy: str | Strategy,
    conversations: Sequence[Conversation],
    chat: ChatTokenizer,
    *,
    workers: int | None = None,
    expected: Counts | None = None,
) -> list[Mismatch]:
    """Return every turn that a strategy counts otherwise than the reference.

    A turn that raises in the reference must raise in the strategy, and the other way round.

    Parameters
    ----------
    strategy
        A strategy or its name.
    conversations, chat
        What to count, with which tokenizer.
    workers
        Threads or processes; by default as many as cores.
    expected
        Reference counts, where they are known already.

    Raises
    ------
    UnavailableError
        If the strategy cannot run with this tokenizer.
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

    Raises
    ------
    ValueError
        If one of them lacks turns; a count that is not there was not checked.
    """
    found = []
    triples = zip(conversations, expected, got, strict=True)
    for place, (conversation, wanted, counted) in enumerate(triples):
        pairs = zip(conversation.turns, wanted, counted, strict=True)
        for turn, (_, want, have) in enumerate(pairs, 1):
            if want != have:
                found.append(Mismatch(conversation.id, place, turn, want, have))
    return found
