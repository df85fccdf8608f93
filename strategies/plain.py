"""The plain call, one turn after the other: the reference that every strategy is held to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from strategies.chat.failures import is_failure, turn_error
from strategies.conversations.counts import Counts, OnError, Progress
from strategies.conversations.given import given_conversations
from strategies.errors import TurnError
from strategies.runtime.parallelism import library_threads

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation


def reference_ids(
    chat: ChatTokenizer, conversation: Conversation, index: int, on_error: OnError = "raise"
) -> list[int] | None:
    """Return the token ids of the prompt of one turn, by the plain full-template call.

    Parameters
    ----------
    chat
        The tokenizer to count with.
    conversation
        The conversation of the turn.
    index
        Place of the turn in the conversation, from 0.
    on_error
        ``"raise"``, or ``"skip"`` to return None if the call raises.

    Raises
    ------
    TurnError
        If the call raises and `on_error` is ``"raise"``.
    """
    try:
        return chat.apply_chat_template(conversation, index)
    except BaseException as error:
        if not is_failure(error):
            raise
        if on_error == "skip":
            return None
        if isinstance(error, TurnError):
            raise
        raise turn_error(conversation, index, error) from error


def reference_turn(
    chat: ChatTokenizer, conversation: Conversation, index: int, on_error: OnError = "raise"
) -> int | None:
    """Return the ISL of one turn, in tokens, by the plain full-template call.

    Parameters
    ----------
    chat, conversation, index, on_error
        As for `reference_ids`.

    Raises
    ------
    TurnError
        If the call raises and `on_error` is ``"raise"``.
    """
    ids = reference_ids(chat, conversation, index, on_error)
    return None if ids is None else len(ids)


def reference_counts(
    conversations: Iterable[Conversation],
    chat: ChatTokenizer,
    *,
    progress: Progress | None = None,
    on_error: OnError = "raise",
) -> Counts:
    """Return the ISL of every turn, by one plain full-template call after the other.

    This runs in one thread; the library's own thread pool is off meanwhile.

    Parameters
    ----------
    conversations
        The conversations to count; a generator is read once.
    chat
        The tokenizer to count with.
    progress
        Called with 1 after each turn.
    on_error
        ``"raise"`` fails at a turn that has no ISL; ``"skip"`` counts it as None.

    Returns
    -------
    list of list of int or None
        For each conversation one count per turn, in tokens.

    Raises
    ------
    InputError
        If something else than conversations is given, or an iterator yields none.
    TurnError
        For the first turn that fails, if `on_error` is ``"raise"``.
    """
    counts: Counts = []
    with library_threads(1):
        for conversation in given_conversations(conversations):
            counts.append([])
            for index in range(len(conversation.turns)):
                counts[-1].append(reference_turn(chat, conversation, index, on_error))
                if progress:
                    progress(1)
    return counts


def first_failure(
    conversations: Sequence[Conversation], chat: ChatTokenizer, found: TurnError
) -> TurnError:
    """Return the error of the first turn that fails, in the order of the data.

    Workers meet failing turns in any order, but all strategies must name the same one.

    Parameters
    ----------
    conversations
        The conversations that were counted.
    chat
        The tokenizer that counted them.
    found
        The error that a worker met. It is returned if the plain call finds no other.
    """
    try:
        reference_counts(conversations, chat)
    except TurnError as error:
        return error
    return found
