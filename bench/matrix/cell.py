"""One cell: a tokenizer with a template, counted by every strategy, in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.matrix.result import Cell, Checked
from strategies import (
    ChatSpec,
    ChatTokenizer,
    Conversation,
    Counts,
    IslError,
    TurnError,
    UnavailableError,
    availability,
    count_turns,
    count_with,
    get,
    reference_counts,
)
from strategies.splicing import Cutter, markers_of
from strategies.verification import mismatches

WORKERS = 2
"""Threads or processes of each strategy: enough to show what goes wrong side by side."""


def compare_cell(
    _send: Any,
    spec: ChatSpec,
    names: tuple[str, str],
    strategies: Sequence[str],
    conversations: Sequence[Conversation],
) -> Cell:
    """Count some conversations by every strategy, and compare with the plain call.

    Parameters
    ----------
    spec
        The tokenizer with the template.
    names
        What the matrix calls the tokenizer and the template.
    strategies
        Names of the strategies.
    conversations
        What to count.
    """
    try:
        chat = ChatTokenizer(spec)
    except IslError as error:
        return Cell(*names, reason=str(error))
    expected = reference_counts(conversations, chat, on_error="skip")
    turns = sum(isl is not None for counts in expected for isl in counts)
    refused = count_turns(conversations) - turns
    return Cell(
        *names,
        turns=turns,
        refused=refused,
        cuts=_has_cuts(chat, conversations),
        reason=None if turns else _refusal(chat, conversations),
        checked=tuple(_checked(name, chat, conversations, expected) for name in strategies),
    )


def _checked(
    name: str, chat: ChatTokenizer, conversations: Sequence[Conversation], expected: Counts
) -> Checked:
    try:
        strategy = get(name)
        reason = availability(strategy, chat)
        if reason is not None:
            return Checked(name, "unavailable", reason=reason)
        with strategy.open(chat, workers=WORKERS) as counter:
            got = count_with(counter, chat, conversations, on_error="skip")
        found = mismatches(conversations, expected, got)
    except UnavailableError as error:
        return Checked(name, "unavailable", reason=str(error))
    except (IslError, ValueError) as error:
        return Checked(name, "failed", reason=str(error))
    if found:
        return Checked(name, "wrong", len(found), str(found[0]))
    return Checked(name, "exact")


def _has_cuts(chat: ChatTokenizer, conversations: Sequence[Conversation]) -> bool:
    markers = markers_of(chat)
    if isinstance(markers, str):
        return False
    cutter = Cutter(markers)
    prompts = (prompt for each in conversations for _, prompt in chat.prompts(each, "skip"))
    return any(next(cutter.find(prompt), None) for prompt in prompts if prompt is not None)


def _refusal(chat: ChatTokenizer, conversations: Sequence[Conversation]) -> str:
    try:
        reference_counts(conversations, chat)
    except TurnError as error:
        return f"the template refuses every turn, the first one so: {error.reason}"
    return "there is no turn"
