"""No field that changes a prompt is dropped silently: it is applied, or refused by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strategies import Conversation, InputError
from tests.datasets import read

HI = {"role": "user", "content": "Hi"}
SAID = {"from": "human", "value": "Hi"}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"name": "weather", "description": "of a city", "parameters": PARAMETERS}
TOOL = {"type": "function", "function": FUNCTION}
ANTHROPIC = {"name": "weather", "description": "of a city", "input_schema": PARAMETERS}
ROW = {"conversation_id": "c", "turn": 1, "role": "user", "content": "Hi"}


def both(**fields: Any) -> list[Any]:
    """The fields beside messages, and beside ShareGPT's conversations."""
    return [
        pytest.param({"messages": [HI], **fields}, id=f"OpenAI chat, {'+'.join(fields)}"),
        pytest.param({"conversations": [SAID], **fields}, id=f"ShareGPT, {'+'.join(fields)}"),
    ]


def read_one(folder: Path, record: dict[str, Any]) -> Conversation:
    (conversation,) = read(folder, [record])
    return conversation


@pytest.mark.parametrize("record", both(system="Be brief.") + both(system_prompt="Be brief."))
def test_a_system_prompt_beside_the_messages_is_the_first_message(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    conversation = read_one(tmp_path, record)
    assert conversation.messages == ({"role": "system", "content": "Be brief."}, HI)
    assert conversation.turns == (2,)


@pytest.mark.parametrize("record", both(system="a", system_prompt="b"))
def test_two_system_prompts_are_refused(tmp_path: Path, record: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="system_prompt: there is another system prompt"):
        read(tmp_path, [record])


@pytest.mark.parametrize(
    "record",
    [
        *both(tools=[TOOL]),
        *both(tools=[FUNCTION]),
        *both(tools=[{"type": "function", **FUNCTION}]),
        *both(tools=[ANTHROPIC]),
        *both(functions=[FUNCTION]),
    ],
)
def test_every_shape_of_tool_is_offered_as_servers_offer_it(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    assert read_one(tmp_path, record).tools == (TOOL,)


@pytest.mark.parametrize("record", both(tools=[TOOL], functions=[FUNCTION]))
def test_tools_and_functions_are_refused(tmp_path: Path, record: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="functions: stands beside tools"):
        read(tmp_path, [record])


def test_the_older_way_to_call_a_function_is_the_one_of_today(tmp_path: Path) -> None:
    call = {"name": "weather", "arguments": '{"city": "Oslo"}'}
    messages = [
        HI,
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "weather", "content": "rain"},
    ]
    conversation = read_one(tmp_path, {"messages": messages})
    called = {"name": "weather", "arguments": {"city": "Oslo"}}
    assert conversation.messages[1]["tool_calls"] == [{"type": "function", "function": called}]
    assert "function_call" not in conversation.messages[1]
    assert conversation.messages[2]["role"] == "tool"
    assert conversation.turns == (1, 3)


def test_an_empty_list_of_calls_is_no_call(tmp_path: Path) -> None:
    messages = [HI, {"role": "assistant", "content": "Hello", "tool_calls": []}, HI]
    conversation = read_one(tmp_path, {"messages": messages})
    assert conversation.messages[1] == {"role": "assistant", "content": "Hello"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image", "a.jpg"),
        ("images", ["a.jpg"]),
        ("audios", ["a.wav"]),
        ("videos", ["a.mp4"]),
        ("documents", ["a"]),
        ("chat_template_kwargs", [1]),
        ("continue_final_message", True),
        ("add_generation_prompt", False),
    ],
)
@pytest.mark.parametrize(
    "record",
    [{"messages": [HI]}, {"conversations": [SAID]}, ROW],
    ids=["OpenAI", "ShareGPT", "rows"],
)
def test_a_field_of_a_record_that_cannot_be_read_is_refused_by_its_name(
    tmp_path: Path, record: dict[str, Any], name: str, value: object
) -> None:
    with pytest.raises(InputError, match=rf"data\S*:1: {name}: "):
        read(tmp_path, [{**record, name: value}])


@pytest.mark.parametrize(
    ("name", "value"),
    [("images", ["a.jpg"]), ("prefix", True), ("partial", True), ("tools", "[{}]")],
)
def test_a_field_of_a_message_that_cannot_be_read_is_refused_by_its_name(
    tmp_path: Path, name: str, value: object
) -> None:
    for record, holder in (
        ({"messages": [{**HI, name: value}]}, "messages"),
        ({"conversations": [{**SAID, name: value}]}, "conversations"),
    ):
        with pytest.raises(InputError, match=rf"{holder}\[0\]\.{name}: "):
            read(tmp_path, [record])


@pytest.mark.parametrize("value", [None, False, [], {}, ""])
def test_a_field_that_says_nothing_refuses_nothing(tmp_path: Path, value: object) -> None:
    record = {"messages": [{**HI, "prefix": value}], "images": value, "system": value}
    assert read_one(tmp_path, record).turns == (1,)


def test_a_choice_of_no_tool_is_refused_only_beside_tools(tmp_path: Path) -> None:
    record = {"messages": [HI], "tool_choice": "none"}
    assert read_one(tmp_path, record).tools is None
    with pytest.raises(InputError, match="tool_choice: servers disagree"):
        read(tmp_path, [{**record, "tools": [TOOL]}])
    chosen = {**record, "tools": [TOOL], "tool_choice": "auto"}
    assert read_one(tmp_path, chosen).tools == (TOOL,)


def test_reasoning_that_a_client_does_not_send_is_refused(tmp_path: Path) -> None:
    rows = [ROW, {**ROW, "turn": 2, "role": "assistant", "reasoning": "hm"}]
    with pytest.raises(InputError, match="reasoning: is not sent to the server"):
        read(tmp_path, rows)
