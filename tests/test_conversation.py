"""A conversation holds each message once, and only what JSON and UTF-8 can carry."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import Conversation, InputError, client_turns, count_turns
from strategies.conversations.conversation import MAX_DEPTH, check_plain
from strategies.conversations.json_text import shown

Message = dict[str, Any]
USER: Message = {"role": "user", "content": "hi"}

roles = st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"])
histories = st.lists(roles.map(lambda role: {"role": role, "content": ""}), max_size=12)


@given(histories)
def test_turns_are_before_answers_to_a_user_or_tool_and_at_an_unanswered_end(
    messages: list[Message],
) -> None:
    turns = client_turns(messages)
    assert list(turns) == sorted(set(turns))
    roles = [message["role"] for message in messages]
    for k in range(len(messages) + 1):
        since = roles[:k]
        while "assistant" in since:
            del since[: since.index("assistant") + 1]
        asked = bool({"user", "tool", "function"}.intersection(since))
        answered = k < len(messages) and roles[k] == "assistant" and asked
        open_end = k == len(messages) and k > 0 and roles[-1] != "assistant"
        assert (k in turns) == (answered or open_end)
    Conversation("a", tuple(messages), None, turns)


@given(histories, histories)
def test_what_comes_later_takes_no_turn_away_from_a_finished_exchange(
    before: list[Message], after: list[Message]
) -> None:
    done = [*before, {"role": "assistant", "content": ""}]
    turns = client_turns(done)
    assert client_turns([*done, *after])[: len(turns)] == turns


def test_turns_are_counted_over_all_conversations() -> None:
    one = Conversation("a", (USER,), None, (1,))
    none = Conversation("b", (USER,), None, ())
    assert count_turns([one, none, one]) == 2


@pytest.mark.parametrize("turns", [(0,), (-1,), (2,), (1, 1), (1, 2)])
def test_turns_are_prefixes_in_order(turns: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="turns: turns must increase strictly"):
        Conversation("a", (USER,), None, turns)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param((7, (USER,), None), "id: must be a string", id="id type"),
        pytest.param(("\ud800", (USER,), None), "id: lone surrogate U+D800", id="id"),
        pytest.param(("a", ("hi",), None), "messages[0]: a message must be", id="message"),
        pytest.param(("a", (USER,), ("f",)), "tools[0]: a tool must be an object", id="tool"),
        pytest.param(("a", ({"x": {1}},), None), "messages[0].x: set is not JSON", id="set"),
        pytest.param(("a", ({"x": b""},), None), "messages[0].x: bytes is not JSON", id="bytes"),
        pytest.param(("a", ({1: 2},), None), "messages[0]: object keys must be", id="key"),
        pytest.param(
            ("a", (USER,), ({"x": [float("nan")]},)), "tools[0].x[0]: nan is not", id="NaN"
        ),
    ],
)
def test_what_is_not_plain_data_is_named(parts: tuple[Any, Any, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Conversation(*parts, ())
    assert str(caught.value).startswith(message)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(plain)
def test_plain_data_passes(value: Any) -> None:
    check_plain(value, "x")


@given(st.text(), st.characters(categories=["Cs"]), st.text(), st.booleans())
def test_a_lone_surrogate_is_found_anywhere(
    before: str, lone: str, after: str, as_key: bool
) -> None:
    text = before + lone + after
    with pytest.raises(InputError, match="lone surrogate"):
        check_plain([{"a": {text: 1} if as_key else text}], "x")


@pytest.mark.parametrize("shape", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_nesting_is_bounded(shape: Any) -> None:
    value: Any = "x"
    for _ in range(MAX_DEPTH):
        value = shape(value)
    check_plain(value, "x")
    with pytest.raises(InputError, match=f"nested deeper than {MAX_DEPTH} levels"):
        check_plain(shape(value), "x")


@given(st.text())
def test_a_name_is_shown_short_and_printable(name: str) -> None:
    assert shown(name * 9).isprintable()
    assert 0 < len(shown(name * 9)) < 1000


@pytest.mark.parametrize(
    ("name", "text"), [("a b", "a b"), ("é", "é"), ("a\nb", r"'a\nb'"), ("", "''")]
)
def test_a_plain_name_is_shown_as_it_is(name: str, text: str) -> None:
    assert shown(name) == text
