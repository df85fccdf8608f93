"""No field that changes a prompt is dropped silently: it is applied, or refused by its name."""

from __future__ import annotations

import inspect
import json
import re
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase
from transformers.utils import chat_template_utils

from strategies import Conversation, Conversations, InputError, IslWarning, read_conversations
from strategies.conversations.fields import says_nothing
from strategies.conversations.known_fields import CALL, MESSAGE, PART, PROMPT_FIELDS, RECORD
from tests.datasets import in_files, read, values

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


# What can be applied is applied.


@pytest.mark.parametrize(
    ("fields", "kwargs"),
    [
        ({"chat_template_kwargs": {"enable_thinking": False}}, {"enable_thinking": False}),
        ({"chat_template_kwargs": '{"a": [1]}'}, {"a": [1]}),
        ({"chat_template_kwargs": {}}, None),
        ({"chat_template_kwargs": ""}, None),
        ({"documents": [{"text": "a"}]}, {"documents": [{"text": "a"}]}),
        ({"documents": '[{"text": "a"}]'}, {"documents": [{"text": "a"}]}),
        ({"documents": []}, None),
        ({"reasoning_effort": "low"}, {"reasoning_effort": "low", "enable_thinking": True}),
        ({"reasoning_effort": "none"}, {"reasoning_effort": "none", "enable_thinking": False}),
        ({"reasoning_effort": None}, None),
        (
            {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": False, "b": 1}},
            {"enable_thinking": False, "b": 1, "reasoning_effort": "low"},
        ),
        (
            {"reasoning_effort": "low", "chat_template_kwargs": {"reasoning_effort": "high"}},
            {"reasoning_effort": "low", "enable_thinking": True},
        ),
    ],
)
@pytest.mark.parametrize(
    "record",
    [{"messages": [HI]}, {"conversations": [SAID]}, ROW],
    ids=["OpenAI", "ShareGPT", "rows"],
)
def test_variables_of_a_record_reach_its_template(
    tmp_path: Path, record: dict[str, Any], fields: dict[str, Any], kwargs: Any
) -> None:
    assert read_one(tmp_path, {**record, **fields}).template_kwargs == kwargs


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"chat_template_kwargs": "{"}, "chat_template_kwargs: not JSON"),
        ({"chat_template_kwargs": {"tools": []}}, "chat_template_kwargs.tools: is no variable"),
        ({"chat_template_kwargs": {"a": "\ud800"}}, "chat_template_kwargs.a: lone surrogate"),
        ({"documents": {"text": "a"}}, "documents: must be an array of objects"),
        ({"reasoning_effort": 5}, "reasoning_effort: must be a string"),
    ],
)
def test_variables_that_no_template_can_get_are_refused(
    tmp_path: Path, fields: dict[str, Any], place: str
) -> None:
    with pytest.raises(InputError, match=rf":1: {place}"):
        read(tmp_path, [{"messages": [HI], **fields}])


def test_variables_must_agree_over_the_rows_of_a_conversation(tmp_path: Path) -> None:
    answer = {"conversation_id": "c", "turn": 2, "role": "assistant", "content": "a"}
    kwargs = {"chat_template_kwargs": {"a": 1}}
    again = {**ROW, "turn": 3}
    assert read(tmp_path, [{**ROW, **kwargs}, answer, {**again, **kwargs}])[0].turns == (1, 3)
    assert read(tmp_path, [{**ROW, **kwargs}, answer, again])[0].template_kwargs == {"a": 1}
    for first, later in (
        (ROW, {**again, **kwargs}),
        ({**ROW, **kwargs}, {**again, "documents": [{}]}),
    ):
        with pytest.raises(InputError, match=":3: chat_template_kwargs: differs from line 1"):
            read(tmp_path, [first, answer, later])


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": None}, None),
        ({"response_format": {"type": "json_object"}}, "response_format: a template may"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format: a te"),
        ({"tool_choice": "required", "tools": [TOOL]}, None),
        ({"tool_choice": {"type": "function"}, "tools": [TOOL]}, None),
        ({"tool_choice": {"type": "function"}, "tools": [TOOL, TOOL]}, "tool_choice: servers dis"),
        ({"tool_choice": "none", "tools": "[]"}, None),
        ({"function_call": "none", "functions": [FUNCTION]}, "function_call: servers disagree"),
        ({"add_special_tokens": True}, "add_special_tokens: changes the tokens"),
        ({"truncate_prompt_tokens": 5}, "truncate_prompt_tokens: changes the tokens"),
        ({"prompt": "Hi"}, None),
        ({"prompt": "Ho"}, "prompt: is no copy of a message"),
    ],
)
def test_what_a_request_asks_is_harmless_only_if_servers_agree(
    tmp_path: Path, fields: dict[str, Any], refused: str | None
) -> None:
    record = {"messages": [HI], **fields}
    if refused is None:
        assert read_one(tmp_path, record).turns == (1,)
    else:
        with pytest.raises(InputError, match=rf":1: {refused}"):
            read(tmp_path, [record])


def test_parts_and_calls_are_checked_field_by_field(tmp_path: Path) -> None:
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": {}}}
    messages = [{"role": "user", "content": [part]}, {"role": "assistant", "tool_calls": [call]}]
    conversation = read_one(tmp_path, {"messages": messages})
    assert conversation.messages[0]["content"] == [{"type": "text", "text": "a"}]
    assert "index" not in conversation.messages[1]["tool_calls"][0]
    for message, place in (
        ({"role": "user", "content": [{**part, "image_url": "x"}]}, "content[0].image_url: media"),
        ({"role": "user", "content": [{**part, "colour": "x"}]}, "content[0].colour: is not known"),
        ({"role": "assistant", "tool_calls": [{**call, "why": 1}]}, "tool_calls[0].why: is not"),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "why": 1}}]},
            "tool_calls[0].function.why: is not known",
        ),
        ({"role": "assistant", "refusal": "No."}, "refusal: servers disagree"),
        ({"role": "user", "content": "a", "type": "image"}, "type: only items of type 'message'"),
        ({"role": "assistant", "reasoning_details": [{}]}, "reasoning_details: may be reasoning"),
    ):
        with pytest.raises(InputError) as caught:
            read(tmp_path, [{"messages": [HI]}, {"messages": [HI, message]}])
        assert f":2: messages[1].{place}" in str(caught.value)


# What nobody knows is refused, or left out and told.


def test_a_field_that_nobody_knows_is_left_out_only_if_it_is_asked_for(tmp_path: Path) -> None:
    record = {"messages": [{**HI, "mood": 1}, {**HI, "mood": 2}], "colour": "red", "shape": None}
    with pytest.raises(InputError, match=r":1: messages\[0\].mood: is not known.*--unknown-fields"):
        read(tmp_path, [record])
    with pytest.warns(IslWarning) as caught:
        conversations = read(tmp_path, [record, record], unknown_fields="ignore")
    told = "fields were left out: colour (2 records), messages[].mood (2 records)"
    assert [str(each.message) for each in caught] == [told]
    assert all(c.messages == (HI, HI) for c in conversations)


def test_what_is_refused_by_its_name_is_never_ignored(tmp_path: Path) -> None:
    for name in ("images", "instructions", "available_tools", "thinking", "context"):
        with pytest.raises(InputError, match=f":1: {name}: "):
            read(tmp_path, [{"messages": [HI], name: ["a"]}], unknown_fields="ignore")


def test_another_copy_of_the_conversation_is_told(tmp_path: Path) -> None:
    record = {"messages": [HI], "conversations": [SAID], "conversation": "Hi"}
    with pytest.warns(IslWarning, match=r"left out: conversation \(1 record\), conversations \(1"):
        assert read_one(tmp_path, record).messages == (HI,)


@pytest.mark.parametrize("option", ["unknown_fields", "on_error", "records"])
def test_an_option_that_does_not_exist_is_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(InputError, match=f"^{option}: must be '.*' or '.*', got 'some'"):
        read(tmp_path, [{"messages": [HI]}], **{option: "some"})


# Parquet: only what is needed becomes Python values.

NOT_UTF8 = pa.StringArray.from_buffers(
    1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")
)


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(NOT_UTF8, id="not UTF-8"),
        pytest.param(pa.array([1], pa.timestamp("ns")), id="nanoseconds"),
        pytest.param(pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64())), id="map"),
        pytest.param(pa.array([{"parameters": {"a": None}}]), id="a null in a struct"),
    ],
)
def test_values_of_columns_that_are_not_read_are_not_converted(
    tmp_path: Path, column: pa.Array
) -> None:
    path = tmp_path / "data.parquet"
    messages = pa.array([[HI]])
    pq.write_table(pa.table({"messages": messages, "metadata": column}), path)
    assert read_conversations(path)[0].messages == (HI,)
    pq.write_table(pa.table({"messages": messages, "mood": column}), path)
    with pytest.raises(InputError, match=":1: mood: is not known"):
        read_conversations(path)
    with pytest.warns(IslWarning, match=r"left out: mood \(1 record\)"):
        assert read_conversations(path, unknown_fields="ignore")[0].messages == (HI,)
    pq.write_table(pa.table({"messages": messages, "system": column}), path)
    with pytest.raises(InputError, match=":1: system"):
        read_conversations(path)


def test_a_column_that_is_not_read_may_appear_twice(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    columns = [pa.array([[HI]]), pa.array([1]), pa.array([2])]
    pq.write_table(pa.Table.from_arrays(columns, ["messages", "score", "score"]), path)
    assert read_conversations(path)[0].messages == (HI,)
    pq.write_table(pa.Table.from_arrays(columns, ["messages", "mood", "mood"]), path)
    with pytest.raises(InputError, match="mood: column appears twice"):
        read_conversations(path)


@pytest.mark.parametrize("values", [[None], [""], [[]]], ids=["null", "empty text", "empty list"])
def test_an_unknown_column_without_values_refuses_nothing(tmp_path: Path, values: Any) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"messages": pa.array([[HI]]), "mood": pa.array(values)}), path)
    assert read_conversations(path)[0].messages == (HI,)


def test_fields_of_messages_that_are_not_read_are_not_converted(tmp_path: Path) -> None:
    kind = pa.list_(
        pa.struct(
            [
                *((name, pa.string()) for name in ("role", "content")),
                ("timestamp", pa.timestamp("ns")),
                ("metadata", pa.struct([("parameters", pa.struct([("a", pa.int64())]))])),
            ]
        )
    )
    message = {**HI, "timestamp": 1, "metadata": {"parameters": {"a": None}}}
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"conversation": pa.array([[message]], kind)}), path)
    assert read_conversations(path)[0].messages == (HI,)


# No field of a real dataset is dropped silently.


def words(text: str) -> list[str]:
    return text.split()


REAL_FIELDS = words("""
    id conversation_id model messages conversation turn language openai_moderation redacted
    timestamp toxic state country hashed_ip header prompt prompt_id source score_chosen
    score_rejected chosen rejected system system_prompt tools functions instruction input output
    category subset split images image videos audio documents metadata num_turns num_tokens
    chat_template_kwargs reasoning_effort tool_choice parallel_tool_calls response_format user
    temperature top_p max_tokens stop seed stream n logprobs extra_body add_generation_prompt
    continue_final_message reasoning thinking enable_thinking chat_template available_tools
    task_category intent knowledge difficulty quality reward_model llama_guard instruct_reward
    conversations dataset lang message_tree_id emoji rank labels detoxify review_count persona
    topic dialog_acts original_question answer context title url text persona_description
""")
MESSAGE_FIELDS = words("""
    name tool_calls tool_call_id function_call reasoning_content reasoning thinking prefix partial
    id timestamp weight loss train images audio tools refusal annotations finish_reason usage
    turn_identifier toxic redacted language country state header hashed_ip emotion
    reasoning_details citations metadata channel recipient end_turn model index score
""")


def read_or_error(
    folder: Path, record: dict[str, Any], *, ignore: bool
) -> tuple[Conversations | None, InputError | None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IslWarning)
        try:
            return read(folder, [record], unknown_fields="ignore" if ignore else "refuse"), None
        except InputError as error:
            return None, error


def field_values(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), values, max_size=4)


@in_files
@given(
    fields=field_values(REAL_FIELDS),
    in_message=field_values(MESSAGE_FIELDS),
    ignore=st.booleans(),
)
def test_no_field_of_a_real_record_is_dropped_silently(
    tmp_path: Path, fields: dict[str, Any], in_message: dict[str, Any], ignore: bool
) -> None:
    record = {**fields, "messages": [HI, {"role": "assistant", "content": "a", **in_message}, HI]}
    got, error = read_or_error(tmp_path, record, ignore=ignore)
    if got is None:
        # The line names the field.
        assert error is not None
        assert error.field is not None
        return
    told = " ".join(got.warnings)
    read_or_told = json.dumps([got[0].id, got[0].messages, got[0].tools, got[0].template_kwargs])
    for name, value in fields.items():
        silent = name in RECORD.harmless or says_nothing(value) or value is False
        silent |= name == "add_generation_prompt" and value is not False
        silent |= name in {"tool_choice", "prompt"} or name == "response_format"
        if not silent and name != "messages":
            shown = json.dumps(value) in read_or_told or name in {"id", "reasoning_effort"}
            assert shown or f" {name} (" in told or name == "continue_final_message", name
    for name, value in in_message.items():
        if name not in MESSAGE.harmless and not says_nothing(value) and value is not False:
            known = name in got[0].messages[1] or name in {"function_call", "prefix", "partial"}
            assert known or f"messages[].{name} (" in told, name


def test_the_page_of_formats_lists_every_field_that_is_known() -> None:
    page = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    listed = [
        frozenset(block.split()) for block in re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    ]
    assert listed == [known.harmless for known in (RECORD, MESSAGE, PART, CALL)]
    for known in (RECORD, MESSAGE):
        rows = {
            name: row.split(" | ")[0].removeprefix("| ")
            for row in page.splitlines()
            if (reason := row.split(" | ")[0].removeprefix("| ")) in known.refused.values()
            for name in re.findall(r"`(\w+)`", row)
            if known.refused.get(name) == reason
        }
        assert rows == known.refused


def test_no_field_is_known_twice() -> None:
    for known in (RECORD, MESSAGE, PART, CALL):
        assert not known.harmless & known.refused.keys()
    assert not (RECORD.harmless | RECORD.refused.keys()) & PROMPT_FIELDS


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            name
            for function in (
                PreTrainedTokenizerBase.apply_chat_template,
                chat_template_utils.render_jinja_template,
            )
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind is not parameter.VAR_KEYWORD
        }
        - {"self", "documents"}
    ),
)
def test_an_argument_of_the_rendering_call_is_no_kwarg_of_a_record(
    tmp_path: Path, name: str
) -> None:
    # The reader has a list of its own, because it does not import transformers.
    record = {"messages": [HI], "chat_template_kwargs": {name: 1}}
    with pytest.raises(InputError, match=f"chat_template_kwargs.{name}: is no variable"):
        read(tmp_path, [record])
