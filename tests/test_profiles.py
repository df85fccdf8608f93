"""Messages profiles: what the template gets, and that all strategies count the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import (
    Conversation,
    InputError,
    TurnError,
    client_turns,
    count,
    get,
    is_control,
    is_peer,
    load_chat,
    names,
    reference_counts,
    verify,
)
from strategies.chat.serving import Served, serve
from strategies.chat.traits import traits_of
from strategies.profiles.catalog import DEFAULT_PROFILE, profile_named, profiles
from strategies.profiles.profile import Traits
from tests.conftest import bundled_chat

VLLM = profile_named("vllm")
TEXTS = Traits(reads_parts=False, names_developer=False)
PARTS = Traits(reads_parts=True, names_developer=False)
DEVELOPER = Traits(reads_parts=False, names_developer=True)


def served(*messages: dict[str, Any], traits: Traits = TEXTS, profile: str = "vllm") -> Served:
    turns = client_turns(messages) or (len(messages),)
    return serve(Conversation("c", messages, None, turns), profile_named(profile), traits)


def one(message: dict[str, Any], traits: Traits = TEXTS) -> dict[str, Any]:
    return served({"role": "user", "content": "a"}, message, traits=traits).conversation.messages[1]


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("content", "text", "parts"),
    [
        (None, "", []),
        ("a", "a", [{"type": "text", "text": "a"}]),
        ("", "", [{"type": "text", "text": ""}]),
        ([], "", []),
        (["a", "b"], "a\nb", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
        ([{"type": "text", "text": "a"}], "a", [{"type": "text", "text": "a"}]),
        ([{"type": "input_text", "text": "a"}], "a", [{"type": "text", "text": "a"}]),
        ([{"type": "output_text", "text": "a"}], "a", [{"type": "text", "text": "a"}]),
        ([{"type": "refusal", "refusal": "no"}], "no", [{"type": "text", "text": "no"}]),
        ([{"type": "thinking", "thinking": "h"}], "h", [{"type": "text", "text": "h"}]),
        ([{"type": "text", "text": None}, "b"], "b", [{"type": "text", "text": "b"}]),
        # An empty part adds no line end, but is a part.
        (["", "b"], "b", [{"type": "text", "text": ""}, {"type": "text", "text": "b"}]),
        (
            [{"type": "text", "text": "a", "cache_control": {}, "name": "n"}],
            "a",
            [{"type": "text", "text": "a", "cache_control": {}}],
        ),
    ],
)
def test_content_is_a_text_or_parts(content: Any, text: str, parts: list[Any]) -> None:
    assert one(user(content)) == user(text)
    assert one(user(content), PARTS) == user(parts)
    # A tool's content is one text for every template.
    tool = {"role": "tool", "content": content, "tool_call_id": "c1"}
    assert one(tool)["content"] == text
    assert isinstance(one(tool, PARTS)["content"], str)


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"type": "image_url", "image_url": {"url": "x"}}, r"content\[1\].type"),
        ({"type": "input_audio", "input_audio": {}}, r"content\[1\].type"),
        ({"type": "text", "value": 1, "uuid": "u"}, r"content\[1\].uuid"),
        ({"text": "a"}, r"content\[1\].type"),
        ({"type": "thinking"}, r"content\[1\].thinking: must be a string"),
        (7, r"content\[1\]: must be"),
    ],
)
def test_what_is_no_text_is_refused_from_its_turn_on(part: Any, field: str) -> None:
    result = served(user("a"), {"role": "assistant", "content": "b"}, user(["c", part]))
    assert result.conversation.turns == (1,)
    with pytest.raises(TurnError, match=rf"conversation 'c', turn 2 .*messages\[2\].{field}"):
        raise result.refusal or AssertionError


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"b": 1, "a": [2]}', {"b": 1, "a": [2]}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("{}", {}),
        ("", {}),
        (None, {}),
        ("no json", {}),
        ("[1]", {}),
        ("null", {}),
        ("[" * 100_000, {}),
    ],
)
def test_arguments_become_an_object(arguments: Any, expected: dict[str, Any]) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": arguments}, "id": "c1"}
    (result,) = one({"role": "assistant", "content": None, "tool_calls": [call]})["tool_calls"]
    assert result == {**call, "function": {"name": "f", "arguments": expected}}
    # Templates that write the call as JSON show the order.
    assert list(result) == ["id", "function", "type"]
    assert list(result["function"]) == ["arguments", "name"]


def test_arguments_that_json_cannot_carry_are_refused() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": '{"a": NaN}'}}
    result = served(user("a"), {"role": "assistant", "tool_calls": [call]}, user("b"))
    assert result.conversation.turns == (1,)
    assert "nan is not a JSON number" in str(result.refusal)


def test_arguments_stay_if_they_are_as_given() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = (user("a"), {"role": "assistant", "tool_calls": [call]}, user("b"))
    for name in profiles():
        conversation = Conversation("c", messages, None, (3,), tool_arguments="as-given")
        result = serve(conversation, profile_named(name), TEXTS).conversation
        assert result.messages[1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_no_calls_and_older_calls() -> None:
    assert "tool_calls" not in one({"role": "assistant", "content": "a", "tool_calls": []})
    old = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    assert one(old) == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"function": {"arguments": {}, "name": "f"}, "type": "function"}],
    }
    result = one({"role": "function", "name": "f", "content": "1"})
    assert result == {"role": "tool", "content": "1", "name": "f"}


def test_reasoning_has_both_names_and_other_fields_are_left_out() -> None:
    for field in ("reasoning", "reasoning_content"):
        message = {"role": "assistant", "content": "a", field: "r", "score": 1, "id": "m"}
        assert one(message) == {
            "role": "assistant",
            "content": "a",
            "reasoning": "r",
            "reasoning_content": "r",
        }
    assert one({**user("a"), "name": "n", "reasoning": "r"}) == {**user("a"), "name": "n"}


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "function": {"parameters": {}, "description": "d", "name": "f"}},
        {"name": "f", "description": "d", "parameters": {}},
        {"type": "function", "name": "f", "description": "d", "parameters": {}, "strict": None},
        {"name": "f", "description": "d", "input_schema": {}},
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": {}, "x": 1},
        },
    ],
)
def test_tools_are_functions_with_three_fields_in_order(tool: dict[str, Any]) -> None:
    result = VLLM.tool(tool)
    function = {"name": "f", "description": "d", "parameters": {}}
    assert result == {"type": "function", "function": function}
    assert list(result["function"]) == list(function)


def test_a_tool_without_a_description_has_a_null() -> None:
    tool = {"type": "function", "function": {"name": "f", "strict": True}}
    function = {"name": "f", "description": None, "parameters": None, "strict": True}
    assert VLLM.tool(tool)["function"] == function


def test_a_tool_that_is_no_function_refuses_all_turns() -> None:
    tools = ({"type": "web_search", "name": "s"},)
    result = serve(Conversation("c", (user("a"),), tools, (1,)), VLLM, TEXTS)
    assert result.conversation.turns == ()
    assert "tools[0].type: a tool of type 'web_search' is no function" in str(result.refusal)


def test_a_developer_is_the_system_where_the_template_knows_none() -> None:
    developer = {"role": "developer", "content": "D"}
    system = {"role": "system", "content": ["S", "T"]}
    turn = user("a")
    assert served(developer, turn, traits=DEVELOPER).conversation.messages[0] == {
        **developer,
        "tools": None,
    }
    assert served(developer, turn).conversation.messages == (
        {"role": "system", "content": "D"},
        turn,
    )
    both = served(system, developer, turn, {"role": "assistant", "content": "b"}, turn)
    assert both.conversation.messages[0] == {"role": "system", "content": "S\nT\n\nD"}
    assert both.conversation.turns == (2, 4)
    assert both.refusal is None
    # Later it would change the start of the prompts after it, and not of those before.
    late = served(turn, {"role": "assistant", "content": "b"}, developer, turn)
    assert late.conversation.turns == (1,)
    assert "messages[2].role: vLLM moves this message to the start" in str(late.refusal)


def test_as_written_changes_nothing_that_was_counted_before() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    messages = (
        {"role": "developer", "content": "D", "x": 1},
        user([{"type": "text", "text": "a"}]),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "1"},
    )
    result = served(*messages, profile="as-written").conversation
    assert all(new is old for new, old in zip(result.messages, messages, strict=True))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (user(["a"]), "messages[1].content[0]: is no part of type text"),
        (user([{"type": "refusal", "refusal": "n"}]), "messages[1].content[0]: is no part"),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "x"}}]},
            "messages[1].tool_calls[0].function.arguments: is no JSON object",
        ),
    ],
)
def test_as_written_refuses_what_no_template_reads(message: dict[str, Any], reason: str) -> None:
    result = served(user("a"), message, user("b"), profile="as-written")
    assert reason in str(result.refusal)


def test_the_first_messages_of_a_conversation_are_served_alike_in_all_turns() -> None:
    # What a turn sees must not depend on messages after it.
    @settings(max_examples=200, deadline=None)
    @given(st.lists(_messages(), min_size=1, max_size=6), st.booleans(), st.booleans())
    def check(messages: list[dict[str, Any]], reads_parts: bool, names_developer: bool) -> None:
        traits = Traits(reads_parts, names_developer)
        turns = tuple(range(1, len(messages) + 1))
        whole = serve(Conversation("c", tuple(messages), None, turns), VLLM, traits)
        for index, k in enumerate(whole.conversation.turns):
            alone = serve(
                Conversation("c", tuple(messages[: index + 1]), None, (index + 1,)), VLLM, traits
            )
            expected = alone.conversation.messages[: alone.conversation.turns[0]]
            assert whole.conversation.messages[:k] == expected

    check()


def _messages() -> st.SearchStrategy[dict[str, Any]]:
    text = st.sampled_from(["", "a", "b\nc"])
    part = st.one_of(text, st.builds(lambda t: {"type": "text", "text": t}, text))
    return st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
            "content": st.one_of(st.none(), text, st.lists(part, max_size=3)),
        }
    )


MIXED = [
    Conversation(
        "mixed",
        (
            {"role": "developer", "content": ["Be", "brief."]},
            user([{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]),
            {"role": "assistant", "content": None, "tool_calls": []},
            user(None),
        ),
        (),
        (2, 4),
    ),
    Conversation(
        "refused", (user("a"), {"role": "assistant"}, user([{"type": "x"}])), None, (1, 3)
    ),
    Conversation("after", (user("a"),), None, (1,)),
]


def test_every_strategy_counts_the_same_served_messages() -> None:
    chat = bundled_chat("bpe-chatml")
    by_hand = [
        Conversation(
            "mixed",
            (
                {"role": "system", "content": "Be\nbrief."},
                user("a\nb"),
                {"role": "assistant", "content": ""},
                user(""),
            ),
            (),
            (2, 4),
        )
    ]
    expected = reference_counts(by_hand, bundled_chat("bpe-chatml", messages="as-written"))
    assert reference_counts(MIXED[:1], chat) == expected
    assert reference_counts(MIXED, chat, on_error="skip")[1][1] is None
    for name in names():
        if not (is_control(get(name)) or is_peer(get(name))):
            assert count(MIXED[:1], chat, name, 1) == expected
            assert verify(name, MIXED, chat, workers=1) == []
            with pytest.raises(TurnError, match=r"'refused', turn 2 .*a part of type 'x'"):
                count(MIXED, chat, name, 1)


def test_a_template_that_walks_over_parts_gets_them() -> None:
    template = (
        "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}"
        "{% for part in m.content %}[{{ part.text }}]{% endfor %}{% endif %}{% endfor %}"
    )
    chat = bundled_chat("bpe-chatml", template)
    conversation = Conversation("c", (user("a"), user(["b", "c"])), None, (2,))
    assert chat.renderer(conversation).render(0) == "[a][b][c]"
    for name in names():
        if not (is_control(get(name)) or is_peer(get(name))):
            assert verify(name, [conversation], chat, workers=1) == []


@pytest.mark.parametrize(
    ("loop", "reads_parts"),
    [
        ("for m in messages }{ m.content", False),
        ("for m in messages }{ for p in m.content", True),
        ("for m in messages[1:] }{ for p in m['content'] | list", True),
        ("set l = messages }{ for m in l }{ for p in m.content", True),
        ("set ns = namespace(l=messages) }{ for m in ns.l }{ for p in m.content", True),
        ("for m in messages }{ for p in m.tool_calls", False),
        ("for m in messages }{ set content = m.content }{ for p in content", True),
    ],
)
def test_whether_a_template_reads_parts(loop: str, reads_parts: bool) -> None:
    opened = loop.replace("}{", "%}{%").replace("{% m.content", "{{ m.content }}")
    text = f"{{% {opened}" + ("" if opened.endswith("}}") else " %}")
    assert traits_of(text + "{% endfor %}" * loop.count("for ")).reads_parts is reads_parts


@pytest.mark.parametrize(("given_to_it", "reads_parts"), [("content", True), ("tool_calls", False)])
def test_whether_a_macro_reads_parts(given_to_it: str, reads_parts: bool) -> None:
    macro = "{% macro w(c) %}{% for p in c %}{% endfor %}{% endmacro %}"
    loop = f"{{% for m in messages %}}{{{{ w(m.{given_to_it}) }}}}{{% endfor %}}"
    assert traits_of(macro + loop).reads_parts is reads_parts


def test_the_profile_is_in_the_fingerprint() -> None:
    chat = bundled_chat("bpe-chatml")
    assert chat.fingerprint["messages"] == "vllm (0.33.0)"
    written = bundled_chat("bpe-chatml", messages="as-written")
    assert written.fingerprint["messages"] == "as-written"
    assert DEFAULT_PROFILE == "vllm"


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(InputError, match="messages: unknown profile 'x'; known are as-written"):
        load_chat("anywhere", messages="x")


def test_messages_of_another_profile_are_not_counted() -> None:
    written = bundled_chat("bpe-chatml", messages="as-written")
    conversation = written.serve(MIXED[2]).conversation
    with pytest.raises(InputError, match="served as as-written already"):
        count([conversation], bundled_chat("bpe-chatml"))


def test_the_page_has_every_rule_and_no_other() -> None:
    page = Path(__file__).parents[1] / "docs" / "messages.md"
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    written = profile_named("as-written").rules
    expected = [f"| {rule.subject} | {rule.effect} | {rule.source} |" for rule in VLLM.rules]
    expected += [f"| {rule.subject} | {rule.effect} |" for rule in written]
    assert [row for row in rows if not row.startswith("| subject")] == expected


def test_every_rule_of_vllm_names_its_source() -> None:
    assert all(rule.source for rule in VLLM.rules)
    assert len({rule.subject for rule in VLLM.rules}) == len(VLLM.rules)
