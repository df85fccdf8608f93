"""Ask a counter for the figures of every turn."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from strategies.columns.figures import COLUMNS, Figures
from strategies.columns.reference import reference_figures
from strategies.contract import Counter
from strategies.conversations.counts import Column, Counts, OnError, Progress
from strategies.conversations.direct import DirectConversations
from strategies.conversations.given import given_conversations
from strategies.counting import columns_with
from strategies.errors import InputError

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation


def figures_with(
    counter: Counter,
    chat: ChatTokenizer,
    conversations: Iterable[Conversation],
    wanted: AbstractSet[Column],
    *,
    progress: Progress | None = None,
    on_error: OnError = "raise",
) -> list[list[Figures]]:
    """Return the figures of every turn of every conversation.

    The ISL is the counter's own. Columns that it does not find are found by
    `reference_figures`, conversation by conversation.

    Parameters
    ----------
    counter
        An open counter.
    chat
        The tokenizer that it counts with.
    conversations
        The conversations to count; a generator is read once.
    wanted
        The columns beside the ISL. The others are None, and cost nothing.
    progress
        Called with the number of turns done since the last call.
    on_error
        ``"raise"`` fails at a turn that has no ISL; ``"skip"`` gives it None in all columns.

    Returns
    -------
    list of list of Figures
        For each conversation one for every turn.

    Raises
    ------
    InputError
        If a column does not exist. Also as `count_with` does.
    TurnError
        For a turn that fails, if `on_error` is ``"raise"``.
    """
    unknown = wanted - COLUMNS
    if unknown:
        raise InputError(f"there is no column {min(unknown)!r}", field="wanted")
    if not isinstance(conversations, DirectConversations):
        conversations = given_conversations(conversations)
    columns = columns_with(
        counter, chat, conversations, wanted, progress=progress, on_error=on_error
    )
    found = [
        [Figures(*row) for row in zip(isl, *others, strict=True)]
        for isl, *others in zip(
            columns.counts,
            _filled(columns.shared, columns.counts),
            _filled(columns.osl, columns.counts),
            strict=True,
        )
    ]
    for place in columns.left:
        plain = reference_figures(chat, conversations[place], wanted, on_error)
        found[place] = [
            Figures(isl, turn.shared, turn.osl)
            for isl, turn in zip(columns.counts[place], plain, strict=True)
        ]
    return found


def _filled(column: Counts | None, counts: Counts) -> Counts:
    return [[None] * len(turns) for turns in counts] if column is None else column
