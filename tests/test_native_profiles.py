"""The native core applies messages profiles to Python's objects as Python does, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from enum import IntEnum
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.bundled import tokenizer_path
from strategies import (
    ChatTokenizer,
    Conversation,
    TurnError,
    _native,
    count_with,
    get,
    load_chat,
    reference_counts,
)
from strategies.chat.serving import serve
from strategies.chat.syntax import template_tree
from strategies.chat.traits import traits_of
from strategies.contract import Counter
from strategies.conversations.conversation import ToolArguments
from strategies.conversations.json_text import Doubled
from strategies.profiles.catalog import profile_named, profiles
from strategies.profiles.profile import Traits
from tests.conftest import bundled_chat
from tests.datasets import ANSWER, SYSTEM, TOOL, USER, call

Message = dict[str, Any]


class Text(str):
    """A text that is printed as another one."""

    __slots__ = ()

    def __str__(self) -> str:
        return "printed"


class Number(IntEnum):
    """A number that is printed as another one."""

    SEVEN = 7

    def __str__(self) -> str:
        return "seven"


class Object(dict[str, Any]):
    """An object that answers for fields that it does not have."""

    def __missing__(self, key: str) -> str:
        return f"no {key}"

    def get(self, key: str, default: Any = None) -> Any:
        return default or self[key]


def nested(depth: int, end: Any) -> Any:
    for _ in range(depth):
        end = [end] if depth % 2 else {"a": end}
    return end


def cyclic() -> Message:
    """Return an object that holds itself twice, so that a walk over all of it never ends."""
    one: Message = {"a": 1}
    one["b"] = one["c"] = one
    return one


JSON_TEXTS = (
    *(
        '{"a": 1}',
        ' {"b": [1.50, -0.0, 1e5, null, true]}\n',
        '{"a": {"a": "\\ud83d\\ude00"}}',
        "{}",
    ),
    *('{"a": 1, "a": 2}', '{"a": NaN}', '{"a": "\\ud800"}', '{"a": 1', "[1]", '"a"', "1", "null"),
    *(" ", "", "\ufeff{}", '{"a": 1} x', '{"a": -0}', '{"a": 1e400}', f'{{"a": {10**40}}}', "x"),
    f'{{"a": {json.dumps(nested(60, 1))}}}',
)


def seldom(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return values of which most are usual, so that not every conversation is an odd one."""
    return st.integers(0, 19).flatmap(lambda number: odd if number == 7 else usual)


BILLING = "x-anthropic-billing-header: a"
TEXTS = seldom(
    st.sampled_from(("", "a", "Grüße 😀", "<|im_start|>", "a\nb", "\0", '{"a": 1}')),
    st.sampled_from(("\ud800", BILLING, f"{BILLING}\nb", *JSON_TEXTS)),
)
ODD = st.one_of(
    st.sampled_from((0, 1.5, -0.0, True, False, 10**40, -(2**63), 2**63, float("nan"), b"x", 3j)),
    st.builds(Text, TEXTS),
    st.just(Number.SEVEN),
    st.builds(object),
    st.builds(cyclic),
    st.builds(nested, st.sampled_from((40, 127, 128, 150, 250)), st.sampled_from((1, "a"))),
)
VALUES = st.recursive(
    st.none() | TEXTS | ODD,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2).map(tuple),
        st.dictionaries(st.sampled_from(("a", "b", "text", "type")), inner, max_size=2),
        st.dictionaries(st.just("a"), inner, max_size=1).map(Object),
        st.lists(inner, min_size=2, max_size=2).map(lambda two: Doubled([("a", x) for x in two])),
        st.dictionaries(st.sampled_from((1, None, "a", "\ud800")), inner, max_size=2),
    ),
    max_leaves=4,
)


def objects(
    fields: dict[str, st.SearchStrategy[Any]], required: tuple[str, ...] = ()
) -> st.SearchStrategy[Any]:
    """Return objects with some fields, in any order."""
    chosen = st.lists(st.sampled_from(sorted(fields)), unique=True).flatmap(
        lambda names: st.permutations(sorted({*names, *required}))
    )
    usual = chosen.flatmap(lambda names: st.fixed_dictionaries({n: fields[n] for n in names}))
    return seldom(usual, VALUES | usual.map(Object))


PART = objects(
    {
        "type": seldom(
            st.just("text"), st.sampled_from(("input_text", "refusal", "thinking", "image_url"))
        ),
        "text": seldom(TEXTS, VALUES),
        "refusal": seldom(st.none(), VALUES),
        "uuid": st.none() | TEXTS,
        "cache_control": seldom(st.none(), VALUES),
    },
    ("type", "text"),
)
CONTENT = st.one_of(TEXTS, TEXTS, st.none(), st.lists(TEXTS | PART, max_size=3))
ARGUMENTS = st.one_of(
    st.sampled_from(JSON_TEXTS),
    st.none(),
    st.dictionaries(st.sampled_from("ab"), seldom(TEXTS | st.integers(), VALUES), max_size=2),
)
FUNCTION = objects(
    {
        "name": seldom(st.just("f"), VALUES),
        "arguments": seldom(ARGUMENTS, VALUES),
        "description": seldom(TEXTS, VALUES),
        "strict": st.booleans() | st.none(),
    },
    ("name",),
)
CALL = objects(
    {
        "id": seldom(TEXTS, VALUES),
        "type": seldom(st.just("function"), st.sampled_from((None, "custom", Text("function")))),
        "function": FUNCTION,
        "name": seldom(st.just("g"), VALUES),
        "arguments": ARGUMENTS,
        "index": seldom(TEXTS, VALUES),
    },
    ("function",),
)
BARE = objects({"name": st.just("g"), "arguments": ARGUMENTS}, ("name",))
MESSAGE = objects(
    {
        "role": seldom(
            st.sampled_from(("system", "user", "assistant", "tool")),
            st.sampled_from(("developer", "function", "alien", Text("user"))) | VALUES,
        ),
        "content": seldom(CONTENT, VALUES),
        "name": seldom(TEXTS, VALUES),
        "tool_call_id": seldom(TEXTS, VALUES),
        "task": seldom(TEXTS, VALUES),
        "tools": seldom(TEXTS, VALUES),
        "tool_calls": seldom(
            st.lists(seldom(CALL, BARE), max_size=2) | st.none(),
            VALUES | st.lists(CALL, max_size=2).map(tuple),
        ),
        "function_call": st.none() | seldom(st.none(), FUNCTION | VALUES),
        "reasoning": seldom(TEXTS | st.none(), VALUES),
        "reasoning_content": seldom(TEXTS | st.none(), VALUES),
        "thinking": seldom(TEXTS | st.none(), VALUES),
        "extra": seldom(TEXTS, VALUES),
    },
    ("role", "content"),
)
PARAMETERS = st.dictionaries(st.sampled_from(("type", "properties")), VALUES, max_size=2)
ANY_TOOL = objects(
    {
        "type": seldom(st.just("function"), st.sampled_from((None, "custom", "web_search"))),
        "function": objects(
            {
                "name": seldom(st.just("f"), VALUES),
                "description": seldom(TEXTS | st.none(), VALUES),
                "parameters": seldom(PARAMETERS, VALUES),
                "strict": st.booleans() | st.none(),
                "defer_loading": seldom(st.none(), st.booleans()),
                "extra": seldom(TEXTS, VALUES),
            },
            ("name",),
        ),
        "name": TEXTS,
        "input_schema": PARAMETERS,
        "defer_loading": seldom(st.none(), st.booleans()),
    },
    ("type", "function"),
)


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Return a conversation with anything in it; parts of it may be one object."""
    messages = draw(st.lists(MESSAGE.filter(is_object), min_size=1, max_size=4))
    tools = draw(st.none() | st.lists(ANY_TOOL.filter(is_object), max_size=2))
    if draw(st.booleans()):
        messages.append(draw(st.sampled_from(messages)))
    turns = draw(st.sets(st.integers(1, len(messages)), min_size=1).map(sorted))
    mode: ToolArguments = draw(st.sampled_from(("objects", "as-given")))
    # It is checked when it is made, and what is in it may change after that.
    empty: Message = {}
    made = Conversation(
        draw(st.sampled_from("abc")),
        (empty,) * len(messages),
        None,
        tuple(turns),
        tool_arguments=mode,
    )
    object.__setattr__(made, "messages", tuple(messages))
    object.__setattr__(made, "tools", None if tools is None else tuple(tools))
    return made


EVERYTHING = """\
{%- for message in messages -%}
{{- loop.index0 }}{{ message.role }}{{ message | tojson }}{{ message.content }}
{%- for call in message.tool_calls or [] -%}
{{ call.function.name }}{{ call | tojson }}
{%- endfor -%}
{%- endfor -%}
{%- for tool in tools or [] -%}{{ tool | tojson }}{{ tool.function.name }}{%- endfor -%}
"""
PARTS = f"""\
{{%- for message in messages -%}}{{%- for part in message.content -%}}{{{{ part.text }}}}
{{%- endfor -%}}{{%- endfor -%}}{EVERYTHING}"""
SOME = """\
{%- for message in messages -%}<|im_start|>{{ message.role }}{{ message.content }}
{%- for call in message.tool_calls or [] -%}{{ call.function.arguments | tojson }}{%- endfor -%}
{%- endfor -%}
"""
TEMPLATES = {"everything": EVERYTHING, "parts": PARTS, "some": SOME}

many = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@cache
def compiled(text: str) -> _native.Template:
    return _native.Template(template_tree(text), {"add_generation_prompt": True}, str)


def outcome(function: Any, *arguments: Any, **options: Any) -> Any:
    """Return what a call returns, or the text of the error of a turn or a message."""
    try:
        return function(*arguments, **options)
    except TurnError as error:
        return str(error)
    except Exception as error:
        return type(error)


def waiting(conversation: Conversation) -> tuple[_native.Waiting, tuple[Any, Any, Any]]:
    given = conversation.messages, conversation.tools, conversation.turns
    return _native.Waiting(1), given


def prompts_of_both(
    conversation: Conversation, template: str, name: str, traits: Traits
) -> list[Any] | None:
    """Return prompts and errors that are the same after both profiles; None if the core refuses."""
    mine, given_ = waiting(conversation)
    done = mine.serve(
        0,
        given_,
        name,
        reads_parts=traits.reads_parts,
        parses_arguments=conversation.tool_arguments == "objects",
    )
    if not done:
        return None
    served = serve(conversation, profile_named(name), traits)
    assert served.refusal is None
    assert served.conversation.turns == conversation.turns
    theirs, given_ = waiting(served.conversation)
    theirs.put(0, given_)
    one, two = (
        [
            (prompt, type(error), str(error))
            for prompt, error, _, _ in compiled(template).render_turns(each, 0)
        ]
        for each in (mine, theirs)
    )
    assert one == two
    return one


@pytest.mark.parametrize("name", profiles())
@pytest.mark.parametrize("text", TEMPLATES)
@given(conversation=conversations())
@many
def test_what_the_core_serves_is_what_python_serves(
    conversation: Conversation, text: str, name: str
) -> None:
    template = TEMPLATES[text]
    prompts_of_both(conversation, template, name, traits_of(template))


@cache
def counters(text: str, profile: str) -> tuple[ChatTokenizer, Counter, Counter]:
    """Return a tokenizer, and the open counters of `rust` and of the plain call."""
    chat = bundled_chat("bpe-chatml", TEMPLATES[text], profile)
    # What they hold ends with the process: neither has threads between its calls.
    native, plain = (get(name).open(chat, workers=1).__enter__() for name in ("rust", "sequential"))
    return chat, native, plain


@pytest.mark.parametrize("name", profiles())
@pytest.mark.parametrize("text", TEMPLATES)
@given(some=st.lists(conversations(), min_size=1, max_size=3))
@settings(many, max_examples=20)
def test_counts_and_errors_are_those_of_the_plain_call(
    some: list[Conversation], text: str, name: str
) -> None:
    chat, native, plain = counters(text, name)
    for on_error in ("skip", "raise"):
        expected = outcome(count_with, plain, chat, some, on_error=on_error)
        assert outcome(count_with, native, chat, some, on_error=on_error) == expected


@pytest.mark.parametrize("name", profiles())
@pytest.mark.parametrize("reads_parts", [False, True])
def test_usual_messages_are_served_by_the_core(name: str, *, reads_parts: bool) -> None:
    agent = {"role": "assistant", "content": None, "reasoning": "r"}
    messages = (
        SYSTEM,
        {**USER, "name": "u"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"text": "b", "type": "text"}]},
        ANSWER,
        {**agent, "tool_calls": [call('{"a": 1.5}'), call({"b": []}), call(""), call(None)]},
        {"role": "tool", "content": "1", "tool_call_id": "c1"},
        {**ANSWER, "tool_calls": [], "function_call": None, "refusal": None},
    )
    traits = Traits(reads_parts, names_developer=False)
    for tools in (None, (TOOL, {**TOOL, "x": 1})):
        conversation = Conversation("a", messages, tools, (2, len(messages)))
        prompts = prompts_of_both(conversation, EVERYTHING, name, traits)
        assert prompts is not None
        assert all(prompt for prompt, _, _ in prompts)
        mine, given_ = waiting(conversation)
        assert not mine.serve(0, given_, "mine", reads_parts=reads_parts, parses_arguments=True)


def test_a_billing_header_is_left_to_python() -> None:
    traits = Traits(reads_parts=False, names_developer=False)
    for text in (BILLING, f"{BILLING}\nb"):
        for content in (text, [{"type": "text", "text": text}]):
            conversation = Conversation("a", ({**SYSTEM, "content": content}, USER), None, (2,))
            assert prompts_of_both(conversation, EVERYTHING, "vllm", traits) is None


def test_a_profile_that_the_core_does_not_know_is_applied_by_python() -> None:
    chat = load_chat(tokenizer_path("bpe-chatml"))
    ours = chat.profile
    conversation = Conversation("a", (USER,), None, (1,))
    for name in (ours.name, "ours"):
        chat.profile = replace(
            ours, name=name, message=lambda message, *_: {**message, "content": "Something longer"}
        )
        with get("rust").open(chat, workers=1) as native:
            counts = native.count([conversation])
        assert counts == reference_counts([conversation], chat)
        assert counts != reference_counts([conversation], bundled_chat("bpe-chatml"))


def test_a_counter_says_what_the_profile_refuses() -> None:
    chat = bundled_chat("bpe-chatml")
    image = {"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}
    given_ = [
        Conversation("a", (USER, ANSWER, USER), None, (1, 3)),
        Conversation("b", (USER, ANSWER, image), None, (1, 3)),
        Conversation("c", (USER,), None, (1,)),
    ]
    seen: list[int] = []
    with get("rust").open(chat, workers=1) as native:
        counts = native.count(given_, on_error="skip", progress=seen.append)
        assert counts == reference_counts(given_, chat, on_error="skip")
        assert counts[1][1] is None
        assert sum(seen) == 5
        with pytest.raises(TurnError, match=r"conversation 'b', turn 2 .*content\[0\].type"):
            native.count(given_)
