"""Inputs of kinds that public reports describe have the counts of the server, or are refused.

Each input is of its own making. The counts are those of the plain call with the published
tokenizer of Qwen3, over messages that are written out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from strategies import InputError, read_conversations, reference_counts
from tests.conftest import real_chat

HI, BYE = {"role": "user", "content": "Hi"}, {"role": "user", "content": "Bye"}
HELLO = {"role": "assistant", "content": "Hello"}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "Weather of a city", "parameters": CITY}
ASKED = {"role": "user", "content": "Weather in Oslo?"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
FIND = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
NORTH = json.dumps({"city": "Oslo", "pad": "north " * 50})
TEA = [
    {"role": "system", "content": "You are a shop bot."},
    {"role": "assistant", "content": "Hello! How can I help?"},
    {"role": "user", "content": "Do you sell tea?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Green?"},
]
LOOKED = [
    {"role": "user", "content": "Find it"},
    {"role": "assistant", "content": "Let me look."},
    {"role": "assistant", "content": None, "tool_calls": [FIND]},
    {"role": "tool", "tool_call_id": "c1", "content": "ok"},
    {"role": "assistant", "content": "Done"},
]
OLD_CALL = [
    ASKED,
    {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "get_weather", "arguments": NORTH},
    },
    {"role": "function", "name": "get_weather", "content": "rain " * 30},
    {"role": "assistant", "content": "It rains."},
    {"role": "user", "content": "Thanks"},
]
POEM = "Roses are red,\n" + "violets " * 40
LOG = [("one", "1"), ("two", "2"), ("three", "3")]


def so_far(asked: int) -> list[dict[str, Any]]:
    said = [
        {"role": role, "content": text}
        for pair in LOG[:asked]
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    return said[:-1]


COUNTED = [
    pytest.param(
        [{"system": "You are a very careful assistant. " * 20, "messages": [HI, HELLO, BYE]}],
        [155, 168],
        {},
        id="system beside messages",
    ),
    pytest.param([{"messages": [ASKED], "functions": [WEATHER]}], [149], {}, id="functions"),
    pytest.param([{"messages": OLD_CALL}], [12, 132, 146], {}, id="function_call"),
    pytest.param(
        [{"messages": [HI], "chat_template_kwargs": {"enable_thinking": False}}],
        [13],
        {},
        id="kwargs",
    ),
    pytest.param(
        [
            {
                "messages": [
                    {"role": "user", "content": "Write a poem"},
                    {"role": "assistant", "content": POEM, "prefix": True},
                ]
            }
        ],
        [140],
        {},
        id="prefix",
    ),
    pytest.param([{"messages": TEA}], [36, 50], {}, id="greeting after a system prompt"),
    pytest.param([{"messages": LOOKED}], [10, 48], {}, id="an answer in two messages"),
    pytest.param(
        [{"messages": so_far(asked)} for asked in (1, 2, 3)],
        [9, 21, 33],
        {"records": "request"},
        id="a log of requests",
    ),
    pytest.param(
        [{"conversations": []}, {"conversations": [{"from": "human", "value": "Hi"}]}],
        [9],
        {"on_error": "skip"},
        id="an empty row",
    ),
    pytest.param(
        [
            {"conversations": [{"from": "gpt", "value": "only an answer"}]},
            {"conversations": [{"from": "human", "value": "Hi"}]},
        ],
        [9],
        {"on_error": "skip"},
        id="a row with an answer only",
    ),
    pytest.param(f'{{"score": NaN, "messages": [{json.dumps(HI)}]}}', [9], {}, id="NaN"),
    pytest.param([{"id": 1.0, "messages": [HI]}], [9], {}, id="a float as id"),
    pytest.param([{"conversations": [HI, HELLO, BYE]}], [9, 22], {}, id="role and content"),
    pytest.param(
        [{"conversation_id": "a", "conversation": [HI, HELLO], "turn": 1, "language": "English"}],
        [9],
        {},
        id="conversation",
    ),
    pytest.param([[HI, HELLO, BYE], [HI]], [9, 22, 9], {}, id="a line is a list"),
    pytest.param([{"prompt": [HI], "completion": [HELLO]}], [9], {}, id="prompt"),
    pytest.param(
        f"{json.dumps({'messages': [HI]})}\n\ufeff{json.dumps({'messages': [BYE]})}",
        [9, 10],
        {},
        id="a mark at the second line",
    ),
]


def written(folder: Path, data: Any) -> Path:
    path = folder / "data.jsonl"
    path.write_text(data if isinstance(data, str) else "\n".join(map(json.dumps, data)))
    return path


@pytest.mark.parametrize(("data", "right", "options"), COUNTED)
@pytest.mark.filterwarnings("ignore::strategies.IslWarning")
def test_what_was_reported_is_counted_as_the_server_counts_it(
    tmp_path: Path, data: Any, right: list[int], options: dict[str, Any]
) -> None:
    conversations = read_conversations(written(tmp_path, data), **options)
    counts = reference_counts(conversations, real_chat("qwen3"))
    assert [isl for turns in counts for isl in turns] == right


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array([1, 2], pa.timestamp("ns")), id="nanoseconds"),
        pytest.param(
            pa.array([{"temperature": 0.7, "top_p": None}, {"temperature": 0.1, "top_p": 0.9}]),
            id="a null in a struct",
        ),
    ],
)
@pytest.mark.parametrize("name", ["created", "parameters", "metadata"])
def test_columns_that_are_not_read_refuse_nothing(
    tmp_path: Path, column: pa.Array, name: str
) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"messages": [[HI, HELLO, BYE]] * 2, name: column}), path)
    counts = reference_counts(read_conversations(path), real_chat("qwen3"))
    assert counts == [[9, 22], [9, 22]]


IMAGE = [{"role": "user", "content": "<image>What is it?"}, {"role": "assistant", "content": "A"}]
REFUSED = [
    pytest.param(
        [{"image": "a.jpg", "conversations": [{"from": "human", "value": "<image>\nWhat?"}]}],
        ":1: image: media cannot be counted",
        id="LLaVA",
    ),
    pytest.param(
        [{"messages": IMAGE, "images": ["a.jpg"]}], ":1: images: media cannot be", id="images"
    ),
    pytest.param(
        [{"messages": [{"role": "system", "content": "a", "tools": "[{}]"}, HI]}],
        ":1: messages[0].tools: tools belong to the record",
        id="tools in a system message",
    ),
    pytest.param(
        [
            {"conversation_id": "c", "turn": 1, **HI},
            {
                "conversation_id": "c",
                "turn": 2,
                "role": "assistant",
                "content": "x",
                "tool_calls": [CALL],
                "reasoning": "thought " * 30,
            },
        ],
        ":2: reasoning: is not sent to the server; rename it",
        id="reasoning in rows",
    ),
    pytest.param(
        [
            {
                "messages": [HI],
                "tool_choice": "none",
                "tools": [{"type": "function", "function": WEATHER}],
            }
        ],
        ":1: tool_choice: servers disagree",
        id="no tool",
    ),
    pytest.param(
        [
            {
                "conversation_id": 1,
                "meta_instruction": "x",
                "num_turns": 1,
                "chat": {"turn_1": {"Human": "hi"}},
            }
        ],
        ":1: turn: is missing (read as MLCommons endpoints)",
        id="another format",
    ),
]


@pytest.mark.parametrize(("data", "expected"), REFUSED)
def test_what_was_reported_and_cannot_be_counted_is_refused_by_its_name(
    tmp_path: Path, data: Any, expected: str
) -> None:
    path = written(tmp_path, data)
    with pytest.raises(InputError) as caught:
        read_conversations(path)
    assert str(caught.value).startswith(f"{path}{expected}")
