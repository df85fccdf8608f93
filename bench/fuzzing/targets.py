"""Targets of the conformance runner, asked for the prompts of a random case."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.conformance.asking import Question, Target
from bench.conformance.corpus import Case, expected_of
from bench.conformance.make import encoded
from bench.conformance.runner import judged
from bench.conformance.targets import target_named
from strategies import Conversation, Counts, UnavailableError, names
from strategies.testing.comparing import Difference, difference

if TYPE_CHECKING:
    from strategies import ChatTokenizer


def first_difference(
    target: str,
    conversations: Sequence[Conversation],
    chat: ChatTokenizer,
    expected: Counts,
    workers: int,
) -> Difference | None:
    """Return the first turn for which a target differs from the reference, or None.

    Parameters
    ----------
    target
        Name of a strategy, or of a target of the conformance runner.
    conversations
        The conversations to count.
    chat
        The tokenizer to count with.
    expected
        The reference counts: for each conversation one count per turn, in tokens.
    workers
        Threads or processes of a strategy.

    Raises
    ------
    UnavailableError
        If it does no such case.
    """
    if target in names():
        return difference(target, conversations, chat, expected, workers)
    return _asked(_named(target), conversations, chat)


@cache
def _named(name: str) -> Target:
    return target_named(name)


def _asked(
    target: Target, conversations: Sequence[Conversation], chat: ChatTokenizer
) -> Difference | None:
    """Ask a target for all prompts, and return the first wrong answer."""
    path = Path(chat.spec.name_or_path) / "tokenizer.json"
    if chat.backend is None or not path.is_file():
        raise UnavailableError("there is no tokenizer.json that it could load")
    places = [
        (place, turn, prompt)
        for place, conversation in enumerate(conversations)
        for turn, prompt in chat.prompts(conversation, "skip")
        if prompt is not None
    ]
    cases = []
    for number, (_, _, prompt) in enumerate(places):
        ids = encoded(chat.backend, prompt)
        wanted = None if ids is None else expected_of(ids)
        cases.append(Case("fuzz", str(number), "a random prompt", {}, prompt, wanted, None))
    outcomes = [
        judged(case, answer)
        for case, answer in zip(
            cases, target.answers([Question(case, path) for case in cases]), strict=True
        )
    ]
    if all(outcome.status == "unavailable" for outcome in outcomes):
        raise UnavailableError(outcomes[0].said if outcomes else "there is no prompt")
    for (place, turn, _), outcome in zip(places, outcomes, strict=True):
        if outcome.status in {"wrong", "failed"}:
            wanted = outcome.case.expected
            count = None if wanted is None else wanted.count
            return Difference(target.name, place, turn, count, outcome.said)
    return None
