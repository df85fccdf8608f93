"""ShareGPT records: roles of many models, calls as text, system prompts in two places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strategies.conversations.formats.sharegpt import ROLE_NAMES
from strategies.conversations.messages import ROLES
from tests.datasets import (
    ANSWER,
    SYSTEM,
    TOOL,
    USER,
    Row,
    call,
    exactly,
    read,
    refusal,
    said,
)


@pytest.mark.parametrize("who", ["gpt", "chatgpt", "bing", "bard", "assistant"])
def test_every_model_of_the_sharegpt_collection_is_an_assistant(tmp_path: Path, who: str) -> None:
    (conversation,) = read(tmp_path, [{"conversations": [said("human", "hi"), said(who, "yes?")]}])
    assert conversation.messages == (USER, ANSWER)


def test_the_system_prompt_of_a_sharegpt_record_may_be_its_first_message(tmp_path: Path) -> None:
    talk = [said("system", "Be brief."), said("human", "hi")]
    for system in (None, ""):
        (conversation,) = read(tmp_path, [{"conversations": talk, "system": system}])
        assert conversation.messages == (SYSTEM, USER)


def test_a_bare_function_among_sharegpt_tools_gets_the_form_that_servers_use(
    tmp_path: Path,
) -> None:
    record = {"conversations": [said("human", "hi")]}
    for tools in ([TOOL["function"]], [TOOL]):
        (conversation,) = read(tmp_path, [{**record, "tools": json.dumps(tools)}])
        assert exactly(conversation) == json.dumps([[USER], [TOOL]])


def test_what_a_sharegpt_message_says_besides_text_is_kept(tmp_path: Path) -> None:
    calls = {**said("gpt", ""), "reasoning_content": "hm", "tool_calls": [call()], "weight": 0}
    result = {**said("tool", "1"), "tool_call_id": "c1", "name": "f"}
    (conversation,) = read(tmp_path, [{"conversations": [said("human", "hi"), calls, result]}])
    assert conversation.messages[1:] == (
        {**ANSWER, "content": "", "reasoning_content": "hm", "tool_calls": [call({})]},
        {"role": "tool", "content": "1", "tool_call_id": "c1", "name": "f"},
    )


def test_every_sharegpt_role_is_a_role() -> None:
    assert set(ROLE_NAMES.values()) - {"function_call"} <= set(ROLES)


BAD_SHAREGPT = [
    pytest.param({"messages": [USER]}, "conversations: is missing", id="another format"),
    *(
        pytest.param(
            {"conversations": [said("human", "hi"), item]}, f"conversations[1]{rest}", id=i
        )
        for i, item, rest in [
            ("string", "x", ": must be an object"),
            ("no from", {"value": "x"}, ".from: is missing"),
            ("role no text", {"from": 1, "value": "x"}, ".from: unknown role (a number)"),
            ("no value", {"from": "gpt"}, ".value: is missing"),
            ("value no text", said("gpt", ["x"]), ".value: must be a string"),
            ("call no JSON", said("function_call", "f(x)"), ".value: not JSON: "),
            ("call no object", said("function_call", "[1]"), ".tool_calls[0].function: must be"),
            ("no text", said("gpt", "\ud800"), ".value: lone surrogate U+D800"),
            ("name no text", {**said("gpt", ""), "name": "\ud800"}, ".name: lone surrogate"),
            (
                "call no text",
                said("function_call", '{"name": "f", "arguments": {"a": "\\ud800"}}'),
                ".value.arguments.a: lone surrogate",
            ),
            (
                "calls beside a call",
                {**said("function_call", '{"name": "f"}'), "tool_calls": [call()]},
                ".tool_calls: a function_call's value already is the calls",
            ),
            ("call no name", said("function_call", "{}"), ".tool_calls[0].function.name: is miss"),
            (
                "call parameters",
                said("function_call", '{"name": "f", "parameters": {"a": 1}}'),
                ".tool_calls[0].function.parameters: rename this field to 'arguments'",
            ),
        ]
    ),
    pytest.param({"conversations": [said("human", "a")], "system": 5}, "system: must be", id="sys"),
    pytest.param(
        {"conversations": [said("human", "a")], "system": "\ud800"},
        "system: lone surrogate",
        id="system no text",
    ),
    pytest.param(
        {"conversations": [said("system", "a"), said("human", "b")], "system": "a"},
        "system: there is another system prompt; keep one of them",
        id="two system prompts",
    ),
    pytest.param(
        {"conversations": [said("gpt", "a")]}, "conversation 'conversation-2' has no", id="no turn"
    ),
]


@pytest.mark.parametrize(("record", "expected"), BAD_SHAREGPT)
def test_malformed_sharegpt_is_named_with_line_and_field(
    tmp_path: Path, record: Row, expected: str
) -> None:
    got = refusal(tmp_path, [{"conversations": [said("human", "hi")]}, record])
    assert got.startswith(f":2: {expected}")
