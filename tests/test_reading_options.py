"""What a log does not show is said by options: format, messages, tools, system prompt."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from strategies import (
    Conversation,
    CountTurns,
    InputError,
    IslWarning,
    parse_conversations,
    read_conversations,
    stream,
)
from strategies.conversations.batches import BatchReader, batch_of
from strategies.conversations.dataset_stream import DatasetStream
from strategies.conversations.detect import form_named, formats, short_name
from strategies.conversations.options import ReadOptions
from strategies.conversations.supplied import system_in, tools_in
from tests.conftest import Bench, bundled_chat
from tests.datasets import (
    ANSWER,
    SYSTEM,
    TOOL,
    USER,
    Dataset,
    Row,
    as_parquet,
    datasets,
    rows,
    said,
)

TALK = [USER, ANSWER, USER]
FUNCTION: Row = {"name": "f", "parameters": {"type": "object"}}


def parse(*records: Any, **options: Any) -> list[Conversation]:
    return list(parse_conversations("\n".join(map(json.dumps, records)).encode(), **options))


def refusal(*records: Any, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        parse(*records, **options)
    return str(caught.value).removeprefix("data:")


# --- where the messages are -------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "record"),
    [
        ("history", {"history": TALK}),
        ("traj", {"task_id": 3, "reward": 1.0, "traj": TALK}),
        ("info.messages", {"info": {"messages": TALK, "model": "m"}}),
        ("a.b.c", {"a": {"b": {"c": TALK}}}),
        ("gen.input.messages", {"gen.input.messages": TALK}),
        ("gen.input.messages", {"gen.input": {"messages": TALK}}),
        ("history", {"history": json.dumps(TALK)}),
        ("messages", {"messages": TALK}),
        ("input", {"input": TALK}),
        ("log", {"log": [said("human", "hi"), said("gpt", "yes?"), said("human", "hi")]}),
    ],
)
def test_messages_are_read_from_the_field_that_is_named(path: str, record: Row) -> None:
    got = parse({"id": "x", **record}, messages_field=path)
    assert got == [Conversation("x", tuple(TALK), None, (1, 3))]


def test_fields_beside_the_messages_are_checked_as_those_of_a_record() -> None:
    assert refusal({"history": TALK, "mood": 1}, messages_field="history") == (
        "1: mood: is not known, and may change the prompt; take it out, or leave out such fields "
        "with --unknown-fields ignore (read as OpenAI chat)"
    )
    inside: Row = {"info": {"messages": TALK, "tools": [TOOL]}}
    assert "1: info.tools: can change the prompt" in refusal(inside, messages_field="info.messages")
    inside = {"a": {"b": {"c": TALK, "mood": 1}}}
    assert refusal(inside, messages_field="a.b.c").startswith("1: a.b.mood: is not known")
    with pytest.warns(IslWarning, match=r"fields were left out: a\.b\.mood \(1 record\)"):
        assert parse(inside, messages_field="a.b.c", unknown_fields="ignore")
    outside = {"a": {"b": {"c": TALK}, "mood": 1}}
    assert refusal(outside, messages_field="a.b.c").startswith("1: a.mood: is not known")
    # What would be tools beside the messages is read as ever.
    (got,) = parse({"history": TALK, "tools": [TOOL]}, messages_field="history")
    assert got.tools == (TOOL,)


def test_errors_name_the_field_as_the_dataset_has_it() -> None:
    assert refusal({"messages": TALK}, messages_field="history") == "1: history: is missing"
    assert refusal({"info": {}}, messages_field="info.log") == "1: info.log: is missing"
    assert refusal({"info": 5}, messages_field="info.log") == "1: info.log: is missing"
    bad = {"info": {"log": [USER, {"content": "x"}]}}
    assert refusal(bad, messages_field="info.log").startswith("1: info.log[1].role: is missing")
    good = {"log": TALK}
    assert refusal(good, {"log": 5}, messages_field="log") == "2: log: must be a non-empty array"
    assert refusal(good, {"lag": TALK}, messages_field="log") == "2: log: is missing"
    twice = b'{"log": [], "log": [{"role": "user", "content": "hi"}]}'
    with pytest.raises(InputError, match="log: appears twice"):
        parse_conversations(twice, messages_field="log")
    assert "--messages-field names the field with the messages" in refusal({"traj": TALK})


def test_other_messages_of_a_record_are_left_out_and_that_is_told() -> None:
    with pytest.warns(IslWarning, match=r"fields were left out: messages \(1 record\)"):
        (got,) = parse({"messages": [ANSWER], "history": TALK}, messages_field="history")
    assert got.messages == tuple(TALK)


def test_a_row_of_one_message_holds_no_messages() -> None:
    with pytest.raises(InputError, match=r"read as MLCommons endpoints.*field does not fit"):
        parse(*rows(USER), messages_field="content", format="mlcommons-endpoints")


@pytest.mark.parametrize(
    "pack", [as_parquet, lambda found: "\n".join(map(json.dumps, found)).encode()]
)
@pytest.mark.parametrize(("path", "name"), [("info", "info"), ("extra_info.log", "extra_info")])
def test_a_column_that_is_else_harmless_is_read_if_it_holds_the_messages(
    tmp_path: Path, pack: Any, path: str, name: str
) -> None:
    record = {"id": "x", name: {"log": TALK} if "." in path else TALK}
    (tmp_path / "d").write_bytes(pack([record]))
    got = read_conversations(tmp_path / "d", messages_field=path)
    assert list(got) == [Conversation("x", tuple(TALK), None, (1, 3))]


@given(found=datasets)
def test_a_dataset_whose_messages_have_another_name_is_the_same(found: Dataset) -> None:
    records = [
        {"messages": messages} | ({} if tools is None else {"tools": tools})
        for messages, tools in found
    ]
    try:
        expected: Any = parse(*records)
    except InputError as error:
        expected = str(error)
    moved = [{"log" if key == "messages" else key: each[key] for key in each} for each in records]
    try:
        got: Any = parse(*moved, messages_field="log")
    except InputError as error:
        got = str(error).replace("log", "messages")
    assert got == expected


# --- the format -------------------------------------------------------------------------


def test_a_format_is_named_in_any_case_and_with_dashes() -> None:
    for form in formats():
        for name in (form.name, short_name(form.name), form.name.upper()):
            assert form_named(name) is form
    with pytest.raises(InputError, match=r"format: no format is called 'x'; there are .*sharegpt"):
        parse({"messages": TALK}, format="x")


def test_the_format_that_is_named_is_read_whatever_the_first_record_looks_like() -> None:
    record = {"conversations": [said("human", "hi")], "messages": None}
    assert parse(record, format="ShareGPT") == parse({"conversations": [said("human", "hi")]})
    assert refusal({"messages": TALK}, format="sharegpt") == "1: conversations: is missing"
    for directly in (True, False):
        for name, other in (("ShareGPT", {"messages": TALK}), ("OpenAI chat", {})):
            assert refusal(other, format=name).startswith("1: ")
            assert not served(other, directly, format=name)
        assert served({"messages": TALK}, directly, format="openai-chat")


def served(record: Row, directly: bool, **options: Any) -> bool:
    """Whether a file of a record and an empty line is read, by the core if that is asked for."""
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(json.dumps(record).encode() + b"\n\n")
        file.flush()
        try:
            with DatasetStream(Path(file.name), ReadOptions(**options), directly=directly) as found:
                return [each for batch in found for each in batch.conversations] != []
        except InputError:
            return False


# --- tools and a system prompt ----------------------------------------------------------


def test_conversations_get_the_tools_and_the_system_prompt_that_they_lack() -> None:
    (got,) = parse({"id": "x", "messages": TALK}, tools=[TOOL], system="Be brief.")
    assert got == Conversation("x", (SYSTEM, *TALK), (TOOL,), (2, 4))
    # As if the dataset had them.
    assert [got] == parse({"id": "x", "messages": TALK, "tools": [TOOL], "system": "Be brief."})
    prefix = {"messages": [USER, {**ANSWER, "prefix": True}]}
    (got,) = parse(prefix, system="Be brief.")
    assert (got.turns, got.continued) == ((3,), frozenset({3}))
    (got,) = parse(*rows(*TALK), tools=[TOOL], system="Be brief.")
    assert (got.messages, got.tools, got.turns) == ((SYSTEM, *TALK), (TOOL,), (2, 4))
    (got,) = parse({"messages": TALK}, {"messages": [USER]}, records="request", system="x")[:1]
    assert got.turns == (4,)


@pytest.mark.parametrize(
    "tool",
    [FUNCTION, {"type": "function", **FUNCTION}, {"name": "f", "input_schema": {"type": "object"}}],
)
def test_tools_are_wrapped_as_those_of_a_record(tool: Row) -> None:
    assert parse({"messages": TALK}, tools=[tool]) == parse({"messages": TALK, "tools": [tool]})


@pytest.mark.parametrize(
    ("record", "option", "message"),
    [
        (
            {"tools": [TOOL]},
            {"tools": [TOOL]},
            "tools: the conversation has tools of its own; leave",
        ),
        ({"tools": []}, {"tools": [TOOL]}, "tools: the conversation has tools of its own"),
        ({"system": "x"}, {"system": "y"}, "messages[0]: the conversation has a system prompt of"),
        ({"messages": [SYSTEM, USER]}, {"system": "y"}, "messages[0]: the conversation has a sys"),
        (
            {"messages": [{"role": "developer", "content": "x"}, USER]},
            {"system": "y"},
            "messages[0]: the conversation has a system prompt of its own; leave out --system",
        ),
    ],
)
def test_what_a_conversation_has_of_its_own_is_never_replaced(
    record: Row, option: Any, message: str
) -> None:
    plain = {"messages": TALK}
    assert refusal(plain, {**plain, **record}, **option).startswith(f"2: {message}")
    with pytest.warns(IslWarning, match=r"1 record was not read, the first: line 2: "):
        assert len(parse(plain, {**plain, **record}, on_error="skip", **option)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tools": []}, "tools: holds no tools; leave it out"),
        ({"tools": {"name": "f"}}, "tools: must be an array of tools"),
        ({"tools": [5]}, r"tools\[0\]: must be an object"),
        ({"tools": [TOOL, {}]}, r"tools\[1\]: is no tool: it has neither function nor name"),
        ({"tools": [{"name": float("nan")}]}, r"tools\[0\]\.name: nan is not a JSON number"),
        ({"system": ""}, "system: must be a text that is not empty"),
        ({"system": "\ud800"}, "system: lone surrogate"),
        ({"messages_field": ""}, "messages_field: must be a text"),
    ],
)
def test_options_that_say_nothing_are_refused(options: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        ReadOptions(**options)


def test_facts_hold_digests_of_long_texts() -> None:
    plain, full = ReadOptions().facts(), ReadOptions(tools=[TOOL], system="x").facts()
    assert (plain["tools_sha256"], plain["system_sha256"]) == (None, None)
    assert full == ReadOptions(tools=[TOOL], system="x").facts()
    others = ReadOptions(tools=[FUNCTION, TOOL], system="y").facts()
    for name in ("tools_sha256", "system_sha256"):
        assert len(full[name]) == 64
        assert full[name] != others[name]
    json.dumps(full)


def test_batches_and_streams_take_the_same_options(tmp_path: Path) -> None:
    record = {"id": "x", "log": TALK}
    options: Any = {"messages_field": "log", "tools": [TOOL], "system": "Be brief."}
    (tmp_path / "d.jsonl").write_text(json.dumps(record))
    expected = list(read_conversations(tmp_path / "d.jsonl", **options))
    reader = BatchReader(ReadOptions(**options))
    table = pa.Table.from_pylist([record])
    assert [each for part in reader.read(batch_of(table)) for each in part] == expected
    chat = bundled_chat("bpe-chatml")
    found = [row.isl for row in stream(tmp_path / "d.jsonl", chat, **options)]
    counter = CountTurns(chat.spec, format="OpenAI chat", **options)
    assert counter(table).column("isl").to_pylist() == found
    counter.close()
    assert found == [row.isl for row in stream(expected, chat)]
    assert found != [row.isl for row in stream(tmp_path / "d.jsonl", chat, messages_field="log")]


def test_a_command_takes_tools_and_a_system_prompt_from_files(bench: Bench, tmp_path: Path) -> None:
    data, tools, system = (tmp_path / name for name in ("d.jsonl", "tools.json", "system.txt"))
    data.write_text(json.dumps({"log": TALK}) + "\n")
    tools.write_text(json.dumps([TOOL]))
    system.write_bytes(b"\xef\xbb\xbfBe brief.\n")
    command = ("count", data, "--tokenizer", "bpe-chatml", "--json", "--messages-field", "log")
    more = ("--tools", tools, "--system", system, "--format", "openai-chat")
    done = bench(*command, *more)
    assert done.code == 0, done.error
    assert f"warning: {system}: its last line end is part of the prompt" in done.error
    chat = bundled_chat("bpe-chatml")
    options: Any = {"messages_field": "log", "tools": [TOOL], "system": "Be brief.\n"}
    assert json.loads(done.out)["max"] == max(row.isl or 0 for row in stream(data, chat, **options))
    assert json.loads(bench(*command).out)["max"] < json.loads(done.out)["max"]
    assert bench(*command, "--format", "x").error.startswith("bench: format: no format is called")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", ":1: not JSON: Expecting property name"),
        (b'{"tools": []}', ": must be an array of tools, as requests have it in their field tools"),
        (b"[NaN]", ": not JSON: NaN is not JSON"),
        (b"\xff", ": not UTF-8 text"),
    ],
)
def test_a_file_of_tools_that_is_none_is_named(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "tools.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        tools_in(path)
    assert str(caught.value).startswith(f"{path}{message}")
    path.write_bytes(b"")
    with pytest.raises(InputError, match="is empty; leave out --system"):
        system_in(path)
    with pytest.raises(InputError, match="gone: no such file"):
        system_in(tmp_path / "gone")
