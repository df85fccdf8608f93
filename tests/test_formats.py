"""Each format becomes the conversations that a client of a server would have had."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strategies import Conversation, InputError, read_conversations
from strategies.conversations.messages import ROLES, SHAREGPT_ROLES

AGENTIC = Path(__file__).parents[2] / "shared" / "real" / "datasets" / "agentic_coding_2.5h.jsonl"

Row = dict[str, Any]

USER: Row = {"role": "user", "content": "hi"}
ANSWER: Row = {"role": "assistant", "content": "yes?"}
SYSTEM: Row = {"role": "system", "content": "Be brief."}
TOOL: Row = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def call(arguments: Any = "{}") -> Row:
    return {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}


def read(folder: Path, records: list[Any], **options: Any) -> list[Conversation]:
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return read_conversations(path, **options)


def refusal(folder: Path, records: list[Any]) -> str:
    """Return what the error says after the file's path; it is one line."""
    with pytest.raises(InputError) as caught:
        read(folder, records)
    text = str(caught.value)
    assert text.startswith(f"{folder / 'data.jsonl'}:")
    assert len(text.splitlines()) == 1
    assert len(text) < 1000
    return text.removeprefix(str(folder / "data.jsonl"))


def outcome(path: Path) -> str:
    """Return "read", or the text of the only error that reading may raise."""
    try:
        conversations = read_conversations(path)
    except InputError as error:
        return str(error)
    assert all(conversation.turns for conversation in conversations)
    return "read"


def changed(record: Row, **changes: Any) -> Row:
    """Return the record with other fields; `...` takes one away."""
    merged = {**record, **changes}
    return {key: value for key, value in merged.items() if value is not ...}


# --- OpenAI chat records ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "turns"),
    [
        pytest.param("u", (1,), id="one question"),
        pytest.param("ua", (1,), id="answered"),
        pytest.param("uau", (1, 3), id="the last question is a turn"),
        pytest.param("suaua", (2, 4), id="system"),
        pytest.param("uata", (1, 3), id="tool loop"),
        pytest.param("uattau", (1, 4, 6), id="two tool results are one turn"),
        pytest.param("uaa", (1, 2), id="a turn before every assistant message"),
        pytest.param("auau", (2, 4), id="a greeting answers nothing"),
        pytest.param("sa", (1,), id="only a system prompt"),
    ],
)
def test_openai_turns_are_before_assistant_messages_and_at_an_open_end(
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
        ([], None),
        ("[]", None),
        ("", None),
        ("null", None),
        ([TOOL], (TOOL,)),
        (json.dumps([TOOL]), (TOOL,)),
    ],
)
def test_no_tools_are_none_whatever_the_spelling(tmp_path: Path, tools: Any, expected: Any) -> None:
    (conversation,) = read(tmp_path, [changed({"messages": [USER]}, tools=tools)])
    assert conversation.tools == expected


@pytest.mark.parametrize(
    ("given_as", "objects"),
    [
        pytest.param('{"a": 1}', {"a": 1}, id="JSON string"),
        pytest.param({"a": 1}, {"a": 1}, id="object"),
        pytest.param("", {}, id="empty text is no arguments"),
        pytest.param(" \n", {}, id="white space too"),
        pytest.param(None, {}, id="null too"),
        pytest.param('{"a": 1, "a": 2}', {"a": 2}, id="the last of two values counts"),
    ],
)
def test_arguments_become_objects_as_servers_make_them(
    tmp_path: Path, given_as: Any, objects: Row
) -> None:
    messages = [USER, {"role": "assistant", "tool_calls": [call(given_as)]}]
    (parsed,) = read(tmp_path, [{"messages": messages}])
    assert parsed.messages[1]["tool_calls"] == [call(objects)]
    (kept,) = read(tmp_path, [{"messages": messages}], tool_arguments="as-given")
    assert kept.messages[1]["tool_calls"] == [call(given_as)]


def test_a_way_with_arguments_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"messages": [USER]}))
    mistyped: Any = "object"
    with pytest.raises(InputError, match="tool_arguments: must be 'objects' or 'as-given', got"):
        read_conversations(path, tool_arguments=mistyped)


def test_messages_keep_every_field_and_the_order_of_their_keys(tmp_path: Path) -> None:
    message = {"z": {"b": 1, "a": [None, 0.5]}, "content": "", "role": "user", "name": "n"}
    (conversation,) = read(tmp_path, [{"messages": [message]}])
    assert json.dumps(conversation.messages[0]) == json.dumps(message)


BAD_MESSAGES = [
    pytest.param(7, "messages[1]: must be an object", id="a number"),
    pytest.param({"content": "x"}, "messages[1].role: is missing", id="no role"),
    pytest.param(changed(USER, role="robot"), "messages[1].role: unknown role 'robot'", id="role"),
    pytest.param(changed(USER, role="a\n\0"), "messages[1].role: unknown role 'a\\n", id="ugly"),
    pytest.param(changed(USER, role=["user"]), "messages[1].role: unknown role (an arr", id="list"),
    pytest.param(
        changed(USER, content=...), "messages[1].content: is missing in a user", id="none"
    ),
    pytest.param(changed(USER, content=None), "messages[1].content: is missing", id="null content"),
    pytest.param(changed(USER, content=5), "messages[1].content: must be a string", id="number"),
    pytest.param(changed(USER, content={}), "messages[1].content: must be a string", id="object"),
    pytest.param(changed(USER, content=["x"]), "messages[1].content[0]: must be an", id="part"),
    pytest.param(
        changed(USER, content=[{"type": "text", "text": "a"}, {"type": "image_url"}]),
        "messages[1].content[1].type: a part of type 'image_url' has no countable prompt",
        id="image",
    ),
    pytest.param(
        changed(USER, content=[{"type": "text"}]), "messages[1].content[0].text: must", id="no text"
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
        {"role": "assistant"}, "messages[1].content: is missing in an assistant", id="nothing said"
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
            ("{", ": not JSON: Expecting"),
            ("[1]", ": must be a JSON object"),
            ("null", ": must be a JSON object"),
            (5, ": must be an object or a JSON string"),
            ([], ": must be an object or a JSON string"),
            ('{"a":' * 10**4, ": not JSON"),
            ('{"a": NaN}', ".a: nan is not a JSON number"),
            ('{"a": "\\ud800"}', ".a: lone surrogate U+D800"),
        ]
    ),
    *(
        pytest.param(
            changed(ANSWER, tool_calls=[{"name": "f", key: {"a": 1}, **given}]),
            f"messages[1].tool_calls[0].{key}: must be named arguments in a call",
            id=f"{key} {given}",
        )
        for key in ("parameters", "args", "input")
        for given in ({}, {"arguments": None})
    ),
    pytest.param(changed(USER, content="a\ud800"), "messages[1].content: lone surrogate", id="sur"),
    pytest.param({**USER, "\udfff": 1}, "messages[1]: lone surrogate U+DFFF", id="surrogate key"),
    pytest.param({**USER, "a\nb": "\ud800"}, "messages[1].'a\\nb': lone", id="ugly key"),
    pytest.param({**USER, "k" * 9999: "\ud800"}, f"messages[1].{'k' * 77}...: lone", id="long key"),
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
    path.write_text('{"messages": [{"role": "user", "content": "a", "x": 1e999}]}')
    with pytest.raises(InputError, match=r":1: messages\[0\].x: inf is not a JSON number"):
        read_conversations(path)


@pytest.mark.parametrize("depth", [150, 300, 900])
@pytest.mark.parametrize("place", ["role", "content", "x", "tools", "system", "id"])
def test_deep_nesting_never_ends_in_a_traceback(tmp_path: Path, depth: int, place: str) -> None:
    deep: Any = "["
    value = json.loads(deep * depth + "]" * depth)
    openai = {"messages": [changed(USER, **{place: value})], place: value}
    endpoints = {"conversation_id": "a", "turn": 1, **USER, place: value, "tools": [{"d": value}]}
    for record in (openai, endpoints, {"conversations": [{"from": value}], place: value}):
        path = tmp_path / "data.jsonl"
        path.write_text(json.dumps(record))
        assert len(outcome(path).splitlines()) == 1


BAD_RECORDS = [
    pytest.param({"messages": None}, "messages: is missing", id="null messages"),
    pytest.param({"text": "a"}, "messages: is missing", id="another format"),
    pytest.param({"messages": []}, "messages: must be a non-empty array", id="no message"),
    pytest.param({"messages": {}}, "messages: must be a non-empty array", id="object"),
    pytest.param({"messages": "{"}, "messages: not JSON: ", id="a string that is not JSON"),
    pytest.param({"messages": [USER], "id": 1.5}, "id: must be a string or a whole", id="float id"),
    pytest.param({"messages": [USER], "id": True}, "id: must be a string or a whole", id="bool id"),
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


# --- ShareGPT ---------------------------------------------------------------------------


def said(who: str, value: Any) -> Row:
    return {"from": who, "value": value}


def test_sharegpt_roles_become_openai_roles(tmp_path: Path) -> None:
    function_call = '{"name": "f", "arguments": {"a": 1}}'
    (conversation,) = read(
        tmp_path,
        [
            {
                "system": "Be brief.",
                "tools": json.dumps([TOOL]),
                "conversations": [
                    said("human", "hi"),
                    said("function_call", function_call),
                    said("observation", "3"),
                    said("gpt", "yes?"),
                    said("user", "more"),
                ],
            }
        ],
    )
    wanted = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    assert conversation == Conversation(
        "conversation-1",
        (
            SYSTEM,
            USER,
            {"role": "assistant", "tool_calls": [wanted]},
            {"role": "tool", "content": "3"},
            ANSWER,
            {"role": "user", "content": "more"},
        ),
        (TOOL,),
        (2, 4, 6),
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


def test_a_bare_function_among_sharegpt_tools_is_offered_as_servers_are(tmp_path: Path) -> None:
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
    assert set(SHAREGPT_ROLES.values()) - {"function_call"} <= set(ROLES)


BAD_SHAREGPT = [
    pytest.param({"conversations": []}, "conversations: must be a non-empty array", id="empty"),
    pytest.param({"messages": [USER]}, "conversations: is missing", id="another format"),
    *(
        pytest.param(
            {"conversations": [said("human", "hi"), item]}, f"conversations[1]{rest}", id=i
        )
        for i, item, rest in [
            ("string", "x", ": must be an object"),
            ("no from", {"value": "x"}, ".from: is missing"),
            ("unknown role", said("narrator", "x"), ".from: unknown role 'narrator'"),
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
                ".tool_calls: the value is calls too",
            ),
            ("call no name", said("function_call", "{}"), ".tool_calls[0].function.name: is miss"),
            (
                "call parameters",
                said("function_call", '{"name": "f", "parameters": {"a": 1}}'),
                ".tool_calls[0].function.parameters: must be named arguments in a call",
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
        "system: conversations[0] is a system prompt too",
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


# --- MLCommons endpoints: the semantics of their loader ---------------------------------


def rows(*messages: Row, conversation: Any = "a", first: int = 1) -> list[Row]:
    return [
        {"conversation_id": conversation, "turn": turn, **message}
        for turn, message in enumerate(messages, first)
    ]


CALLS: Row = {"role": "assistant", "tool_calls": [call(), call()]}
RESULTS: Row = {
    "role": "tool",
    "tool_results": [{"tool_call_id": f"c{i}", "content": f"r{i}"} for i in (1, 2)],
}
EXPANDED = [{"role": "tool", "tool_call_id": f"c{i}", "content": f"r{i}"} for i in (1, 2)]


def test_endpoints_rows_become_messages_and_a_turn_per_user_or_tool_row(tmp_path: Path) -> None:
    (conversation,) = read(
        tmp_path,
        rows({**USER, "system": "Be brief.", "tools": [TOOL]}, CALLS, RESULTS, ANSWER, USER),
    )
    called = {"role": "assistant", "tool_calls": [call({}), call({})]}
    assert conversation == Conversation(
        "a", (SYSTEM, USER, called, *EXPANDED, ANSWER, USER), (TOOL,), (2, 5, 7)
    )


def test_rows_are_taken_by_turn_and_conversations_in_file_order(tmp_path: Path) -> None:
    shuffled = rows(USER, ANSWER, changed(USER, content="more"), conversation="b")[::-1]
    two = read(tmp_path, shuffled + rows(USER, conversation="a"))
    assert [conversation.id for conversation in two] == ["b", "a"]
    assert [message["content"] for message in two[0].messages] == ["hi", "yes?", "more"]


def test_metadata_rows_are_no_messages(tmp_path: Path) -> None:
    note = {"_type": "dataset_metadata", "license": "x", "messages": 3}
    (conversation,) = read(tmp_path, [note, *rows(USER), note, *rows(ANSWER, first=2), note])
    assert conversation.messages == (USER, ANSWER)
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(note))
    with pytest.raises(InputError, match="holds no conversations"):
        read_conversations(path)


def test_the_system_prompt_is_the_first_that_is_not_empty_for_all_turns(tmp_path: Path) -> None:
    late = {**USER, "system": "Be brief."}
    (conversation,) = read(tmp_path, rows({**USER, "system": ""}, ANSWER, late, ANSWER, late))
    assert conversation.messages[0] == SYSTEM
    assert conversation.turns == (2, 4, 6)


def test_the_tools_of_the_first_row_are_offered_in_all_turns(tmp_path: Path) -> None:
    first = {**USER, "tools": [TOOL]}
    (conversation,) = read(tmp_path, rows(first, ANSWER, {**USER, "tools": None}, ANSWER, first))
    assert conversation.tools == (TOOL,)


@pytest.mark.parametrize("conversation_id", ["x", "ü", 7])
def test_a_conversation_id_is_text_or_a_number(tmp_path: Path, conversation_id: Any) -> None:
    (conversation,) = read(tmp_path, rows(USER, ANSWER, conversation=conversation_id))
    assert conversation.id == str(conversation_id)


def test_what_a_reply_says_besides_text_is_kept(tmp_path: Path) -> None:
    reply = changed(CALLS, reasoning_content="hm", name="n", content=None, model="m", score=3)
    (conversation,) = read(tmp_path, rows(USER, reply, RESULTS))
    assert conversation.messages[1].keys() == {"role", "tool_calls", "reasoning_content", "name"}


REORDERED = {"function": TOOL["function"], "type": "function"}
NO_IDS: tuple[Any, ...] = (None, "", 1.5, True, [])
BAD_ROWS = [
    pytest.param([{}], 1, "conversation_id: is missing", id="no conversation_id"),
    *(
        pytest.param(
            [{"conversation_id": bad}], 1, "conversation_id: must be a non-empty", id=f"id {bad!r}"
        )
        for bad in NO_IDS
    ),
    pytest.param([changed(rows(USER)[0], turn=...)], 1, "turn: is missing", id="no turn"),
    *(
        pytest.param(
            rows({**USER, "turn": bad}), 1, "turn: must be a whole number", id=f"turn {bad!r}"
        )
        for bad in ("1", 1.0, True, None)
    ),
    pytest.param(
        rows(USER, first=2), 1, "turn: turn 2 of conversation 'a' where 1 is", id="from 2"
    ),
    pytest.param(rows(USER, first=0), 1, "turn: turn 0 of conversation 'a' where 1", id="from 0"),
    pytest.param(
        rows(USER) + rows(ANSWER, first=3), 2, "turn: turn 3 of conversation 'a' where 2", id="gap"
    ),
    pytest.param(
        rows(USER) + rows(ANSWER), 2, "turn: turn 1 of conversation 'a' where 2", id="turn twice"
    ),
    pytest.param(
        rows(USER) + rows(USER, conversation="b") + rows(ANSWER, first=2),
        3,
        "conversation_id: rows of conversation 'a' are not contiguous",
        id="not contiguous",
    ),
    pytest.param(rows(changed(USER, role=...)), 1, "role: is missing", id="no role"),
    pytest.param(rows(changed(USER, role="system")), 1, "role: unknown role 'system'", id="system"),
    pytest.param(rows(changed(USER, role={})), 1, "role: unknown role (an object)", id="role"),
    pytest.param(rows(changed(USER, content=...)), 1, "content: is missing in a user", id="silent"),
    pytest.param(rows(changed(USER, content=1)), 1, "content: must be a string", id="content"),
    pytest.param(rows(USER, {"role": "assistant"}), 2, "content: is missing in an", id="reply"),
    pytest.param(rows(USER, changed(CALLS, tool_calls=[1])), 2, "tool_calls[0]: must", id="call"),
    pytest.param(
        rows(USER, ANSWER, {**USER, "system": "\ud800"}), 3, "system: lone", id="system text"
    ),
    pytest.param(rows({**USER, "system": 5}), 1, "system: must be a string", id="system type"),
    pytest.param(
        rows({**USER, "system": "a"}, ANSWER, {**USER, "system": "b"}),
        3,
        "system: differs from line 1; conversation 'a' can have one only",
        id="two system prompts",
    ),
    pytest.param(rows({**USER, "tools": {}}), 1, "tools: must be an array", id="tools type"),
    *(
        pytest.param(
            rows({**USER, "tools": first}, ANSWER, {**USER, "tools": later}),
            3,
            "tools: differs from line 1; conversation 'a' can have the same tools",
            id=f"tools {why}",
        )
        for why, first, later in [
            ("added later", None, [TOOL]),
            ("taken away", [TOOL], []),
            ("in another order", [TOOL], [REORDERED]),
            ("1 and true", [{"default": 1}], [{"default": True}]),
        ]
    ),
    pytest.param(rows(ANSWER), 1, "role: assistant row at the beginning", id="reply first"),
    pytest.param(rows(USER, USER), 2, "role: user row after user, where assistant", id="user x2"),
    pytest.param(rows(USER, RESULTS), 2, "role: tool row after user", id="results uncalled"),
    pytest.param(
        rows(USER, ANSWER, RESULTS),
        3,
        "role: tool row after assistant, where user",
        id="no calls",
    ),
    pytest.param(
        rows(USER, CALLS, USER), 3, "role: user row after assistant with tool_calls", id="no tool"
    ),
    pytest.param(
        rows(USER, CALLS, RESULTS, RESULTS), 4, "role: tool row after tool", id="tool rows twice"
    ),
    pytest.param(
        rows({**USER, "tool_results": []}), 1, "tool_results: a user row cannot", id="user results"
    ),
    pytest.param(
        rows(USER, CALLS, {"role": "tool", "content": "x"}), 3, "content: a tool row", id="content"
    ),
    pytest.param(
        rows(USER, CALLS, {**RESULTS, "content": "x"}), 3, "content: a tool row holds", id="both"
    ),
    *(
        pytest.param(
            rows(USER, CALLS, {"role": "tool", "tool_results": bad}),
            3,
            f"tool_results{message}",
            id=f"results {bad!r}",
        )
        for bad, message in [
            (None, ": is missing"),
            ([], ": must be a non-empty array"),
            ("x", ": must be a non-empty array"),
            ([1], "[0]: must be an object"),
            ([{"content": "x"}], "[0].tool_call_id: is missing"),
            ([{"tool_call_id": "c"}], "[0].content: is missing"),
            ([{"tool_call_id": 1, "content": "x"}], "[0].tool_call_id: must be a string"),
            ([{"tool_call_id": "c", "content": 1}], "[0].content: must be a string"),
            ([{"tool_call_id": "c", "content": "\ud800"}], "[0].content: lone surrogate"),
        ]
    ),
    pytest.param(
        rows(USER, changed(ANSWER, content="\ud800")), 2, "content: lone surrogate", id="surrogate"
    ),
    pytest.param(
        rows(USER, conversation="\ud800"), 1, "conversation_id: lone surrogate", id="surrogate id"
    ),
]


@pytest.mark.parametrize(("records", "line", "expected"), BAD_ROWS)
def test_a_malformed_row_is_named_with_line_and_field(
    tmp_path: Path, records: list[Row], line: int, expected: str
) -> None:
    good = rows(USER, conversation="before")
    got = refusal(tmp_path, good + records)
    expected = expected.replace("from line 1", "from line 2")
    assert got.startswith(f":{line + 1}: {expected}")


@cache
def agentic_rows() -> tuple[Row, ...]:
    if not AGENTIC.exists():
        pytest.skip(f"{AGENTIC.name} is not here: ../shared/real/datasets is absent")
    return tuple(json.loads(line) for line in AGENTIC.read_text().splitlines())


def test_their_public_dataset_has_the_turns_of_their_loader() -> None:
    wanted = Counter(
        row["conversation_id"] for row in agentic_rows() if row["role"] in {"user", "tool"}
    )
    got = read_conversations(AGENTIC)
    assert {conversation.id: len(conversation.turns) for conversation in got} == dict(wanted)
    assert (len(got), sum(wanted.values())) == (20, 1007)


def test_each_turn_of_their_public_dataset_is_the_request_of_their_loader() -> None:
    # Derived anew for each client row, by looking back from it instead of carrying a history.
    by_id: dict[str, list[Row]] = {}
    for row in agentic_rows():
        by_id.setdefault(row["conversation_id"], []).append(row)
    compared = 0
    for conversation in read_conversations(AGENTIC):
        mine = sorted(by_id[conversation.id], key=lambda row: int(row["turn"]))
        system = next(row["system"] for row in mine if row.get("system"))
        tools = next(row.get("tools") for row in mine if row["role"] == "user")
        requests = [row["turn"] for row in mine if row["role"] in {"user", "tool"}]
        for turn, k in zip(requests, conversation.turns, strict=True):
            sent: list[Row] = [{"role": "system", "content": system}]
            for row in mine[:turn]:
                sent += one_request_part(row)
            assert list(conversation.messages[:k]) == sent
            compared += 1
        assert list(conversation.tools or ()) == tools
    assert compared == 1007


def one_request_part(row: Row) -> list[Row]:
    if row["role"] == "tool":
        return [
            {
                "role": "tool",
                "tool_call_id": result["tool_call_id"],
                "content": result["content"],
            }
            for result in row["tool_results"]
        ]
    message = {"role": row["role"]}
    for key in ("content", "name", "reasoning_content"):
        if row.get(key) is not None:
            message[key] = row[key]
    if "tool_calls" in row:
        message["tool_calls"] = [
            {
                **called,
                "function": {
                    **called["function"],
                    "arguments": json.loads(called["function"]["arguments"]),
                },
            }
            for called in row["tool_calls"]
        ]
    return [message]


# --- which format -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [USER]},
        {"conversation_id": "x", "messages": [USER]},
        {"_type": "chat", "messages": [USER]},
        {"conversations": [said("human", "hi")]},
        {"conversation_id": "x", "conversations": [said("human", "hi")]},
        rows(USER)[0],
    ],
)
def test_the_first_record_says_the_format(tmp_path: Path, record: Row) -> None:
    assert read(tmp_path, [record])[0].messages == (USER,)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"prompt": "x"},
        {"\x1b[31m": 1},
        {"conversation_id": "x", "turn": 1, "conversation": [USER]},
    ],
)
def test_an_unknown_format_lists_the_known_ones(tmp_path: Path, record: Row) -> None:
    message = refusal(tmp_path, [record])
    assert message.startswith(":1: unknown format (fields: ")
    assert "\x1b" not in message
    for known in ("MLCommons endpoints", "OpenAI chat", "ShareGPT"):
        assert known in message


@pytest.mark.parametrize("empty", ["", "\n\n", "[]"])
def test_an_empty_file_holds_no_conversations(tmp_path: Path, empty: str) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(empty)
    with pytest.raises(InputError) as caught:
        read_conversations(path)
    assert str(caught.value) == f"{path}: holds no conversations: the file is empty"


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_what_concerns_the_file_has_no_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "d.jsonl.gz"
    if damage == "cut":
        packed = gzip.compress(json.dumps({"messages": [USER]}).encode() + b"\n" * 9999)
        path.write_bytes(packed[:-9])
    with pytest.raises(InputError) as caught:
        read_conversations(path)
    assert str(caught.value).startswith(f"{path}: ")


# --- any valid dataset reads back -------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(texts, values, max_size=3)


@st.composite
def called_functions(draw: st.DrawFn) -> Row:
    return {
        "id": draw(texts),
        "type": "function",
        "function": {"name": draw(texts), "arguments": draw(objects)},
    }


@st.composite
def replies(draw: st.DrawFn) -> Row:
    reply: Row = {"role": "assistant"}
    calls = draw(st.lists(called_functions(), max_size=2))
    if calls:
        reply["tool_calls"] = calls
    if not calls or draw(st.booleans()):
        reply["content"] = draw(texts)
    if draw(st.booleans()):
        reply["reasoning_content"] = draw(texts)
    return reply


@st.composite
def exchanges(draw: st.DrawFn) -> list[Row]:
    """Return messages as clients and servers exchange them, in the order endpoints rows have."""
    messages: list[Row] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(texts.filter(bool))})
    messages.append({"role": "user", "content": draw(texts)})
    for _ in range(draw(st.integers(0, 3))):
        reply = draw(replies())
        messages.append(reply)
        if "tool_calls" in reply:
            messages += [
                {"role": "tool", "tool_call_id": called["id"], "content": draw(texts)}
                for called in reply["tool_calls"]
            ]
        else:
            messages.append({"role": "user", "content": draw(texts)})
    if draw(st.booleans()):
        messages.append(draw(replies()))
    return messages


datasets = st.lists(
    st.tuples(exchanges(), st.none() | st.lists(objects, min_size=1, max_size=2)),
    min_size=1,
    max_size=3,
)
Dataset = list[tuple[list[Row], list[Row] | None]]
in_files = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def with_argument_strings(messages: list[Row]) -> list[Row]:
    copy: list[Row] = json.loads(json.dumps(messages))
    for message in copy:
        for called in message.get("tool_calls", ()):
            called["function"]["arguments"] = json.dumps(called["function"]["arguments"])
    return copy


def as_records(dataset: Dataset) -> list[Row]:
    return [
        {"id": f"id-{i}", "messages": messages, **({} if tools is None else {"tools": tools})}
        for i, (messages, tools) in enumerate(dataset)
    ]


def as_parquet(records: list[Row]) -> bytes:
    stored = [
        {
            "id": record["id"],
            "messages": with_argument_strings(record["messages"]),
            "tools": json.dumps(record["tools"]) if "tools" in record else None,
        }
        for record in records
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(stored), sink)
    return sink.getvalue()


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


def exactly(conversation: Conversation) -> str:
    """Return what a template sees, with the order of keys, and 1, 1.0 and true apart."""
    return json.dumps([conversation.messages, conversation.tools])


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


def as_rows(conversation_id: str, messages: list[Row], tools: list[Row] | None) -> list[Row]:
    """Write messages as endpoints rows, the other way round than the reader."""
    system = messages[0]["content"] if messages[0]["role"] == "system" else None
    merged: list[Row] = []
    for message in with_argument_strings(messages[system is not None :]):
        if message["role"] != "tool":
            merged.append(message)
            continue
        if merged[-1]["role"] != "tool":
            merged.append({"role": "tool", "tool_results": []})
        merged[-1]["tool_results"].append(changed(message, role=...))
    merged[0] |= {"system": system, "tools": tools}
    return rows(*merged, conversation=conversation_id)


@in_files
@given(dataset=datasets, data=st.data())
def test_endpoints_rows_read_back(tmp_path: Path, dataset: Dataset, data: st.DataObject) -> None:
    written = []
    for i, (messages, tools) in enumerate(dataset):
        written += data.draw(st.permutations(as_rows(f"id-{i}", messages, tools)))
    got = read(tmp_path, written)
    assert [conversation.id for conversation in got] == [f"id-{i}" for i in range(len(dataset))]
    for conversation, (messages, tools) in zip(got, dataset, strict=True):
        assert json.loads(exactly(conversation)) == [messages, tools]
        asked = [
            k
            for k in range(1, len(messages) + 1)
            if messages[k - 1]["role"] in {"user", "tool"}
            and (k == len(messages) or messages[k]["role"] == "assistant")
        ]
        assert list(conversation.turns) == asked


# --- any damage is either harmless or one line ------------------------------------------

SEEDS = {
    "OpenAI": "\n".join(
        json.dumps({"id": i, "messages": [SYSTEM, USER, CALLS, *EXPANDED], "tools": [TOOL]})
        for i in range(3)
    ).encode(),
    "pretty": json.dumps([{"id": "é", "messages": [USER, ANSWER]}] * 2, indent=1).encode(),
    "endpoints": "\n".join(map(json.dumps, rows(USER, CALLS, RESULTS, ANSWER))).encode(),
    "ShareGPT": json.dumps([{"conversations": [said("human", "hi"), said("gpt", "a")]}]).encode(),
    "gzip": gzip.compress((json.dumps({"messages": [USER]}) + "\n").encode() * 3, mtime=0),
    "Parquet": as_parquet(
        [{"id": "a", "messages": [USER, changed(CALLS, tool_calls=[call({})])], "tools": [TOOL]}]
    ),
}
damages = st.lists(
    st.tuples(
        st.sampled_from(["flip", "delete", "insert", "cut", "repeat"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, damage: list[tuple[str, float, int]]) -> bytes:
    result = bytearray(data)
    for kind, place, byte in damage:
        if not result:
            break
        at = int(place * len(result))
        if kind == "flip":
            result[at] ^= 1 << (byte & 7)
        elif kind == "delete":
            del result[at : at + 1 + byte % 8]
        elif kind == "insert":
            result[at:at] = bytes([byte])
        elif kind == "cut":
            del result[at:]
        else:
            result[at:at] = result[at : at + byte]
    return bytes(result)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_damaged_below_can_be_read_before(tmp_path: Path, seed: str) -> None:
    path = tmp_path / "d"
    path.write_bytes(SEEDS[seed])
    assert outcome(path) == "read"


@pytest.mark.parametrize("seed", SEEDS)
@settings(in_files, max_examples=150)
@given(damage=damages)
def test_a_damaged_file_is_read_or_refused_in_one_line(
    tmp_path: Path, seed: str, damage: list[tuple[str, float, int]]
) -> None:
    path = tmp_path / "d"
    path.write_bytes(damaged(SEEDS[seed], damage))
    line = outcome(path)
    assert line == "read" or line.startswith(str(path))
    assert len(line.splitlines()) == 1


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in inner:
        found.append((*path, key))
        if isinstance(item, (dict, list)):
            found += places(item, (*path, key))
    return found


@pytest.mark.parametrize("seed", ["OpenAI", "endpoints", "ShareGPT"])
@settings(in_files, max_examples=150)
@given(data=st.data(), value=values | st.just(...))
def test_a_value_of_another_type_anywhere_is_read_or_refused_in_one_line(
    tmp_path: Path, seed: str, data: st.DataObject, value: Any
) -> None:
    text = SEEDS[seed].decode()
    records = json.loads(text) if text[0] == "[" else [json.loads(x) for x in text.splitlines()]
    *way, last = data.draw(st.sampled_from(places(records)))
    inside = records
    for key in way:
        inside = inside[key]
    if value is ...:
        del inside[last]
    else:
        inside[last] = value
    path = tmp_path / "d"
    path.write_text("\n".join(map(json.dumps, records)))
    line = outcome(path)
    assert line == "read" or line.startswith(str(path))
    assert len(line.splitlines()) == 1
