"""Records that are requests: bodies, batches, payloads, spans, Anthropic's interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strategies import InputError
from strategies.conversations.datasets import parse_dataset
from strategies.conversations.detect import detect
from strategies.conversations.options import ReadOptions
from tests.datasets import ANSWER, TOOL, USER, Row, call, changed, read, refusal

BODY: Row = {"model": "m", "messages": [USER, ANSWER, USER], "stream": True}
BATCH: Row = {"custom_id": "r", "method": "POST", "url": "/v1/chat/completions", "body": BODY}
SPAN: Row = {
    "trace_id": "t",
    "span_id": "s",
    "attributes": {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": [
            {"role": each["role"], "parts": [{"type": "text", "content": each["content"]}]}
            for each in BODY["messages"]
        ],
    },
}
ANTHROPIC: Row = {"model": "m", "max_tokens": 5, "system": "Be brief.", "messages": [USER]}
FIRST = [USER]


@pytest.mark.parametrize(
    "record",
    [
        BODY,
        changed(BODY, stream=..., max_tokens=5),
        BATCH,
        {**BATCH, "body": json.dumps(BODY)},
        {"payload": BODY},
        {"session_id": "s", "payloads": [BODY]},
        {"data": [{"session_id": "s", "payloads": [BODY]}]},
        {"messages": BODY["messages"], "output_length": 5},
        SPAN,
        {**ANTHROPIC, "messages": BODY["messages"], "system": [{"type": "text", "text": ""}]},
    ],
)
def test_a_request_is_one_turn_at_its_end(tmp_path: Path, record: Row) -> None:
    (conversation,) = read(tmp_path, [record])
    assert conversation.messages == (USER, ANSWER, USER)
    assert conversation.turns == (3,)


@pytest.mark.parametrize(
    "record",
    [
        changed(BODY, model=...),
        changed(BODY, stream=...),
        {**BODY, "messages": [USER, ANSWER, USER, ANSWER]},
        {**BODY, "stream": None},
    ],
)
def test_what_does_not_look_like_a_request_is_a_conversation(tmp_path: Path, record: Row) -> None:
    assert detect(record).name == "OpenAI chat"
    assert read(tmp_path, [record])[0].turns == (1, 3)
    (named,) = read(tmp_path, [{**record, "messages": BODY["messages"]}], format="openai-request")
    assert named.turns == (3,)


def test_a_request_that_ends_with_an_answer_asks_nothing(tmp_path: Path) -> None:
    answered = {**BODY, "messages": [USER, ANSWER]}
    assert refusal(tmp_path, [BODY, answered]).startswith(":2: the last message is an answer")
    (_, going_on) = read(tmp_path, [BODY, {**answered, "continue_final_message": True}])
    assert going_on.continued == {2}


SHORT = {**BODY, "messages": FIRST}
SHORT_SPAN: Row = {
    **SPAN,
    "span_id": "s0",
    "attributes": {
        **SPAN["attributes"],
        "gen_ai.input.messages": SPAN["attributes"]["gen_ai.input.messages"][:1],
    },
}


@pytest.mark.parametrize(
    ("records", "ids"),
    [
        pytest.param([SHORT, BODY], ("request-1", "request-2"), id="bodies"),
        pytest.param([{**BATCH, "custom_id": "q", "body": SHORT}, BATCH], ("q", "r"), id="a batch"),
        pytest.param(
            [{"session_id": "s", "payloads": [SHORT, BODY]}], ("s-1", "s-2"), id="session"
        ),
        pytest.param([SHORT_SPAN, SPAN], ("s0", "s"), id="spans"),
    ],
)
def test_requests_that_share_their_beginning_are_joined(
    tmp_path: Path, records: list[Row], ids: tuple[str, ...]
) -> None:
    (conversation,) = read(tmp_path, records, records="request")
    assert conversation.turns == (1, 3)
    assert conversation.requests == ids


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({**BATCH, "url": "/v1/responses"}, "url: must be /v1/chat/completions"),
        ({**BATCH, "body": {"model": "m", "input": "x"}}, "body.input: may be a part"),
        ({**BATCH, "body": {**BODY, "prompt": "x"}}, "body.prompt: may be a part"),
        ({**BATCH, "body": {**BODY, "mood": 1}}, "body.mood: is not known"),
        ({**BATCH, "body": "{"}, "body: not JSON"),
        ({**BATCH, "tools": [TOOL]}, "tools: can change the prompt"),
        ({"payload": BODY, "tools": [TOOL]}, "tools: can change the prompt"),
        ({"payload": BODY, "extra": {"tools": [TOOL]}}, "extra.tools: can change the prompt"),
        ({**BODY, "response_format": {"type": "json_object"}}, "response_format: a template"),
    ],
)
def test_a_field_that_changes_the_prompt_is_refused_by_its_place(
    tmp_path: Path, record: Row, place: str
) -> None:
    assert refusal(tmp_path, [record]).startswith(f":1: {place}")


# --- Anthropic --------------------------------------------------------------------------


def block(kind: str, **fields: Any) -> Row:
    return {"type": kind, **fields}


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (ANTHROPIC, "Anthropic messages"),
        ({"messages": [USER], "tools": [{"name": "f", "input_schema": {}}]}, "Anthropic messages"),
        ({"messages": [USER], "anthropic_version": "2023-06-01"}, "Anthropic messages"),
        (
            {"messages": [USER, {"role": "assistant", "content": [block("tool_use")]}]},
            "Anthropic messages",
        ),
        (
            {
                "messages": [
                    USER,
                    {"role": "assistant", "content": [block("thinking", signature="")]},
                ]
            },
            "Anthropic messages",
        ),
        ({"messages": [USER], "system": "x"}, "OpenAI chat"),
        (
            {"messages": [USER, {"role": "assistant", "content": [block("thinking")]}]},
            "OpenAI chat",
        ),
        (
            {
                "messages": [USER, {"role": "assistant", "tool_calls": [call()]}],
                "tools": [{"name": "f", "input_schema": {}}],
            },
            "OpenAI chat",
        ),
    ],
)
def test_anthropic_messages_are_known_by_what_only_they_have(record: Row, name: str) -> None:
    assert detect(record).name == name


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"thinking": {"type": "disabled"}}, "thinking.type: 'disabled': servers tell"),
        (
            {"output_config": {"format": {"type": "json_schema"}}},
            "output_config.format: a template",
        ),
        (
            {"tools": [{"name": "f", "input_schema": {}, "defer_loading": True}]},
            "tools[0].defer_lo",
        ),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema: must be an object"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type: a tool of type"),
        ({"context_management": {"edits": []}}, "context_management: lets the server"),
        ({"system": [block("image")]}, "system[0].type: a block of type 'image'"),
        ({"messages": [{"role": "ctx", "content": "x"}]}, "messages[0].role: unknown role 'ctx'"),
        (
            {"messages": [{"role": "user", "content": [block("tool_use", id="t", name="f")]}]},
            "messages[0].content[0].type: such a block belongs to the assistant",
        ),
        (
            {"messages": [{"role": "user", "content": [block("document")]}]},
            "messages[0].content[0].type: a block of type 'document' cannot be counted",
        ),
    ],
)
def test_what_servers_do_in_different_ways_is_refused(
    tmp_path: Path, changes: Row, place: str
) -> None:
    record = {**ANTHROPIC, "anthropic_version": "2023-06-01", **changes}
    assert refusal(tmp_path, [record]).startswith(f":1: {place}")


def test_effort_and_arguments_reach_the_template_as_those_of_openai(tmp_path: Path) -> None:
    use = block("tool_use", id="t", name="f", input={"a": 1})
    hidden = block("redacted_thinking", data="x")
    messages = [USER, {"role": "assistant", "content": [hidden, use]}, USER]
    record = {**ANTHROPIC, "messages": messages, "output_config": {"effort": "low"}}
    with pytest.warns(match=r"left out: messages\[\]\.content\[\]\.redacted_thinking"):
        (got,) = read(tmp_path, [record])
    assert got.template_kwargs == {"reasoning_effort": "low", "enable_thinking": True}
    assert got.messages[2]["tool_calls"][0]["function"]["arguments"] == {"a": 1}
    given = parse_dataset(
        json.dumps(record).encode(), "d.jsonl", ReadOptions(tool_arguments="as-given")
    )
    assert given[0].messages[2]["tool_calls"][0]["function"]["arguments"] == '{"a": 1}'


# --- spans ------------------------------------------------------------------------------


def span(**attributes: Any) -> Row:
    names = {f"gen_ai.{name.replace('__', '.')}": value for name, value in attributes.items()}
    return {**SPAN, "attributes": {**SPAN["attributes"], **names}}


def test_values_may_be_json_texts_or_typed_values_in_an_event(tmp_path: Path) -> None:
    messages = SPAN["attributes"]["gen_ai.input.messages"]
    part = [
        {"key": "type", "value": {"stringValue": "text"}},
        {"key": "content", "value": {"stringValue": "hi"}},
    ]
    typed = {
        "kvlistValue": {
            "values": [
                {"key": "role", "value": {"stringValue": "user"}},
                {
                    "key": "parts",
                    "value": {"arrayValue": {"values": [{"kvlistValue": {"values": part}}]}},
                },
            ]
        }
    }
    event = [{"key": "gen_ai.input.messages", "value": {"arrayValue": {"values": [typed]}}}]
    operation = [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]
    for record, expected in (
        (span(input__messages=json.dumps(messages)), (USER, ANSWER, USER)),
        ({**SPAN, "attributes": operation, "events": [{"attributes": event}]}, (USER,)),
    ):
        assert read(tmp_path, [record])[0].messages == expected


def test_spans_that_are_no_request_are_passed_over(tmp_path: Path) -> None:
    others = [
        {**SPAN, "attributes": {"http.method": "GET"}},
        span(operation__name="execute_tool"),
        span(operation__name="invoke_agent"),
    ]
    (conversation,) = read(tmp_path, [*others, SPAN])
    assert conversation.id == "s"


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (span(output__type="json"), "gen_ai.output.type: a template may write"),
        (span(something__new="x"), "gen_ai.something.new: is not known"),
        (span(prompt="x"), "gen_ai.prompt: is an older way"),
        (span(tool__definitions="[{"), "gen_ai.tool.definitions: not JSON"),
        (span(system_instructions=[{"type": "blob"}]), "gen_ai.system_instructions.parts[0].type"),
        (
            span(output__messages=[{"role": "assistant", "parts": [{"type": "tool_call"}]}]),
            "gen_ai.tool.definitions: the span calls a tool and holds no tools: give --tools FILE",
        ),
        (
            span(
                input__messages=[
                    {
                        "role": "tool",
                        "parts": [{"type": "tool_call_response", "response": {"a": 1}}],
                    }
                ]
            ),
            "gen_ai.input.messages[0].parts[0].response: must be a string",
        ),
    ],
)
def test_a_span_that_cannot_be_counted_is_refused(tmp_path: Path, record: Row, place: str) -> None:
    assert refusal(tmp_path, [record]).startswith(f":1: {place}")


def test_spans_without_a_request_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"conversations \(read as OpenTel"):
        read(tmp_path, [{**SPAN, "attributes": {"http.method": "GET"}}])
