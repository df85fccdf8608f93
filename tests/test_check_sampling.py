"""The turns that `bench check` asks: some of each kind, and the same ones for the same seed."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bench.checking.sampling import left_out, sample
from bench.checking.strata import Turn, in_order, turns_with_strata
from strategies import Conversation

EMPTY = Conversation("c", ({"role": "user", "content": "x"},), None, (1,))
KINDS = ["tools", "reasoning", "names", "system prompt", "ISL below 1,024", "ISL from 1,024"]


def turn(strata: tuple[str, ...], isl: int = 1) -> Turn:
    return Turn(EMPTY, EMPTY, 0, isl, strata)


turns_of = st.lists(
    st.lists(st.sampled_from(KINDS), min_size=1, unique=True).map(lambda each: turn(tuple(each))),
    min_size=1,
    max_size=40,
)


@given(turns_of, st.integers(1, 50), st.integers(0, 5))
def test_each_stratum_is_there_if_the_number_allows(
    turns: list[Turn], number: int, seed: int
) -> None:
    # Told apart by their count, in the order of the data.
    turns = [turn(each.strata, place) for place, each in enumerate(turns)]
    chosen = sample(turns, number, seed)
    places = [each.isl for each in chosen]
    assert places == sorted(set(places))
    assert len(chosen) == min(number, len(turns))
    every = {stratum for each in turns for stratum in each.strata}
    there = {stratum for each in chosen for stratum in each.strata}
    # Each turn that is chosen for its strata brings a new one.
    assert len(there) >= min(len(every), number)
    assert left_out(turns, chosen) == in_order(every - there)
    assert [each.isl for each in sample(turns, number, seed)] == places


def test_a_rare_kind_is_not_lost_among_many() -> None:
    many = [turn(("ISL below 1,024",), place) for place in range(1000)]
    rare = [turn(("ISL below 1,024", "tools"), 1000), turn(("reasoning", "tools"), 1001)]
    chosen = sample([*many, *rare], 6, 0)
    assert Counter(len(each.strata) for each in chosen) == {1: 4, 2: 2}


def test_another_seed_asks_other_turns() -> None:
    turns = [turn(("tools",), place) for place in range(100)]
    chosen = {tuple(each.isl for each in sample(turns, 5, seed)) for seed in range(10)}
    assert len(chosen) > 5


def test_the_kinds_of_a_turn() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = (
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "u"}], "name": "me"},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning": "r"},
        {"role": "tool", "content": "t"},
        {"role": "assistant", "content": "half"},
    )
    conversation = Conversation(
        "c", messages, (), (2, 4, 5), template_kwargs={"a": 1}, continued=frozenset({5})
    )
    first, second, third = turns_with_strata([conversation], [conversation], [[10, 5000, 70000]])
    common = {"no tools in the list of tools", "template kwargs"}
    asked = {"system prompt", "content in parts", "names"}
    answered = {"no content", "tool calls", "tool results", "reasoning"}
    assert set(first.strata) == {"ISL below 1,024", "1 or 2 messages"} | common | asked
    here = {"ISL from 4,096", "3 to 10 messages"} | common | asked | answered
    assert set(second.strata) == here
    assert set(third.strata) == here - {"ISL from 4,096"} | {"ISL from 65,536", "continued"}
    assert third.alone().turns == (5,)
    assert third.is_continued
    assert not second.alone().continued


def test_turns_without_a_count_are_not_asked() -> None:
    conversation = Conversation("c", ({"role": "user", "content": "x"},) * 2, None, (1, 2))
    (only,) = turns_with_strata([conversation], [conversation], [[None, 7]])
    assert (only.index, only.isl) == (1, 7)
