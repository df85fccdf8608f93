"""The plain call, one turn after the other: the reference that every strategy is held to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from strategies.chat.rendering import is_failure, turn_error
from strategies.conversations.counts import Counts, OnError, Progress
from strategies.errors import TurnError
from strategies.runtime.parallelism import library_threads

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation


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
