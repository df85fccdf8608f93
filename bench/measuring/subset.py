"""Whole conversations that fit a time budget, the same for all strategies of a comparison."""

from __future__ import annotations

import random
from collections.abc import Sequence

from strategies import Conversation


def conversations_within(
    conversations: Sequence[Conversation], share: float, seed: int
) -> list[Conversation]:
    """Return a seeded choice of whole conversations with about that share of the work.

    Parameters
    ----------
    conversations
        To choose from.
    share
        Part of the work of all turns, where 1 or more means all of it.
    seed
        The same seed chooses the same conversations.

    Returns
    -------
    list of Conversation
        In the order of the data; at least one, and at least the share.
    """
    if share >= 1:
        return list(conversations)
    work = [_work(conversation) for conversation in conversations]
    order = list(range(len(conversations)))
    random.Random(seed).shuffle(order)  # noqa: S311  # no secret
    chosen: list[int] = []
    done = 0
    # Take whatever comes next, long or short. Passing over conversations that do not fit would
    # leave the short ones, which repeat little.
    for place in order:
        chosen.append(place)
        done += work[place]
        if done >= share * sum(work):
            break
    return [conversations[place] for place in sorted(chosen)]


def share_of(some: Sequence[Conversation], conversations: Sequence[Conversation]) -> float:
    """Return the part of the work of all conversations that some of them are, at most 1."""
    return sum(map(_work, some)) / (sum(map(_work, conversations)) or 1)


def _work(conversation: Conversation) -> int:
    """Return about how many characters all prompts hold; templates add some."""
    sizes = [len(str(message)) for message in conversation.messages]
    before = [0]
    for size in sizes:
        before.append(before[-1] + size)
    return sum(before[k] for k in conversation.turns)
