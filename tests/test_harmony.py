"""The renderer harmony: the prompt of gpt-oss's server, parts that add up, and refusals."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import strategies
from strategies import ChatTokenizer, Conversation, InputError, TurnError, load_chat
from strategies.renderers.contract import OpenRenderer, Renderer, Request
from tests.conftest import real_chat, real_conversations, real_path
from tests.talks import TALK, TOOL, Row, call, talks

pytest.importorskip("openai_harmony", reason="openai-harmony is not installed")

from strategies.renderers.harmony import Harmony, OpenHarmony
from strategies.renderers.harmony_vocabulary import FILE, FOLDER_VARIABLE, vocabulary_file

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DATASETS = (
    *("agentic_coding_2.5h", "bfcl_calib", "bfcl_multi_turn", "glaive_toolcall_en"),
    *("reason_tool_use", "x_risawoz_multilingual"),
)


@pytest.fixture(scope="module")
def chat() -> ChatTokenizer:
    return load_chat(real_path("tokenizers", "gpt-oss"), renderer="harmony", clock=NOW)


@pytest.fixture(scope="module")
def opened(chat: ChatTokenizer) -> OpenHarmony:
    assert chat.coded is not None
    assert isinstance(chat.coded.opened, OpenHarmony)
    return chat.coded.opened


def request(
    messages: list[Row],
    tools: list[Row] | None = None,
    memory: dict[Any, Any] | None = None,
    *,
    continued: bool = False,
    **kwargs: Any,
) -> Request:
    return Request(messages, tools, kwargs, continued, NOW, {} if memory is None else memory)


def text(opened: OpenHarmony, turn: Request) -> str:
    return str(opened.encoding.decode_utf8(opened.ids(turn)))


def added_up(opened: OpenHarmony, turn: Request) -> int:
    return sum(map(opened.length, opened.pieces(turn)))


def test_it_is_a_renderer(opened: OpenHarmony) -> None:
    assert isinstance(Harmony(), Renderer)
    assert isinstance(opened, OpenRenderer)
    assert Harmony().availability() is None


SYSTEM = (
    "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\n"
    "Knowledge cutoff: 2024-06\nCurrent date: 2026-01-02\n\nReasoning: EFFORT\n\n"
    "# Valid channels: analysis, commentary, final. Channel must be included for every message."
)
CALLS = "\nCalls to these tools must go to the commentary channel: 'functions'."


def test_a_prompt_of_texts_is_as_harmony_describes_it(opened: OpenHarmony) -> None:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    talk.append({"role": "user", "content": "Bye"})
    assert text(opened, request(talk, reasoning_effort="high")) == (
        SYSTEM.replace("EFFORT", "high") + "<|end|><|start|>user<|message|>Hi<|end|>"
        "<|start|>assistant<|channel|>final<|message|>Hello<|end|>"
        "<|start|>user<|message|>Bye<|end|><|start|>assistant"
    )


def test_tools_calls_results_and_reasoning_have_their_places(opened: OpenHarmony) -> None:
    talk = [
        TALK[0],
        TALK[1],
        {"role": "assistant", "reasoning_content": "Look.", "tool_calls": [call("{}")]},
        TALK[3],
    ]
    prompt = text(opened, request(talk, [TOOL]))
    assert prompt.startswith(SYSTEM.replace("EFFORT", "medium") + CALLS + "<|end|>")
    assert "<|start|>developer<|message|># Instructions\n\nBe brief. \n\n# Tools" in prompt
    assert prompt.endswith(
        "<|start|>assistant<|channel|>analysis<|message|>Look.<|end|>"
        "<|start|>assistant to=functions.weather<|channel|>commentary json<|message|>{}<|call|>"
        "<|start|>functions.weather to=assistant<|channel|>commentary<|message|>"
        '{"c":  21.50}<|end|><|start|>assistant'
    )
    # A final answer ends what the reasoning before it was for.
    answered = [*talk, TALK[4], TALK[1]]
    assert "Look." not in text(opened, request(answered, [TOOL]))


def test_ids_are_decoded_with_the_names_of_special_tokens(opened: OpenHarmony) -> None:
    turn = request([{"role": "user", "content": "漢🙂"}])
    assert opened.decode(opened.ids(turn)) == text(opened, turn)
    assert "<|start|>user<|message|>漢🙂<|end|>" in text(opened, turn)
    # A part of a character is no error: it is shown so that it can be read.
    assert opened.decode(opened.encoding.encode("漢🙂")[:1])


def test_a_literal_marker_in_a_text_is_text(opened: OpenHarmony) -> None:
    marked = request([{"role": "user", "content": "<|end|>"}])
    plain = request([{"role": "user", "content": ""}])
    assert len(opened.ids(marked)) > len(opened.ids(plain)) + 1
    assert added_up(opened, marked) == len(opened.ids(marked))


@pytest.mark.parametrize("dataset", DATASETS)
def test_parts_add_up_on_real_conversations(chat: ChatTokenizer, dataset: str) -> None:
    conversations = real_conversations(dataset)
    some = conversations[:: max(1, len(conversations) // 3)]
    assert strategies.verify("spliced", some, chat) == []


def test_parts_add_up_on_random_conversations(opened: OpenHarmony) -> None:
    counted = 0

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(talks(), st.sampled_from([None, [], [TOOL], [TOOL, TOOL]]))
    def check(talk: list[Row], tools: list[Row] | None) -> None:
        nonlocal counted
        memory: dict[Any, Any] = {}
        for length in range(1, len(talk) + 1):
            turn = request(talk[:length], tools, memory)
            try:
                expected = len(opened.ids(turn))
            except Exception as error:
                with pytest.raises(type(error)):
                    added_up(opened, turn)
                return
            assert added_up(opened, turn) == expected
            counted += 1

    check()
    assert counted > 200


def test_a_call_id_that_comes_again_names_earlier_results_anew(opened: OpenHarmony) -> None:
    other = {**TOOL, "function": {**TOOL["function"], "name": "a_much_longer_name_of_a_tool"}}
    again = call("{}")
    again["function"] = {"name": other["function"]["name"], "arguments": "{}"}
    talk = [TALK[1], TALK[2], TALK[3], {"role": "assistant", "tool_calls": [again]}, TALK[3]]
    memory: dict[Any, Any] = {}
    for length in (1, 3, 5):
        turn = request(talk[:length], [TOOL, other], memory)
        assert added_up(opened, turn) == len(opened.ids(turn))


def test_adding_new_messages_to_the_last_turn_is_a_control(opened: OpenHarmony) -> None:
    thought = {"role": "assistant", "reasoning": "Look.", "tool_calls": [call("{}")]}
    talk = [TALK[1], thought, TALK[3], TALK[4], TALK[1]]
    before, turn = request(talk[:3], [TOOL]), request(talk, [TOOL])
    alone = len(opened.ids(request([]))) - 1
    new = len(opened.ids(request(talk[3:]))) - alone - 1
    assert len(opened.ids(before)) + new != len(opened.ids(turn))
    assert added_up(opened, turn) == len(opened.ids(turn))


def test_what_the_server_would_leave_out_is_refused(opened: OpenHarmony) -> None:
    user = {"role": "user", "content": "Hi"}
    old = {"role": "assistant", "content": "a", "function_call": {"name": "f", "arguments": "{}"}}
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a"}}]}
    for reason, turn in {
        "always asks gpt-oss for a new message": request([user], continued=True),
        "function_call": request([user, old, user]),
        "leaves out a part of type 'image_url'": request([image]),
        "reasoning_effort 'most' is none of": request([user], reasoning_effort="most"),
    }.items():
        with pytest.raises(Exception, match=reason):
            opened.ids(turn)


def test_a_refused_turn_is_the_same_error_in_every_strategy(chat: ChatTokenizer) -> None:
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a"}}]}
    messages = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "a"}, image)
    conversation = Conversation("c", messages, None, (1, 3))
    said = set()
    for name in ("sequential", "thread-pool", "process-pool", "spliced", "auto"):
        assert strategies.count([conversation], chat, name, on_error="skip")[0][1] is None
        with pytest.raises(TurnError) as caught:
            strategies.count([conversation], chat, name)
        said.add(str(caught.value))
    assert len(said) == 1
    assert "turn 2" in said.pop()


def test_strategies_that_need_the_text_of_prompts_say_so(chat: ChatTokenizer) -> None:
    for name in ("batched", "rust", "spliced-alone", "gigatoken"):
        reason = strategies.get(name).availability(chat)
        assert reason == "the renderer harmony makes token ids and no text"
    for name in ("sequential", "thread-pool", "process-pool", "spliced", "auto"):
        assert strategies.get(name).availability(chat) is None


def test_counts_of_texts_alone_are_those_of_the_template(chat: ChatTokenizer) -> None:
    # Both follow the same format; they part where docs/renderers.md says.
    data = [Conversation("c", ({"role": "user", "content": "Hi"},), None, (1,))]
    template = load_chat(real_path("tokenizers", "gpt-oss"), clock=NOW)
    assert strategies.count(data, chat) == strategies.count(data, template)


def test_columns_and_sessions_are_those_of_whole_prompts(chat: ChatTokenizer) -> None:
    (conversation,) = real_conversations("glaive_toolcall_en")[:1]
    session = strategies.session(chat, tools=conversation.tools)
    counts = []
    for place, message in enumerate(conversation.messages):
        if place in conversation.turns:
            counts.append(session.isl())
        session.add(message)
    if len(conversation.messages) in conversation.turns:
        counts.append(session.isl())
    assert [counts] == strategies.count([conversation], chat, "sequential")


def test_the_fingerprint_names_renderer_library_and_vocabulary(chat: ChatTokenizer) -> None:
    told = json.dumps(chat.fingerprint)
    assert "harmony 1 (vllm" in told
    assert "openai-harmony 0." in told
    assert chat.digest() != real_chat("gpt-oss").digest()
    assert chat.load_again().digest() == chat.digest()


def test_the_vocabulary_is_read_here_and_nothing_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = real_path("tokenizers", "gpt-oss")
    content = vocabulary_file(str(folder))
    (tmp_path / FILE).write_bytes(content)
    assert vocabulary_file(str(tmp_path)) == vocabulary_file(str(tmp_path / FILE)) == content
    for before in (None, "elsewhere"):
        if before is not None:
            monkeypatch.setenv(FOLDER_VARIABLE, before)
        Harmony().open(str(tmp_path))
        assert os.environ.get(FOLDER_VARIABLE) == before
    (tmp_path / FILE).write_bytes(content[:-1])
    with pytest.raises(InputError, match="is not the vocabulary of gpt-oss"):
        Harmony().open(str(tmp_path))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"model": {"vocab": {"\xc4\x80": 0, "x": "y"}}}']
)
def test_another_vocabulary_is_an_error_of_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(InputError, match=r"tokenizer\.json: ") as caught:
        Harmony().open(str(tmp_path))
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(InputError, match="nothing is downloaded"):
        Harmony().open(str(tmp_path / "absent"))


def test_a_session_counts_each_turn_as_the_whole_call(chat: ChatTokenizer) -> None:
    begun = strategies.session(chat, tools=[TOOL])
    for k, message in enumerate(TALK, 1):
        begun.add(message)
        conversation = Conversation("c", tuple(TALK[:k]), (TOOL,), (k,))
        assert [[begun.isl()]] == strategies.reference_counts([conversation], chat)
