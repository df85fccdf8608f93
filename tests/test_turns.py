"""Each turn is a request that a client sends, also if a record is one request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import (
    Conversation,
    InputError,
    parse_conversations,
    read_conversations,
    reference_counts,
)
from tests.conftest import bundled_chat
from tests.datasets import SYSTEM, TOOL, USER, Row, call, exchanges, read, refusal, rows

ANSWER = {"role": "assistant", "content": "yes?"}
RESULT = {"role": "tool", "content": "1", "tool_call_id": "c1"}
CALLS = {"role": "assistant", "tool_calls": [call()]}


def requests(folder: Path, *messages: list[Row], **fields: Any) -> list[Conversation]:
    records = [{"id": f"r{i}", "messages": m, **fields} for i, m in enumerate(messages)]
    return read(folder, records, records="request")


# The last message is continued.


@pytest.mark.parametrize(
    ("messages", "turns"),
    [
        pytest.param([USER, ANSWER], (2,), id="the question is of the same request"),
        pytest.param([USER, ANSWER, USER, ANSWER], (1, 4), id="after an answer"),
        pytest.param([SYSTEM, USER, ANSWER], (3,), id="after a system prompt"),
        pytest.param([USER, CALLS, RESULT, ANSWER], (1, 4), id="after a tool"),
        pytest.param([USER, ANSWER, ANSWER], (1, 3), id="after an answer of its own"),
        pytest.param([ANSWER], (1,), id="alone"),
    ],
)
@pytest.mark.parametrize("way", ["prefix", "partial", "continue_final_message"])
def test_a_message_that_is_continued_is_the_end_of_its_request(
    tmp_path: Path, messages: list[Row], turns: tuple[int, ...], way: str
) -> None:
    if way == "continue_final_message":
        record = {"messages": messages, way: True, "add_generation_prompt": False}
    else:
        record = {"messages": [*messages[:-1], {**messages[-1], way: True}]}
    (conversation,) = read(tmp_path, [record])
    assert conversation.turns == turns
    assert conversation.continued == {turns[-1]}
    assert [message.keys() & {way} for message in conversation.messages] == [set()] * len(messages)


def test_a_row_that_is_continued_is_the_end_of_its_request(tmp_path: Path) -> None:
    for field in ("prefix", "continue_final_message"):
        (conversation,) = read(tmp_path, rows(USER, ANSWER, USER, {**ANSWER, field: True}))
        assert conversation.turns == (1, 4)
        assert conversation.continued == {4}
        assert conversation.messages == (USER, ANSWER, USER, ANSWER)
        message = refusal(tmp_path, rows(USER, {**ANSWER, field: True}, USER))
        assert message.startswith(f":2: {field}: only the last")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"messages": [{**USER, "prefix": True}]}, "messages[0].prefix: only the last"),
        (
            {"messages": [USER, {**ANSWER, "partial": True}, USER]},
            "messages[1].partial: only the last",
        ),
        ({"messages": [USER, {**ANSWER, "prefix": "ye"}]}, "messages[1].prefix: must be true"),
        (
            {"messages": [USER], "continue_final_message": True},
            "continue_final_message: only an assistant message",
        ),
        (
            {"messages": [USER, ANSWER], "continue_final_message": "yes"},
            "continue_final_message: must be true or false",
        ),
        (
            {
                "messages": [USER, ANSWER],
                "continue_final_message": True,
                "add_generation_prompt": True,
            },
            "add_generation_prompt: contradicts",
        ),
        (
            {"messages": [USER], "add_generation_prompt": False},
            "add_generation_prompt: a prompt without",
        ),
        ({"messages": [USER], "prefix": True}, "prefix: belongs to the last message"),
    ],
)
def test_what_no_server_continues_is_refused(tmp_path: Path, record: Row, expected: str) -> None:
    assert refusal(tmp_path, [record]).startswith(f":1: {expected}")


# Each record is one request.


def test_requests_that_share_their_beginning_are_one_conversation(tmp_path: Path) -> None:
    (conversation,) = requests(
        tmp_path, [USER], [USER, ANSWER, USER], [USER, ANSWER, USER, CALLS, RESULT]
    )
    assert conversation.messages[:3] == (USER, ANSWER, USER)
    assert (conversation.turns, conversation.requests) == ((1, 3, 5), ("r0", "r1", "r2"))
    assert (conversation.id, conversation.line) == ("r0", 1)


def test_several_conversations_are_open_at_once(tmp_path: Path) -> None:
    other = {"role": "user", "content": "other"}
    first, second = requests(
        tmp_path, [USER], [other], [other, ANSWER, USER], [USER, ANSWER, other]
    )
    assert (first.requests, second.requests) == (("r0", "r3"), ("r1", "r2"))


@pytest.mark.parametrize(
    ("messages", "ids"),
    [
        pytest.param([[USER], [USER]], [("r0",), ("r1",)], id="the same twice"),
        pytest.param(
            [[USER], [USER], [USER, ANSWER, USER], [USER, ANSWER, USER]],
            [("r0", "r3"), ("r1", "r2")],
            id="two that are the same",
        ),
        pytest.param(
            [[USER], [USER], [USER, ANSWER, USER], [USER, ANSWER, USER, ANSWER, USER]],
            [("r0",), ("r1", "r2", "r3")],
            id="the longest beginning",
        ),
        pytest.param([[USER, ANSWER, USER], [USER]], [("r0",), ("r1",)], id="shorter"),
        pytest.param(
            [[USER], [USER, ANSWER, USER], [USER, CALLS, RESULT]],
            [("r0", "r1"), ("r2",)],
            id="a branch",
        ),
        pytest.param(
            [[USER], [SYSTEM, USER, ANSWER, USER]], [("r0",), ("r1",)], id="another beginning"
        ),
        pytest.param(
            [[USER], [{**USER, "name": "n"}, ANSWER, USER]], [("r0",), ("r1",)], id="a name"
        ),
        pytest.param(
            [[{"content": "hi", "role": "user"}], [USER, ANSWER, USER]],
            [("r0",), ("r1",)],
            id="another order of keys",
        ),
        pytest.param([[USER], [USER, USER]], [("r0", "r1")], id="no answer between"),
        pytest.param([[USER], [USER, ANSWER, ANSWER, USER]], [("r0", "r1")], id="two answers"),
        pytest.param(
            [[USER], [USER, ANSWER, USER], [USER, ANSWER, USER, ANSWER, USER]],
            [("r0", "r1", "r2")],
            id="three",
        ),
    ],
)
def test_which_requests_are_joined(
    tmp_path: Path, messages: list[list[Row]], ids: list[tuple[str, ...]]
) -> None:
    assert [c.requests for c in requests(tmp_path, *messages)] == ids


@pytest.mark.parametrize(
    "other",
    [
        {"tools": [TOOL]},
        {"tools": []},
        {"chat_template_kwargs": {"a": 1}},
        {"documents": [{"text": "a"}]},
        {"reasoning_effort": "low"},
        {"conversation_id": "other"},
        {"system": "Be brief."},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_requests_with_other_prompts_are_never_joined(tmp_path: Path, other: Row) -> None:
    records = [{"messages": [USER]}, {"messages": [USER, ANSWER, USER], **other}]
    first, second = read(tmp_path, records, records="request")
    assert (first.requests, second.requests) == (("request-1",), ("request-2",))
    same = [{**record, **other} for record in records]
    (joined,) = read(tmp_path, same, records="request")
    assert joined.requests == ("request-1", "request-2")


def test_a_request_that_continues_is_gone_on_with(tmp_path: Path) -> None:
    start = {"role": "assistant", "content": "Roses"}
    (conversation,) = requests(
        tmp_path, [USER, {**start, "prefix": True}], [USER, start, {**ANSWER, "partial": True}]
    )
    assert conversation.turns == (2, 3)
    assert conversation.continued == {2, 3}


def test_ids_of_requests_and_of_their_conversation(tmp_path: Path) -> None:
    records = [
        {"conversation_id": "c", "request_id": "a", "id": "x", "messages": [USER]},
        {"conversation_id": "c", "id": 7, "messages": [USER, ANSWER, USER]},
        {"conversation_id": "c", "messages": [USER, ANSWER, USER, ANSWER, USER]},
    ]
    (conversation,) = read(tmp_path, records, records="request")
    assert (conversation.id, conversation.requests) == ("c", ("a", "7", "request-3"))


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([{"messages": [USER, ANSWER]}], ":1: the last message is an answer: this request asks"),
        (
            [{"messages": [USER]}, {"messages": [USER], "request_id": []}],
            ":2: request_id: must be a string or a number",
        ),
        (rows(USER), ": read as MLCommons endpoints: one row per message"),
    ],
)
def test_what_is_no_request_is_refused(tmp_path: Path, records: list[Row], expected: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    with pytest.raises(InputError) as caught:
        read_conversations(path, records="request")
    assert str(caught.value).startswith(f"{path}{expected}")


def test_sharegpt_records_can_be_requests(tmp_path: Path) -> None:
    said = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes?"}]
    records = [{"conversations": said[:1]}, {"conversations": [*said, said[0]]}]
    (conversation,) = read(tmp_path, records, records="request")
    assert conversation.turns == (1, 3)


@given(data=st.lists(exchanges(), min_size=1, max_size=3), order=st.randoms())
def test_a_log_in_any_order_has_the_counts_of_its_requests(
    data: list[list[Row]], order: Any
) -> None:
    logs = [
        [
            messages[:k]
            for k in range(1, len(messages) + 1)
            if messages[k - 1]["role"] != "assistant"
        ]
        for messages in data
    ]
    # Servers write logs of several clients into one file.
    merged = []
    while any(logs):
        merged.append(order.choice([log for log in logs if log]).pop(0))
    records = [{"id": f"r{i}", "messages": messages} for i, messages in enumerate(merged)]
    text = "\n".join(map(json.dumps, records)).encode()
    conversations = parse_conversations(text, records="request")
    chat = bundled_chat("bpe-chatml")
    found = {
        request: isl
        for conversation, counts in zip(
            conversations, reference_counts(conversations, chat), strict=True
        )
        for request, isl in zip(conversation.requests or (), counts, strict=True)
    }
    alone = [
        Conversation(f"r{i}", parsed.messages, None, (len(parsed.messages),))
        for i, record in enumerate(records)
        for parsed in parse_conversations(json.dumps(record).encode(), records="request")
    ]
    assert found == {
        c.id: isl for c, (isl,) in zip(alone, reference_counts(alone, chat), strict=True)
    }
