"""Compare what counts with the reference, and say where they first differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from strategies.contract import Counter, Strategy
from strategies.conversations.counts import Counts
from strategies.counting import count_with
from strategies.errors import InputError, TurnError, UnavailableError
from strategies.plain import reference_counts
from strategies.registry import get, open_available

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation

Counting: TypeAlias = Callable[[Sequence["Conversation"], "ChatTokenizer"], Counts]
Target: TypeAlias = str | Strategy | Counting
"""What is compared: a strategy, its name, or a function of conversations and a tokenizer. A
function gives None for a turn that has no count; if it is a class or a partial, give it a
``__name__``."""

Outcome: TypeAlias = int | str | None
"""A count in tokens, None for a turn that has none, or the error that a call ends with."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first turn for which a target and the reference differ.

    Parameters
    ----------
    target
        Name of what was compared.
    place
        Place of the conversation among those that were counted, from 0.
    turn
        Place of the turn in the conversation, from 0.
    expected, got
        Counts in tokens; None for a turn without one; a text for an error of the whole call.
    """

    target: str
    place: int
    turn: int
    expected: Outcome
    got: Outcome

    def __str__(self) -> str:
        return (
            f"{self.target}: conversation {self.place}, turn {self.turn + 1}: "
            f"expected {self.expected!r}, got {self.got!r}"
        )


def first_mismatch(
    targets: Target | Iterable[Target],
    conversations: Sequence[Conversation],
    chat: ChatTokenizer,
    *,
    workers: int = 1,
    expected: Counts | None = None,
) -> Difference | None:
    """Return the first turn for which a target and the reference differ, or None.

    Turns that fail are compared, too: where the reference has no count, nor may a target. A
    strategy is then asked again for some of them without leave to skip, and must raise the
    reference's error.

    Parameters
    ----------
    targets
        A target, or several. Those that say that they are unavailable are left out.
    conversations
        The conversations to count.
    chat
        The tokenizer to count with.
    workers
        Threads or processes of a strategy.
    expected
        The reference counts, if they are known already: for each conversation one count per
        turn, in tokens.

    Raises
    ------
    UnavailableError
        If no target can run: nothing would be compared.
    InputError
        If there is no strategy of a name.

    Examples
    --------
    >>> from strategies import Conversation, load_chat
    >>> from strategies.testing import first_mismatch
    >>> chat = load_chat("my-tokenizer")  # doctest: +SKIP
    >>> said = Conversation("c", ({"role": "user", "content": "Hi"},), None, (1,))
    >>> first_mismatch(["spliced", "rust"], [said], chat) is None  # doctest: +SKIP
    True
    """
    several = [targets] if isinstance(targets, str | Strategy) or callable(targets) else targets
    if expected is None:
        expected = reference_counts(conversations, chat, on_error="skip")
    reasons: list[str] = []
    compared = False
    for target in several:
        try:
            found = difference(target, conversations, chat, expected, workers)
        except UnavailableError as error:
            reasons.append(str(error))
            continue
        compared = True
        if found is not None:
            return found
    if not compared:
        raise UnavailableError("; ".join(reasons) or "there is nothing to compare")
    return None


def difference(
    target: Target,
    conversations: Sequence[Conversation],
    chat: ChatTokenizer,
    expected: Counts,
    workers: int = 1,
) -> Difference | None:
    """Return the first turn for which one target differs from what is expected, or None.

    Parameters
    ----------
    target
        The target.
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
        If it cannot run with this tokenizer.
    """
    if isinstance(target, str):
        target = get(target)
    if not isinstance(target, Strategy):
        name = getattr(target, "__name__", type(target).__name__)
        return _of_counts(name, expected, _called(target, conversations, chat))
    with open_available(target, chat, workers) as counter:
        try:
            got = count_with(counter, chat, conversations, on_error="skip")
        except UnavailableError:
            raise
        except Exception as error:
            return Difference(target.name, 0, 0, None, f"{type(error).__name__}: {error}")
        found = _of_counts(target.name, expected, got)
        some = _around_failures(expected)
        if found is None and some:
            found = _of_errors(target.name, counter, [conversations[i] for i in some], chat, some)
    return found


def _around_failures(expected: Counts) -> list[int]:
    """Return the places of two conversations that fail, and of one before them that does not."""
    failing = [place for place, turns in enumerate(expected) if None in turns][:2]
    if not failing:
        return []
    good = [place for place, turns in enumerate(expected) if None not in turns][:1]
    return sorted(good + failing)


def _called(
    target: Counting, conversations: Sequence[Conversation], chat: ChatTokenizer
) -> Counts | str:
    try:
        return target(conversations, chat)
    except UnavailableError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _of_counts(target: str, expected: Counts, got: Counts | str) -> Difference | None:
    if isinstance(got, str):
        return Difference(target, 0, 0, None, got)
    if list(map(len, expected)) != list(map(len, got)):
        shape = f"counts of {[len(turns) for turns in got]} turns"
        return Difference(target, 0, 0, f"counts of {[len(turns) for turns in expected]}", shape)
    for place, (wanted, counted) in enumerate(zip(expected, got, strict=True)):
        for turn, (want, have) in enumerate(zip(wanted, counted, strict=True)):
            if want != have:
                return Difference(target, place, turn, want, have)
    return None


def _of_errors(
    target: str,
    counter: Counter,
    conversations: Sequence[Conversation],
    chat: ChatTokenizer,
    places: Sequence[int],
) -> Difference | None:
    """Compare the errors of calls that may not skip a turn.

    Parameters
    ----------
    target
        Name of the target.
    counter
        What it has opened.
    conversations
        Some that fail.
    chat
        The tokenizer to count with.
    places
        Their places among those that are compared.
    """
    wanted = _error(lambda: reference_counts(conversations, chat))
    got = _error(lambda: count_with(counter, chat, conversations))
    if wanted == got:
        return None
    said = (None if each is None else str(each) for each in (wanted, got))
    return Difference(target, places[0], 0, *said)


def _error(count: Callable[[], Counts]) -> tuple[object, ...] | None:
    """Return what the error of a call names, or None if there is none."""
    try:
        count()
    except TurnError as error:
        return error.conversation, error.turn, error.reason
    except InputError as error:
        return (str(error),)
    except Exception as error:
        return type(error).__name__, str(error)
    return None
