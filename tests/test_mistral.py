"""The renderer mistral-common: ids are the library's, parts add up, refusals are told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strategies import (
    ChatTokenizer,
    Conversation,
    InputError,
    Session,
    load_chat,
    reference_counts,
    session,
)
from strategies.renderers.contract import OpenRenderer, Renderer, Request
from strategies.renderers.mistral import MistralCommon, OpenMistral
from tests.conftest import real_conversations
from tests.talks import TALK, TOOL, Row, call, talks

pytest.importorskip("mistral_common", reason="mistral-common is not installed")

from tests import mistral_vocabularies

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = (*mistral_vocabularies.SHIPPED, *mistral_vocabularies.DERIVED)
DATASETS = (
    "agentic_coding_2.5h",
    "bfcl_calib",
    "bfcl_multi_turn",
    "glaive_toolcall_en",
    "reason_tool_use",
    "x_risawoz_multilingual",
)


def request(
    messages: list[Row] | tuple[Row, ...],
    tools: list[Row] | None = None,
    memory: dict[Any, Any] | None = None,
    *,
    continued: bool = False,
    **kwargs: Any,
) -> Request:
    return Request(messages, tools, kwargs, continued, NOW, {} if memory is None else memory)


@pytest.fixture(scope="session")
def vocabularies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mistral_vocabularies")


@pytest.fixture(scope="session")
def opened(vocabularies: Path) -> Callable[[str], OpenMistral]:
    return partial(mistral_vocabularies.opened, folder=vocabularies)


def outcome(count: Callable[[], int]) -> int | str:
    """Return a count, or the error in words: what it is, and what it says."""
    try:
        return count()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def whole(renderer: OpenMistral, turn: Request) -> int | str:
    return outcome(lambda: len(renderer.ids(turn)))


def added_up(renderer: OpenMistral, turn: Request) -> int | str:
    pieces = outcome(lambda: sum(map(renderer.length, renderer.pieces(turn) or ())))
    # An error is counted whole, so that its text is the reference's. One is enough.
    return whole(renderer, turn) if isinstance(pieces, str) else pieces


def turns(conversation: Conversation) -> Iterator[Request]:
    """Yield the requests of a conversation, with one memory."""
    memory: dict[Any, Any] = {}
    for length in conversation.turns:
        yield Request(
            conversation.messages[:length],
            conversation.tools,
            conversation.template_kwargs or {},
            length in conversation.continued,
            NOW,
            memory,
        )


def test_it_is_a_renderer(opened: Callable[[str], OpenMistral]) -> None:
    assert isinstance(MistralCommon(), Renderer)
    assert isinstance(opened("v3"), OpenRenderer)
    assert MistralCommon().availability() is None


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_those_of_the_call_that_vllm_makes(
    name: str, vocabularies: Path, opened: Callable[[str], OpenMistral]
) -> None:
    from transformers.tokenization_mistral_common import MistralCommonBackend

    backend: Any = MistralCommonBackend(mistral_vocabularies.path_of(name, vocabularies))
    theirs = partial(backend.apply_chat_template, return_dict=False)
    talk, tools = ([TALK[1], TALK[4], TALK[5]], None) if name == "v1" else (TALK, [TOOL])
    for length in (1, 3) if name == "v1" else (2, 4, 6):
        ids = opened(name).ids(request(talk[:length], tools))
        assert ids == theirs(talk[:length], tools=tools)
    open_talk = [*talk, {"role": "assistant", "content": "It is "}]
    ids = opened(name).ids(request(open_talk, tools, continued=True))
    assert ids == theirs(open_talk, tools=tools, continue_final_message=True)
    assert outcome(lambda: len(opened(name).ids(request(open_talk, tools)))) == outcome(
        lambda: len(theirs(open_talk, tools=tools))
    )


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_decoded_with_the_names_of_special_tokens(
    name: str, opened: Callable[[str], OpenMistral]
) -> None:
    text = "One  é\n漢🙂"
    ids = opened(name).ids(request([{"role": "user", "content": text}]))
    around = (" [INST] ", " [/INST]") if name == "v1" else ("[INST]", "[/INST]")
    decoded = opened(name).decode(ids)
    assert decoded.startswith("<s>")
    assert decoded.endswith(text.join(around).lstrip())
    with pytest.raises((LookupError, OverflowError, TypeError)):
        opened(name).decode([2**31 - 1])


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("name", NAMES)
def test_parts_add_up_on_real_conversations(
    name: str, dataset: str, opened: Callable[[str], OpenMistral]
) -> None:
    conversations = real_conversations(dataset)
    for conversation in conversations[:: len(conversations) // 2]:
        for turn in list(turns(conversation))[:5]:
            assert added_up(opened(name), turn) == whole(opened(name), turn)


@pytest.mark.matrix
@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("name", NAMES)
def test_parts_add_up_on_every_real_turn(
    name: str, dataset: str, opened: Callable[[str], OpenMistral]
) -> None:
    for conversation in real_conversations(dataset):
        for turn in turns(conversation):
            assert added_up(opened(name), turn) == whole(opened(name), turn)


@pytest.mark.parametrize("name", NAMES)
def test_parts_add_up_on_random_conversations(
    name: str, opened: Callable[[str], OpenMistral]
) -> None:
    renderer = opened(name)
    counted = 0

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(talks(), st.sampled_from([None, [], [TOOL], [TOOL, TOOL]]), st.booleans())
    def check(talk: list[Row], tools: list[Row] | None, continued: bool) -> None:
        nonlocal counted
        memory: dict[Any, Any] = {}
        for length in range(1, len(talk) + 1):
            last = continued and talk[length - 1]["role"] == "assistant"
            turn = request(talk[:length], tools, memory, continued=last)
            expected = whole(renderer, turn)
            assert added_up(renderer, turn) == expected
            counted += isinstance(expected, int)

    check()
    assert counted > 20


@pytest.mark.parametrize(("name", "wrong"), [("v2", True), ("v3", True), ("v7", False)])
def test_adding_new_messages_to_the_last_turn_is_a_control(
    name: str, wrong: bool, opened: Callable[[str], OpenMistral]
) -> None:
    """The system prompt moves to the last user message, and version 2 drops old calls."""
    renderer = opened(name)
    answer = renderer.length("It is 21.5 degrees.") + 1
    question = 1 + renderer.length("And\n\n[INST]") + 1
    grown = len(renderer.ids(request(TALK[:4], [TOOL]))) + answer + question
    turn = request(TALK, [TOOL])
    assert (grown != whole(renderer, turn)) == wrong
    assert added_up(renderer, turn) == whole(renderer, turn)


@pytest.mark.parametrize("name", ["v1", "v3"])
def test_counting_texts_as_the_messages_have_them_is_a_control(
    name: str, opened: Callable[[str], OpenMistral]
) -> None:
    """Version 1 encodes brackets with the text; both, the system prompt with the message."""
    renderer = opened(name)
    turn = request([{"role": "system", "content": "Be brief."}, {"role": "user", "content": " Hi"}])
    special, *joined = renderer.pieces(turn) or ()
    frame = ["[INST] ", " [/INST]"] if name == "v1" else []
    texts = [*frame, *(message["content"] for message in turn.messages)]
    assert len(joined) == 1
    assert renderer.length(special) + renderer.length(joined[0]) == whole(renderer, turn)
    assert renderer.length(special) + sum(map(renderer.length, texts)) != whole(renderer, turn)


def test_a_version_that_nobody_read_gives_no_parts(vocabularies: Path) -> None:
    from strategies.renderers.mistral_vocabulary import read_vocabulary

    vocabulary = read_vocabulary(str(mistral_vocabularies.path_of("v3", vocabularies)))
    assert OpenMistral(vocabulary, proven=False).pieces(request(TALK[:2])) is None


def test_ids_of_calls_lose_their_beginning(opened: Callable[[str], OpenMistral]) -> None:
    long = [
        {**message, "tool_calls": [call(identity="chatcmpl-tool-abc123DEF")]}
        if message.get("tool_calls")
        else message
        for message in TALK[:4]
    ]
    long[3] = {**long[3], "tool_call_id": "chatcmpl-tool-abc123DEF"}
    sent = json.dumps(long)
    assert opened("v3").ids(request(long)) == opened("v3").ids(request(TALK[:4]))
    assert json.dumps(long) == sent
    short = [*TALK[:2], {"role": "assistant", "content": None, "tool_calls": [call(identity="c1")]}]
    short += [{"role": "tool", "tool_call_id": "c1", "content": "1"}]
    assert "with a length of 9" in str(whole(opened("v3"), request(short)))
    assert isinstance(whole(opened("v13-tekken"), request(short)), int)


@pytest.mark.parametrize("name", ["v3", "v13-tekken"])
def test_arguments_that_are_no_object_are_an_empty_one(
    name: str, opened: Callable[[str], OpenMistral]
) -> None:
    def ids(arguments: Any) -> list[int]:
        talk = [TALK[1], {**TALK[2], "tool_calls": [call(arguments)]}, TALK[3]]
        return opened(name).ids(request(talk))

    for arguments in ("no JSON", "[1, 2]", "", "null", None, [1, 2]):
        assert ids(arguments) == ids({})
    assert ids('{"b":  "é"}') == ids({"b": "é"}) != ids({})


def test_reasoning_is_a_part_of_version_13_and_refused_before(
    opened: Callable[[str], OpenMistral],
) -> None:
    def talk(**reasoning: str) -> list[Row]:
        return [TALK[1], {"role": "assistant", "content": "Yes", **reasoning}, TALK[1]]

    plain = whole(opened("v13-tekken"), request(talk()))
    written = whole(opened("v13-tekken"), request(talk(reasoning="Hm")))
    assert isinstance(plain, int)
    assert written == plain + 2 + opened("v13-tekken").length("Hm")
    assert written == whole(opened("v13-tekken"), request(talk(reasoning_content="Hm")))
    # The server takes the newer name if there are both.
    both = talk(reasoning="Hm", reasoning_content="Something else")
    assert written == whole(opened("v13-tekken"), request(both))
    assert "ThinkChunk" in str(whole(opened("v7"), request(talk(reasoning="Hm"))))


def test_settings_are_told_from_version_15(opened: Callable[[str], OpenMistral]) -> None:
    talk = [TALK[1]]
    told = whole(opened("v15-tekken"), request(talk, reasoning_effort="high"))
    assert told != whole(opened("v13-tekken"), request(talk, reasoning_effort="high"))
    text = '{"reasoning_effort": "high"}'
    assert text in (opened("v15-tekken").pieces(request(talk, reasoning_effort="high")) or ())
    assert "should be one of" in str(
        whole(opened("v15-tekken"), request(talk, reasoning_effort="low"))
    )
    assert whole(opened("v3"), request(talk)) == whole(
        opened("v3"), request(talk, reasoning_effort="high")
    )


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, "not counted"),
        ({"type": "image", "image": "a.png"}, "not counted"),
        ({"type": "input_audio", "input_audio": {"data": "a"}}, "not counted"),
        ({"type": "audio_url", "audio_url": "/etc/hostname"}, "not counted"),
        ({"type": "input_text", "text": "a"}, "not a valid ChunkTypes"),
        ({"text": "a"}, "must have a type"),
        ("a", "must be an object"),
    ],
)
def test_parts_of_messages_that_are_refused(
    part: Any, reason: str, opened: Callable[[str], OpenMistral]
) -> None:
    turn = request([{"role": "user", "content": [part]}])
    assert reason in str(whole(opened("v7"), turn))
    assert whole(opened("v7"), turn) == added_up(opened("v7"), turn)


def test_a_call_that_would_vanish_is_refused(opened: Callable[[str], OpenMistral]) -> None:
    old = {"role": "assistant", "content": "a", "function_call": {"name": "f", "arguments": "{}"}}
    assert "function_call" in str(whole(opened("v7"), request([TALK[1], old, TALK[1]])))


def test_a_folder_is_read_as_mistral_common_reads_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder or file; mistral-common reads"):
        MistralCommon().open(str(tmp_path / "absent"))
    with pytest.raises(InputError, match="holds no vocabulary; mistral-common reads"):
        MistralCommon().open(str(tmp_path))
    shutil.copy(mistral_vocabularies.shipped("v3"), tmp_path / "tokenizer.model")
    bare = MistralCommon().open(str(tmp_path))
    assert ", v1, " in bare.identity
    assert "tells no version" in bare.warnings[0]
    shutil.copy(mistral_vocabularies.shipped("v3"), tmp_path / "tokenizer.model.v3")
    named = MistralCommon().open(str(tmp_path))
    assert ", v3, " in named.identity
    assert "prefers to tokenizer.model" in named.warnings[0]
    mistral_vocabularies.derived(tmp_path / "made", "v11")
    shutil.copy(tmp_path / "made" / "v11" / "tekken.json", tmp_path)
    tekken = MistralCommon().open(str(tmp_path))
    assert ", v11, " in tekken.identity
    assert not MistralCommon().open(str(mistral_vocabularies.shipped("v1"))).warnings


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tekken.json", "{}"),
        ("tekken.json", "no JSON"),
        ("tokenizer.model.v3", "no model"),
        ("tokenizer.model.v4", "no version"),
        ("tokenizer.json", "{}"),
    ],
)
def test_a_vocabulary_that_cannot_be_read_is_an_error_of_one_line(
    name: str, content: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match="mistral-common cannot read it") as caught:
        MistralCommon().open(str(tmp_path / name))
    assert len(str(caught.value).splitlines()) == 1


def test_a_pool_of_processes_says_no_more_than_its_start(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_text(json.dumps({"id": "a", "messages": TALK}), encoding="utf-8")
    vocabulary = str(mistral_vocabularies.shipped("v3"))
    given = ["--tokenizer", vocabulary, "--renderer", "mistral-common"]
    options = ["--strategy", "process-pool", "--workers", "2", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "count", path, *given, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["turns"] > 1) == (0, True)
    assert done.stderr == "process-pool: start method forkserver\n"


@pytest.mark.parametrize("name", ["v2", "v3-tekken"])
def test_a_session_counts_each_turn_as_the_whole_call(name: str) -> None:
    chat = load_chat(mistral_vocabularies.shipped(name), renderer="mistral-common")
    begun = session(chat, tools=[TOOL])
    assert begun.note == (
        "each call adds up the parts of the whole prompt, because the renderer mistral-common "
        "gives them anew for each prompt"
    )
    branches: list[tuple[Session, list[Row]]] = [(begun, [])]
    for place, message in enumerate(TALK):
        for current, messages in list(branches):
            messages.append(message)
            current.add(message)
            expected = outcome(lambda told=messages: plain_isl(told, chat))  # type: ignore[misc]
            assert outcome(current.isl) == expected
            if place == 1:
                branches.append((current.copy(), list(messages)))
                current.add(message)
                messages.append(message)
    assert len({len(messages) for _, messages in branches}) == 2


def plain_isl(messages: list[Row], chat: ChatTokenizer) -> int:
    """Return the length of a prompt by the library's whole call."""
    one = Conversation("session", tuple(messages), (TOOL,), (len(messages),))
    ((isl,),) = reference_counts([one], chat)
    assert isl is not None
    return isl
