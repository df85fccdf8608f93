"""OpenAI chat records: messages stay unchanged and are checked one by one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from strategies import InputError, read_conversations
from tests.datasets import (
    ANSWER,
    TOOL,
    USER,
    Dataset,
    Row,
    as_parquet,
    call,
    changed,
    datasets,
    exactly,
    in_files,
    read,
    refusal,
    with_argument_strings,
)


@pytest.mark.parametrize(
    ("roles", "turns"),
    [
        pytest.param("u", (1,), id="one question"),
        pytest.param("ua", (1,), id="answered"),
        pytest.param("uau", (1, 3), id="the last question is a turn"),
        pytest.param("suaua", (2, 4), id="system"),
        pytest.param("uata", (1, 3), id="tool loop"),
        pytest.param("uattau", (1, 4, 6), id="two tool results are one turn"),
        pytest.param("uaa", (1,), id="two assistant messages are one answer"),
        pytest.param("uataa", (1, 3), id="also after a tool"),
        pytest.param("auau", (2, 4), id="a greeting answers nothing"),
        pytest.param("sau", (3,), id="a greeting after a system prompt"),
        pytest.param("s", (1,), id="a system prompt that nobody has answered"),
    ],
)
def test_openai_turns_are_before_answers_and_at_an_unanswered_end(
    tmp_path: Path, roles: str, turns: tuple[int, ...]
) -> None:
    named = {"u": "user", "a": "assistant", "s": "system", "t": "tool"}
    messages = [{"role": named[role], "content": f"m{i}"} for i, role in enumerate(roles)]
    (conversation,) = read(tmp_path, [{"messages": messages}])
    assert conversation.turns == turns
    assert list(conversation.messages) == messages


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "conversation-1"),
        ({"id": None}, "conversation-1"),
        ({"id": "x"}, "x"),
        ({"id": 7}, "7"),
        ({"id": 1.5}, "1.5"),
        ({"conversation_id": "y"}, "y"),
        ({"id": None, "conversation_id": "y"}, "y"),
        ({"id": "x", "conversation_id": "y"}, "x"),
    ],
)
@pytest.mark.parametrize(
    "record", [{"messages": [USER]}, {"conversations": [{"from": "human", "value": "hi"}]}]
)
def test_a_record_has_its_own_id_or_its_number(
    tmp_path: Path, record: Row, fields: Row, name: str
) -> None:
    (conversation,) = read(tmp_path, [{**fields, **record}])
    assert conversation.id == name
    assert conversation.messages == (USER,)


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        (..., None),
        (None, None),
        ([], ()),
        ("[]", ()),
        ("", None),
        ("null", None),
        ([TOOL], (TOOL,)),
        (json.dumps([TOOL]), (TOOL,)),
    ],
)
def test_no_tools_are_none_and_an_empty_list_stays_one_whatever_the_spelling(
    tmp_path: Path, tools: Any, expected: Any
) -> None:
    (conversation,) = read(tmp_path, [changed({"messages": [USER]}, tools=tools)])
    assert conversation.tools == expected


@pytest.mark.parametrize(
    ("given_as", "objects"),
    [
        pytest.param('{"a": 1}', {"a": 1}, id="JSON string"),
        pytest.param({"a": 1}, {"a": 1}, id="object"),
        pytest.param('{"a": 1, "a": 2}', {"a": 2}, id="the last of two values counts"),
        pytest.param("", "", id="an empty text stays"),
        pytest.param(" \n", " \n", id="white space stays"),
        pytest.param(None, None, id="null stays"),
        pytest.param("{", "{", id="what is no JSON stays"),
        pytest.param("[1]", "[1]", id="an array stays"),
        pytest.param("null", "null", id="the text null stays"),
    ],
)
def test_arguments_that_hold_an_object_become_it_and_others_stay(
    tmp_path: Path, given_as: Any, objects: Any
) -> None:
    messages = [USER, {"role": "assistant", "tool_calls": [call(given_as)]}]
    (parsed,) = read(tmp_path, [{"messages": messages}])
    assert parsed.messages[1]["tool_calls"] == [call(objects)]
    (kept,) = read(tmp_path, [{"messages": messages}], tool_arguments="as-given")
    assert kept.messages[1]["tool_calls"] == [call(given_as)]
    assert (parsed.tool_arguments, kept.tool_arguments) == ("objects", "as-given")


def test_a_way_with_arguments_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"messages": [USER]}))
    mistyped: Any = "object"
    with pytest.raises(InputError, match="tool_arguments: must be 'objects' or 'as-given', got"):
        read_conversations(path, tool_arguments=mistyped)


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant", "tool"])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(..., id="none"),
        pytest.param(None, id="null"),
        pytest.param([], id="no parts"),
        pytest.param(["a", {"type": "text", "text": "b"}], id="texts"),
        pytest.param([{"type": "input_text", "text": "a"}], id="input"),
        pytest.param([{"type": "output_text", "text": "a"}], id="output"),
        pytest.param([{"type": "refusal", "refusal": "No."}], id="refusal"),
        pytest.param([{"type": "refusal", "refusal": None}], id="null refusal"),
        pytest.param([{"type": "thinking", "thinking": "hm"}], id="thinking"),
        pytest.param([{"type": "text", "text": None}], id="null text"),
    ],
)
def test_content_that_some_server_takes_is_handed_on(
    tmp_path: Path, role: str, content: Any
) -> None:
    message = changed({"role": role}, content=content)
    (conversation,) = read(tmp_path, [{"messages": [message, USER]}])
    assert conversation.messages == (message, USER)


def test_messages_keep_every_field_that_is_read_and_the_order_of_their_keys(tmp_path: Path) -> None:
    arguments = {"b": 1, "a": [None, 0.5]}
    message = {"tool_calls": [{"name": "f", "arguments": arguments}], "role": "assistant"}
    message |= {"content": "", "reasoning": "hm", "name": "n", "thinking": "so"}
    (conversation,) = read(tmp_path, [{"messages": [USER, message]}])
    assert json.dumps(conversation.messages[1]) == json.dumps(message)


BAD_MESSAGES = [
    pytest.param(7, "messages[1]: must be an object", id="a number"),
    pytest.param(changed(USER, role="robot"), "messages[1].role: unknown role 'robot'", id="role"),
    pytest.param(changed(USER, role="a\n\0"), "messages[1].role: unknown role 'a\\n", id="ugly"),
    pytest.param(changed(USER, role=["user"]), "messages[1].role: unknown role (an arr", id="list"),
    pytest.param(changed(USER, content=5), "messages[1].content: must be a string", id="number"),
    pytest.param(changed(USER, content={}), "messages[1].content: must be a string", id="object"),
    pytest.param(changed(USER, content=[7]), "messages[1].content[0]: must be a str", id="part"),
    pytest.param(
        changed(USER, content=[{"text": "a"}]), "messages[1].content[0].type: is", id="no type"
    ),
    pytest.param(
        changed(USER, content=[{"type": "text", "text": "a"}, {"type": "image_url"}]),
        "messages[1].content[1].type: a part of type 'image_url' cannot be counted",
        id="image",
    ),
    pytest.param(
        changed(USER, content=[{"type": "text", "value": "a"}]),
        "messages[1].content[0].text: is missing",
        id="no text",
    ),
    pytest.param(
        changed(USER, content=[{"type": "text", "text": 1}]),
        "messages[1].content[0].text: must",
        id="a text that is none",
    ),
    pytest.param(
        changed(ANSWER, content=[{"type": "thinking", "thinking": None}]),
        "messages[1].content[0].thinking: must",
        id="null thinking",
    ),
    pytest.param(
        changed(USER, content=[{"type": ["text"], "text": "a"}]),
        "messages[1].content[0].type: a part of type (an array) cannot",
        id="a type that is none",
    ),
    *(
        pytest.param(
            changed(USER, content=[{"type": kind, kind: "x"}]),
            f"messages[1].content[0].type: a part of type '{kind}' cannot be counted",
            id=kind,
        )
        for kind in ("input_image", "image", "input_audio", "audio_url", "video_url", "file")
    ),
    pytest.param(changed(USER, name=5), "messages[1].name: must be a string", id="name"),
    pytest.param(
        {"role": "tool", "content": "x", "tool_call_id": 1},
        "messages[1].tool_call_id: must be a string",
        id="tool_call_id",
    ),
    pytest.param(
        changed(ANSWER, reasoning_content=[]), "messages[1].reasoning_content: must", id="reasoning"
    ),
    pytest.param(
        changed(ANSWER, tool_calls={}), "messages[1].tool_calls: must be an array", id="calls"
    ),
    pytest.param(
        changed(ANSWER, tool_calls=[1]), "messages[1].tool_calls[0]: must be an object", id="call"
    ),
    pytest.param(
        changed(ANSWER, tool_calls=[{"function": []}]),
        "messages[1].tool_calls[0].function: must be an object",
        id="function",
    ),
    pytest.param(
        changed(ANSWER, tool_calls=[{"function": {}}]),
        "messages[1].tool_calls[0].function.name: is missing",
        id="no name",
    ),
    pytest.param(
        changed(ANSWER, tool_calls=[{"name": 1}]), "messages[1].tool_calls[0].name: must", id="flat"
    ),
    *(
        pytest.param(
            changed(ANSWER, tool_calls=[call(), call(arguments)]),
            f"messages[1].tool_calls[1].function.arguments{message}",
            id=f"arguments {arguments!r:.9}",
        )
        for arguments, message in [
            (5, ": must be an object or a JSON string"),
            ([], ": must be an object or a JSON string"),
            ('{"a":' * 10**4, ": not JSON: nested too deeply"),
            ('{"a": NaN}', ".a: nan is not a JSON number"),
            ('{"a": "\\ud800"}', ".a: lone surrogate U+D800"),
        ]
    ),
    *(
        pytest.param(
            changed(ANSWER, tool_calls=[{"name": "f", key: {"a": 1}, **given}]),
            f"messages[1].tool_calls[0].{key}: rename this field to 'arguments'",
            id=f"{key} {given}",
        )
        for key in ("parameters", "args", "input")
        for given in ({}, {"arguments": None})
    ),
    pytest.param(changed(USER, content="a\ud800"), "messages[1].content: lone surrogate", id="sur"),
    pytest.param(
        changed(ANSWER, tool_calls=[call({"\udfff": 1})]),
        "messages[1].tool_calls[0].function.arguments: lone surrogate U+DFFF",
        id="surrogate key",
    ),
    pytest.param({**USER, "\udfff": 1}, "messages[1].'\\udfff': is not known", id="unknown"),
    pytest.param({**USER, "a\nb": "\ud800"}, "messages[1].'a\\nb': is not known", id="ugly key"),
    pytest.param({**USER, "k" * 9999: 1}, f"messages[1].{'k' * 77}...: is not known", id="long"),
]


@pytest.mark.parametrize(("message", "expected"), BAD_MESSAGES)
def test_a_malformed_message_is_named_with_line_and_field(
    tmp_path: Path, message: Any, expected: str
) -> None:
    got = refusal(tmp_path, [{"messages": [USER]}, {"messages": [USER, message]}])
    assert got.startswith(f":2: {expected}")


def test_a_value_that_is_no_number_is_refused_where_it_could_reach_a_prompt(
    tmp_path: Path,
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "a"}], "tools": [{"x": 1e999}]}')
    with pytest.raises(InputError, match=r":1: tools\[0\].x: inf is not a JSON number"):
        read_conversations(path)


BAD_RECORDS = [
    pytest.param({"messages": None}, "messages: is missing", id="null messages"),
    pytest.param({"text": "a"}, "messages: is missing", id="another format"),
    pytest.param({"messages": {}}, "messages: must be a non-empty array", id="object"),
    pytest.param({"messages": "{"}, "messages: not JSON: ", id="a string that is not JSON"),
    pytest.param(
        {"messages": [USER], "id": True}, "id: must be a string or a number", id="bool id"
    ),
    pytest.param({"messages": [USER], "id": "\ud800"}, "id: lone surrogate", id="surrogate id"),
    pytest.param({"messages": [USER], "tools": {}}, "tools: must be an array", id="tools"),
    pytest.param({"messages": [USER], "tools": 0}, "tools: must be an array", id="tools number"),
    pytest.param({"messages": [USER], "tools": [1]}, "tools[0]: must be an object", id="tool"),
    pytest.param({"messages": [USER], "tools": "[}"}, "tools: not JSON: ", id="tools string"),
    pytest.param(
        {"messages": [USER], "tools": [{"a": "\ud800"}]}, "tools[0].a: lone", id="tool text"
    ),
    pytest.param(
        {"messages": [ANSWER]}, "conversation 'conversation-2' has no client turn", id="no turn"
    ),
]


@pytest.mark.parametrize(("record", "expected"), BAD_RECORDS)
def test_a_malformed_record_is_named_with_line_and_field(
    tmp_path: Path, record: Row, expected: str
) -> None:
    assert refusal(tmp_path, [{"messages": [USER]}, record]).startswith(f":2: {expected}")


def as_records(dataset: Dataset) -> list[Row]:
    return [
        {"id": f"id-{i}", "messages": messages, **({} if tools is None else {"tools": tools})}
        for i, (messages, tools) in enumerate(dataset)
    ]


WRITTEN: dict[str, Callable[[list[Row]], bytes]] = {
    "lines": lambda records: "\n".join(map(json.dumps, records)).encode(),
    "UTF-8 lines": lambda records: "\r\n".join(
        json.dumps(record, ensure_ascii=False) for record in records
    ).encode(),
    "array": lambda records: json.dumps(records).encode(),
    "pretty array": lambda records: json.dumps(records, indent=2, ensure_ascii=False).encode(),
    "argument strings": lambda records: "\n".join(
        json.dumps({**record, "messages": with_argument_strings(record["messages"])})
        for record in records
    ).encode(),
    "everything as strings": lambda records: "\n".join(
        json.dumps({k: v if k == "id" else json.dumps(v) for k, v in record.items()})
        for record in records
    ).encode(),
    "Parquet": as_parquet,
}


@pytest.mark.parametrize("written", WRITTEN)
@in_files
@given(dataset=datasets)
def test_openai_records_read_back_from_every_container(
    tmp_path: Path, written: str, dataset: Dataset
) -> None:
    records = as_records(dataset)
    data = WRITTEN[written](records)
    path = tmp_path / "d"
    for packed in (data,) if written == "Parquet" else (data, gzip.compress(data)):
        path.write_bytes(packed)
        got = read_conversations(path)
        assert [conversation.id for conversation in got] == [record["id"] for record in records]
        for conversation, (messages, tools) in zip(got, dataset, strict=True):
            if written == "Parquet":  # A struct has its keys in one order for all rows.
                assert (list(conversation.messages), conversation.tools) == (
                    messages,
                    tools and tuple(tools),
                )
            else:
                assert exactly(conversation) == json.dumps([messages, tools])
