"""MLCommons endpoints rows mean what they mean to MLCommons' own loader."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import InputError, read_conversations
from tests.datasets import (
    ANSWER,
    SYSTEM,
    TOOL,
    USER,
    Dataset,
    Row,
    call,
    changed,
    datasets,
    exactly,
    in_files,
    read,
    refusal,
    rows,
    with_argument_strings,
)

AGENTIC = Path(__file__).parents[2] / "shared" / "real" / "datasets" / "agentic_coding_2.5h.jsonl"

CALLS: Row = {"role": "assistant", "tool_calls": [call(), call()]}
RESULTS: Row = {
    "role": "tool",
    "tool_results": [{"tool_call_id": f"c{i}", "content": f"r{i}"} for i in (1, 2)],
}
EXPANDED = [{"role": "tool", "tool_call_id": f"c{i}", "content": f"r{i}"} for i in (1, 2)]


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
    (without,) = read(tmp_path, rows(USER, ANSWER, {**USER, "tools": []}))
    assert without.tools is None


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
        rows(USER, first=2), 1, "turn: turn 2 of conversation 'a' should be turn 1", id="from 2"
    ),
    pytest.param(
        rows(USER, first=0), 1, "turn: turn 0 of conversation 'a' should be turn 1", id="from 0"
    ),
    pytest.param(
        rows(USER) + rows(ANSWER),
        2,
        "turn: turn 1 of conversation 'a' should be turn 2",
        id="turn twice",
    ),
    pytest.param(
        rows(USER) + rows(USER, conversation="b") + rows(ANSWER, first=2),
        3,
        "conversation_id: rows of conversation 'a' are not contiguous",
        id="not contiguous",
    ),
    pytest.param(rows(changed(USER, role="system")), 1, "role: unknown role 'system'", id="system"),
    pytest.param(rows(changed(USER, role={})), 1, "role: unknown role (an object)", id="role"),
    pytest.param(rows(changed(USER, content=1)), 1, "content: must be a string", id="content"),
    pytest.param(rows(USER, changed(CALLS, tool_calls=[1])), 2, "tool_calls[0]: must", id="call"),
    pytest.param(
        rows(USER, ANSWER, {**USER, "system": "\ud800"}), 3, "system: lone", id="system text"
    ),
    pytest.param(rows({**USER, "system": 5}), 1, "system: must be a string", id="system type"),
    pytest.param(
        rows({**USER, "system": "a"}, ANSWER, {**USER, "system": "b"}),
        3,
        "system: differs from line 1; conversation 'a' can have only one",
        id="two system prompts",
    ),
    pytest.param(rows({**USER, "tools": {}}), 1, "tools: must be an array", id="tools type"),
    *(
        pytest.param(
            rows({**USER, "tools": first}, ANSWER, {**USER, "tools": later}),
            3,
            "tools: differs from line 1; all turns of conversation 'a' must have the",
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
    pytest.param(
        rows(USER, USER),
        2,
        "role: user row after user; the row here must be assistant",
        id="user x2",
    ),
    pytest.param(rows(USER, RESULTS), 2, "role: tool row after user", id="results uncalled"),
    pytest.param(
        rows(USER, ANSWER, RESULTS),
        3,
        "role: tool row after assistant; the row here must be user",
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
        rows(USER, CALLS, {**RESULTS, "content": "x"}), 3, "content: a tool row can have", id="both"
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
    # Found for each client row by looking back from it, and not by keeping a history.
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


def as_rows(conversation_id: str, messages: list[Row], tools: list[Row] | None) -> list[Row]:
    """Write messages as endpoints rows: the opposite of reading them."""
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
