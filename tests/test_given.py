"""Conversations from generators, maps and filters are counted, or refused; never as nothing."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from typing import Any

import pytest

import strategies
from strategies import Conversation, InputError, Verification
from tests.conftest import bundled_chat

MESSAGES = tuple(
    {"role": role, "content": content}
    for role, content in [("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")]
)
DATA = [Conversation(name, MESSAGES, None, (1, 3)) for name in "abc"]
CHAT = bundled_chat("unigram")
WAYS: dict[str, Callable[[], Iterable[Conversation]]] = {
    "generator": lambda: (each for each in DATA),
    "map": lambda: map(lambda each: each, DATA),  # noqa: C417  # a map is what is tried
    "filter": lambda: filter(None, DATA),
    "iterator": lambda: iter(DATA),
    "tuple": lambda: tuple(DATA),
    "values": {each.id: each for each in DATA}.values,
}


@pytest.mark.parametrize("way", WAYS)
def test_any_iterable_is_counted(way: str, strategy_name: str) -> None:
    expected = strategies.reference_counts(DATA, CHAT)
    given = WAYS[way]
    assert len(expected) == 3
    assert strategies.reference_counts(given(), CHAT) == expected
    assert strategies.count(given(), CHAT, strategy_name, workers=2) == expected
    skipping = strategies.count(given(), CHAT, strategy_name, workers=2, on_error="skip")
    assert skipping == expected
    with strategies.open_available(strategies.get(strategy_name), CHAT, 2) as counter:
        assert strategies.count_with(counter, CHAT, given()) == expected
    checked = strategies.verify(strategy_name, given(), CHAT, workers=2)
    assert checked == []
    assert checked.turns == 6
    assert strategies.amplification(given(), CHAT) == strategies.amplification(DATA, CHAT)


def use(function: str, given: Any) -> Any:
    if function == "count":
        return strategies.count(given, CHAT, "sequential")
    if function == "verify":
        return strategies.verify("sequential", given, CHAT)
    plain: Callable[..., Any] = getattr(strategies, function)
    return plain(given, CHAT)


FUNCTIONS = ["count", "verify", "reference_counts", "amplification"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_generator_that_was_read_before_is_refused(function: str) -> None:
    given = iter(DATA)
    use(function, given)
    with pytest.raises(InputError, match="conversations: the iterator yields nothing"):
        use(function, given)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (DATA[0], "is one conversation; put it into a list"),
        ("chats.jsonl", "str is no list of conversations"),
        (None, "NoneType is no list of conversations"),
        ([DATA[0], {"messages": []}], r"conversations\[1\]: must be a Conversation, got dict"),
        ({"a": DATA[0]}, r"conversations\[0\]: must be a Conversation, got str"),
    ],
)
def test_anything_else_is_refused_in_one_line(function: str, given: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        use(function, given)


@pytest.mark.parametrize("given", [[], (), [Conversation("c", MESSAGES, None, ())]])
def test_a_check_of_no_turn_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match="no turn, so nothing would be checked"):
        strategies.verify("sequential", given, CHAT)
    # There is nothing to count, and that is what is said.
    assert strategies.count(given, CHAT, "sequential") == [[] for _ in given]


def test_a_verification_says_how_much_it_checked() -> None:
    expected = strategies.reference_counts(DATA, CHAT)
    expected[1][1] = 0
    found = strategies.verify("sequential", DATA, CHAT, expected=expected)
    assert isinstance(found, Verification)
    assert [(each.conversation, each.turn) for each in found] == [("b", 2)]
    assert found.turns == 6
    assert repr(found).endswith("turns=6)")
    again = pickle.loads(pickle.dumps(found))  # noqa: S301  # made here
    assert again == found
    assert again.turns == 6
