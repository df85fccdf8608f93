"""Why a strategy counts turns wrong: the shortest part of a prompt that shows it, and the cause."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from strategies import (
    ChatTokenizer,
    Conversation,
    Counts,
    Mismatch,
    Strategy,
    TurnError,
    UnavailableError,
    availability,
    count_turns,
    count_with,
)
from strategies.verification import mismatches

_CONTENT = "{{ messages[0].content }}"
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
        Why it cannot run, or None.
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
    plain = ChatTokenizer(
        replace(chat.spec, template=_CONTENT, template_name=None, messages="as-written")
    )
    with ExitStack() as stack:
        try:
            whole = stack.enter_context(strategy.open(chat, workers=1))
        except UnavailableError as error:
            return Causes(strategy.name, str(error))
        got = count_with(whole, chat, conversations, on_error="skip")
        wrong = mismatches(conversations, expected, got)
        turns = count_turns(conversations)
        if not wrong:
            return Causes(strategy.name, None, turns)
        pieces = stack.enter_context(strategy.open(plain, workers=1))

        def counted(text: str) -> int | None:
            messages = ({"role": "user", "content": text},)
            conversation = Conversation("text", messages, None, (1,))
            ((count,),) = count_with(pieces, plain, [conversation], on_error="skip")
            return count

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
    counted: Callable[[str], int | None],
) -> Difference:
    try:
        prompt = chat.renderer(conversations[turn.index]).render(turn.turn - 1)
    except TurnError as error:
        return Difference(f"counts a turn that has no prompt: {error.reason}", "", 0, turn.got)

    def differs(text: str) -> bool:
        return counted(text) != chat.lengths([text])[0]

    text = shortest(prompt, differs) if differs(prompt) else prompt
    expected, got = chat.lengths([text])[0], counted(text)
    return Difference(_cause(chat, text, got), text, expected, got)


def shortest(text: str, differs: Callable[[str], bool]) -> str:
    """Return what is left of a text when no part can be left out any more.

    Parameters
    ----------
    text
        A text that `differs` holds for.
    differs
        Whether a text still shows what is looked for.
    """
    size = (len(text) + 1) // 2
    while size:
        start = 0
        while start < len(text):
            shorter = text[:start] + text[start + size :]
            if shorter and differs(shorter):
                text = shorter
            else:
                start += size
        size //= 2
    return text


def _cause(chat: ChatTokenizer, text: str, got: int | None) -> str:
    if got is None:
        return "refuses the text"
    flags = {
        flag
        for token in chat.tokenizer.added_tokens_decoder.values()
        if token.content in text
        for flag in _FLAGS
        if getattr(token, flag)
    }
    if flags:
        return f"added tokens that are {' and '.join(sorted(flags))}"
    beyond = [character for character in text if not character.isascii()]
    if beyond:
        kinds = sorted({unicodedata.category(character) for character in beyond})
        return f"characters beyond ASCII ({', '.join(kinds)})"
    return "other"
