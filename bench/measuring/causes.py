"""Why a strategy counts turns wrong: the shortest part of a prompt that shows it, and the cause."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from bench.measuring.shrinking import narrowed, shortest
from strategies import (
    ChatTokenizer,
    Conversation,
    Counts,
    Mismatch,
    Strategy,
    TurnError,
    UnavailableError,
    WorkerError,
    availability,
    count_turns,
    count_with,
)
from strategies.verification import mismatches

TEXT_ALONE = "{{ messages[0].content }}"
"""A template of nothing but the first message."""
_KINDS = {"L": "letters", "M": "marks", "N": "numbers", "P": "punctuation", "S": "symbols"}
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")


@dataclass(frozen=True, slots=True)
class Difference:
    """A short text that a strategy and the tokenizers library count differently.

    Parameters
    ----------
    cause
        A few words that are the same for all texts with this cause.
    text
        The text.
    expected, got
        Tokens; `got` is None if the strategy refuses the text.
    """

    cause: str
    text: str
    expected: int
    got: int | None


@dataclass(frozen=True, slots=True)
class Causes:
    """How many turns of a dataset a strategy counts wrong, and why.

    Parameters
    ----------
    strategy
        Its name.
    unavailable
        Why it cannot run, or how its process ended; None if it has counted.
    turns, wrong
        Turns that were compared, and those that differ.
    looked_at
        Wrong turns whose cause was looked for.
    differences
        The first text of each cause, with the number of turns that have it.
    """

    strategy: str
    unavailable: str | None
    turns: int = 0
    wrong: int = 0
    looked_at: int = 0
    differences: tuple[tuple[Difference, int], ...] = ()


def causes_of(
    strategy: Strategy,
    chat: ChatTokenizer,
    conversations: Sequence[Conversation],
    expected: Counts,
    most: int,
) -> Causes:
    """Count with a strategy, and look for the causes of what it counts wrong.

    Parameters
    ----------
    strategy
        The strategy, usually a peer.
    chat
        The tokenizer, which has a backend of the tokenizers library.
    conversations
        The conversations to count.
    expected
        The counts that are right, in tokens.
    most
        Wrong turns whose cause is looked for, spread over the dataset.
    """
    reason = availability(strategy, chat)
    if reason is not None:
        return Causes(strategy.name, reason)
    try:
        return _causes_of(strategy, chat, conversations, expected, most)
    except (UnavailableError, WorkerError) as error:
        # It cannot load the tokenizer, or its process has crashed or hung.
        return Causes(strategy.name, str(error))


def _causes_of(
    strategy: Strategy,
    chat: ChatTokenizer,
    conversations: Sequence[Conversation],
    expected: Counts,
    most: int,
) -> Causes:
    plain = ChatTokenizer(
        replace(chat.spec, template=TEXT_ALONE, template_name=None, messages="as-written")
    )
    with ExitStack() as stack:
        whole = stack.enter_context(strategy.open(chat, workers=1))
        got = count_with(whole, chat, conversations, on_error="skip")
        wrong = mismatches(conversations, expected, got)
        turns = count_turns(conversations)
        if not wrong:
            return Causes(strategy.name, None, turns)
        pieces = stack.enter_context(strategy.open(plain, workers=1))

        def counted(texts: Sequence[str]) -> list[int | None]:
            chats = [
                Conversation("text", ({"role": "user", "content": text},), None, (1,))
                for text in texts
            ]
            return [count for (count,) in count_with(pieces, plain, chats, on_error="skip")]

        chosen = wrong[:: max(1, len(wrong) // most)][:most]
        found = [_difference(chat, conversations, turn, counted) for turn in chosen]
    numbers = Counter(each.cause for each in found)
    firsts = {each.cause: each for each in reversed(found)}
    return Causes(
        strategy.name,
        None,
        turns,
        len(wrong),
        len(chosen),
        tuple((firsts[cause], number) for cause, number in numbers.most_common()),
    )


def _difference(
    chat: ChatTokenizer,
    conversations: Sequence[Conversation],
    turn: Mismatch,
    counted: Callable[[Sequence[str]], list[int | None]],
) -> Difference:
    try:
        prompt = chat.renderer(conversations[turn.index]).render(turn.turn - 1)
    except TurnError as error:
        return Difference(f"counts a turn that has no prompt: {error.reason}", "", 0, turn.got)

    def differing(texts: Sequence[str]) -> list[bool]:
        return [a != b for a, b in zip(counted(texts), chat.lengths(texts), strict=True)]

    def differs(text: str) -> bool:
        return differing([text])[0]

    text = shortest(narrowed(prompt, differing), differs) if differs(prompt) else prompt
    (expected,), (got,) = chat.lengths([text]), counted([text])
    return Difference(_cause(chat, text, got), text, expected, got)


def _cause(chat: ChatTokenizer, text: str, got: int | None) -> str:
    if got is None:
        return "refuses the text"
    tokens = [
        token for token in chat.tokenizer.added_tokens_decoder.values() if token.content in text
    ]
    flags = {flag for token in tokens for flag in _FLAGS if getattr(token, flag)}
    if flags:
        return f"added tokens that are {' and '.join(sorted(flags))}"
    if tokens:
        special = all(token.special for token in tokens)
        return f"added tokens without flags, {'special' if special else 'not special'}"
    kinds = sorted({kind for character in text for kind in _kinds(character)})
    return f"{', '.join(kinds)} with {chat.family}"


def _kinds(character: str) -> tuple[str, ...]:
    """Return the kinds of a character that a person tells apart."""
    category = unicodedata.category(character)
    kind = "white space" if character.isspace() else _KINDS.get(category[0], "other characters")
    return (kind,) if character.isascii() else (kind, "beyond ASCII")
