"""The native core reads what Python's readers read, or refuses the whole file."""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.bundled import tokenizer_path
from bench.reporting.dataset import read_dataset_file
from bench.samples import SHAPES, records
from strategies import (
    Conversation,
    TurnError,
    _native,
    count_turns,
    count_with,
    get,
    reference_counts,
    traceless,
)
from strategies.chat.serving import serve
from strategies.conversations import records as limits
from strategies.conversations.dataset_stream import DatasetStream
from strategies.conversations.datasets import parse_dataset
from strategies.conversations.detect import formats
from strategies.conversations.direct import DirectConversations, read_directly
from strategies.conversations.files_stream import FilesStream
from strategies.conversations.known_fields import CALL, MESSAGE, PROMPT_FIELDS, RECORD
from strategies.conversations.messages import MESSAGE_FIELDS
from strategies.conversations.options import ReadOptions
from strategies.conversations.requests import Beginnings
from strategies.profiles.catalog import profiles
from strategies.profiles.profile import Traits
from tests.conftest import REAL, Bench, bundled_chat, real_path
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
    in_files,
    rows,
    said,
    values,
    with_argument_strings,
    zstd,
)

CHAT: Row = {"messages": [USER, ANSWER, USER]}
TOOLS: Row = {
    "messages": [
        SYSTEM,
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call('{"a": 1.50, "b": [null]}')]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
        {"role": "assistant", "content": "It is 2.", "reasoning_content": "r"},
    ],
    "tools": [TOOL],
}
SHARED: Row = {"conversations": [said("human", "hi"), said("gpt", "yes?"), said("user", "hi")]}
RESULTS: Row = {"role": "tool", "tool_results": [{"tool_call_id": "c1", "content": "2"}]}
ROWS = rows(
    {**USER, "system": "Be brief.", "tools": [TOOL]},
    {"role": "assistant", "tool_calls": [call()], "reasoning_content": "r"},
    RESULTS,
    ANSWER,
)


def lines(read: Iterable[Any]) -> bytes:
    return "".join(f"{json.dumps(each)}\n" for each in read).encode()


def everything(conversation: Conversation) -> str:
    """Return all of a conversation as a text that shows orders of keys and types of numbers."""
    assert conversation.template_kwargs is None
    assert not conversation.continued
    assert conversation.requests is None
    fields = (*("id", "messages", "tools", "turns", "tool_arguments", "line"),)
    return json.dumps([getattr(conversation, field) for field in fields])


def kinds_in(conversations: Sequence[Conversation]) -> dict[str, int]:
    """Count what warnings about templates count, by the rules of `strategies.traces`."""
    messages = [message for each in conversations for message in each.messages]
    return {
        "system messages": sum(message["role"] == "system" for message in messages),
        "tools": sum(bool(each.tools) for each in conversations),
        "tool calls": sum(bool(message.get("tool_calls")) for message in messages),
        "tool results": sum(message["role"] == "tool" for message in messages),
        "reasoning": sum(
            bool(message.get("reasoning_content") or message.get("reasoning"))
            for message in messages
        ),
    }


def same(data: bytes, name: str = "data.jsonl", **options: Any) -> bool:
    """Whether the core reads a dataset. If so, all that it reads must be as Python reads it."""
    how = ReadOptions(**options)
    direct = read_directly(data, name, how)
    if isinstance(direct, str):
        assert len(direct.splitlines()) == 1
        return False
    # Python must find no mistake, and warn only of what is seen in conversations that were read.
    expected = parse_dataset(data, name, how)
    beginnings = Beginnings()
    beginnings.add(direct)
    noticed = () if beginnings.warning is None else (beginnings.warning,)
    assert (noticed, direct.rejects) == (expected.warnings, expected.rejects)
    assert list(map(everything, direct)) == list(map(everything, expected))
    assert list(direct) == list(expected)
    assert direct.outlines == [(each.id, list(each.turns)) for each in expected]
    assert direct.kinds == kinds_in(expected)
    for profile in profiles().values():
        for reads_parts in (False, True):
            served_alike(direct, expected, profile.name, reads_parts=reads_parts)
    return True


def served_alike(
    direct: DirectConversations, expected: Sequence[Conversation], name: str, *, reads_parts: bool
) -> None:
    # Conversations with tools get the other trait, as if they had a template of their own.
    try:
        served = direct.records.served(
            name, reads_parts=reads_parts, reads_parts_with_tools=not reads_parts
        )
    except _native.RefusedError:
        return
    for conversation, mine in zip(expected, served, strict=True):
        traits = Traits(reads_parts == (conversation.tools is None), names_developer=False)
        theirs = serve(conversation, profiles()[name], traits)
        assert theirs.refusal is None
        given = theirs.conversation
        wanted = [given.id, given.messages, given.tools, given.turns, given.line]
        assert json.dumps(mine) == json.dumps(wanted)


@pytest.mark.parametrize("name", ["data.jsonl", "data.json", "data"])
@pytest.mark.parametrize("arguments", ["objects", "as-given"])
@pytest.mark.parametrize(
    "read",
    [
        pytest.param([CHAT, {"id": 7, **TOOLS}, {"conversation_id": "c", **CHAT}], id="chat"),
        pytest.param([{**CHAT, "system": "s"}, {**CHAT, "system_prompt": "t"}], id="systems"),
        pytest.param([{**CHAT, "tools": json.dumps([TOOL])}, {**CHAT, "tools": []}], id="tools"),
        pytest.param([SHARED, {"id": "x", **SHARED, "system": "s"}], id="ShareGPT"),
        pytest.param([{"_type": "dataset_metadata", "x": [1]}, *ROWS], id="rows"),
        pytest.param([*ROWS[::-1], *rows(USER, conversation=5)], id="rows in another order"),
        pytest.param([changed(row, tools=[TOOL]) for row in ROWS], id="rows that repeat tools"),
    ],
)
def test_the_core_reads_what_python_reads(read: list[Row], arguments: str, name: str) -> None:
    texts = lines(read)
    for data in (
        texts,
        texts.rstrip(),
        texts.replace(b"\n", b"\r\n"),
        b" \n\n" + texts.replace(b"\n", b" \t\n\r\n"),
        json.dumps(read).encode(),
        json.dumps(read, indent=1, ensure_ascii=False).encode() + b"\n\n",
    ):
        assert same(data, name, tool_arguments=arguments, on_error="skip")
        assert same(data, name, tool_arguments=arguments, unknown_fields="ignore")


READ_BY_THE_CORE = {
    *("OpenAI chat", "OpenAI request", "WildChat"),
    *("ShareGPT", "MLCommons endpoints"),
}


@pytest.mark.parametrize("form", formats(), ids=lambda form: form.name)
def test_examples_of_formats_are_read_alike_or_not_at_all(form: Any) -> None:
    read = [same(lines(example.records), **example.options) for example in form.examples]
    assert any(read) is (form.name in READ_BY_THE_CORE)
    for broken in form.broken:
        assert not same(lines(broken.records), **broken.options)


@pytest.mark.parametrize("shape", SHAPES)
def test_bundled_samples_are_read_alike(shape: str) -> None:
    made = list(records("small", shapes=[shape]))
    read = [same(lines([record])) for record in made]
    assert any(read)
    assert same(lines(record for record, can in zip(made, read, strict=True) if can))
    # One record is enough to refuse them all.
    assert same(lines(made)) == all(read)


@pytest.mark.parametrize(
    "name",
    [
        "agentic_coding_2.5h",
        "bfcl_calib",
        "bfcl_multi_turn",
        "glaive_toolcall_en",
        "reason_tool_use",
        "x_risawoz_multilingual",
    ],
)
def test_real_datasets_are_read_by_the_core(name: str) -> None:
    assert same(real_path("datasets", f"{name}.jsonl").read_bytes())


def test_cases_of_others_are_read_alike_or_not_at_all() -> None:
    folder = REAL.parent / "cases"
    paths = sorted(path for path in folder.glob("**/*.json*"))
    if not paths:
        pytest.skip("the cases are not there: shared/cases")
    read = Counter(
        same(path.read_bytes(), path.name, tool_arguments=arguments)
        for path in paths
        for arguments in ("objects", "as-given")
    )
    assert read[True] > len(paths) // 4


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\n \n", id="white space"),
        pytest.param(b"[]", id="an empty array"),
        pytest.param(lines([{"_type": "dataset_metadata"}]), id="metadata only"),
        pytest.param(b"\xef\xbb\xbf" + lines([CHAT]), id="a byte order mark"),
        pytest.param(lines([CHAT]) + b"\xef\xbb\xbf" + lines([CHAT]), id="a later mark"),
        pytest.param(lines([CHAT]).decode().encode("utf-16"), id="UTF-16"),
        pytest.param(lines([CHAT]).replace(b"hi", b"h\xff"), id="no UTF-8"),
        pytest.param(lines([CHAT]).replace(b"hi", b"\xed\xa0\x80"), id="a surrogate in UTF-8"),
        pytest.param(lines([CHAT]).replace(b"hi", b"\\ud83d"), id="a lone surrogate"),
        pytest.param(lines([CHAT]).replace(b"hi", b"h\ti"), id="a control character"),
        pytest.param(lines([CHAT])[:-10], id="a line that breaks off"),
        pytest.param(lines([CHAT]) + b"{}\n", id="a record of no format"),
        pytest.param(lines([CHAT]) + b"[]\n", id="a line that is no object"),
        pytest.param(lines([CHAT])[:-1] + lines([CHAT]), id="two values in a line"),
        pytest.param(json.dumps(CHAT, indent=1).encode(), id="an object over several lines"),
        pytest.param(json.dumps(CHAT["messages"]).encode(), id="one conversation as an array"),
        pytest.param(lines([{**CHAT, "score": float("nan")}]), id="NaN in a harmless field"),
        pytest.param(b'{"score": -0.0, ' + lines([CHAT])[1:], id="a negative zero"),
        pytest.param(b'{"id": 1, "id": 2, ' + lines([CHAT])[1:], id="a key that appears twice"),
        pytest.param(lines([{**CHAT, "x": 1}]), id="a field that nobody knows"),
        pytest.param(lines([{**CHAT, "id": 1.5}]), id="a float as an id"),
        pytest.param(lines([{**CHAT, "documents": [{}]}]), id="documents"),
        pytest.param(lines([{**CHAT, "chat_template_kwargs": {"a": 1}}]), id="kwargs"),
        pytest.param(lines([{**CHAT, "reasoning_effort": "low"}]), id="an effort"),
        pytest.param(lines([{**CHAT, "conversations": [USER]}]), id="two conversations"),
        pytest.param(lines([{**TOOLS, "tool_choice": "none"}]), id="no tools chosen"),
        pytest.param(lines([{**CHAT, "tools": [TOOL["function"]]}]), id="a bare tool"),
        pytest.param(lines([{"messages": [SYSTEM, ANSWER]}]), id="no turn"),
        pytest.param(lines([CHAT, *ROWS]), id="records, then rows"),
        pytest.param(lines([*ROWS, CHAT]), id="rows, then a record"),
        pytest.param(lines([ROWS[0], ROWS[2]]), id="a turn that is missing"),
        pytest.param(lines([ROWS[0], *rows(USER, conversation="b"), ROWS[1]]), id="torn rows"),
        pytest.param(lines([ROWS[0], {**ROWS[1], "system": "x"}]), id="two system prompts"),
        pytest.param(lines([ROWS[0], {**ROWS[1], "tools": [TOOL, TOOL]}]), id="other tools"),
        pytest.param(lines(rows(USER, USER)), id="two questions in a row"),
    ],
)
def test_odd_and_broken_files_are_left_to_python(data: bytes) -> None:
    for name in ("data.jsonl", "data.json"):
        assert not same(data, name)


@pytest.mark.parametrize("limit", ["MAX_RECORD_BYTES", "MAX_DOCUMENT_BYTES"])
def test_what_may_be_too_large_is_left_to_python(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    for read in ([CHAT], [CHAT] * 9):
        for data in (lines(read), json.dumps(read).encode()):
            for bytes_per_value in range(0, 2000, 40):
                monkeypatch.setattr(limits, limit, bytes_per_value * limits.BYTES_PER_VALUE)
                same(data)
    monkeypatch.undo()
    assert same(data)


def test_logs_of_requests_are_left_to_python() -> None:
    assert not same(lines([CHAT]), records="request")


HOLDERS: dict[str, list[Row]] = {
    "chat": [CHAT],
    "tools": [TOOLS],
    "ShareGPT": [SHARED],
    "rows": ROWS,
}
#: Where a field is put: the way from a file to an object in it.
PLACES: dict[str, tuple[Any, ...]] = {
    "chat: a record": ("chat", 0),
    "chat: a question": ("chat", 0, "messages", 0),
    "chat: an answer": ("chat", 0, "messages", 1),
    "tools: an answer": ("tools", 0, "messages", 2),
    "tools: a call": ("tools", 0, "messages", 2, "tool_calls", 0),
    "tools: a function": ("tools", 0, "messages", 2, "tool_calls", 0, "function"),
    "tools: a result": ("tools", 0, "messages", 3),
    "tools: a tool": ("tools", 0, "tools", 0),
    "tools: the function of a tool": ("tools", 0, "tools", 0, "function"),
    "ShareGPT: a record": ("ShareGPT", 0),
    "ShareGPT: an item": ("ShareGPT", 0, "conversations", 1),
    "rows: the first": ("rows", 0),
    "rows: an answer with calls": ("rows", 1),
    "rows: a row of results": ("rows", 2),
    "rows: a result": ("rows", 2, "tool_results", 0),
    "rows: the last": ("rows", 3),
}
READ = sorted(
    {
        *PROMPT_FIELDS,
        *MESSAGE_FIELDS,
        *("id", "conversation_id", "request_id", "messages", "conversations", "conversation"),
        *("prompt", "completion", "_type", "turn", "tool_results", "from", "value", "function"),
        *("arguments", "description", "parameters", "strict", "defer_loading", "input_schema"),
        *("nobody knows it", ""),
    }
)
OTHERS = sorted(
    RECORD.harmless | MESSAGE.harmless | CALL.harmless | RECORD.refused.keys()
    | MESSAGE.refused.keys() | CALL.refused.keys()
)  # fmt: skip
ODD: list[Any] = [
    *(None, False, True, 0, 1, -3, 2**80, 0.5, 1e22, "", " ", "x", "auto", "none", "assistant"),
    *("{}", '{"a": 1}', "[]", "null", '{"a": 1, "a": 2}', "{", "NaN", '{"a": NaN}', "function"),
    *("message", "dataset_metadata", "x-anthropic-billing-header: 1\nx"),
    *([], [{}], ["x"], [USER], [call()], [TOOL]),
    *({}, {"a": 1}, {"type": "text"}, call()["function"]),
]


def with_field(place: str, name: str, value: Any) -> list[Row]:
    """Return a file with a field in one of its objects."""
    file, *way = PLACES[place]
    read: list[Row] = copied(HOLDERS[file])
    holder: Any = read
    for step in way:
        holder = holder[step]
    holder[name] = value
    return read


@pytest.mark.parametrize("place", PLACES)
def test_a_field_is_read_alike_wherever_it_is(place: str) -> None:
    read: Counter[bool] = Counter()
    for name in READ:
        modes = {"objects"} | ({"as-given"} if name in {"arguments", "tool_calls"} else set())
        for value in ODD:
            data = lines(with_field(place, name, value))
            read.update(same(data, tool_arguments=mode) for mode in modes)
    assert read[True] > 100
    read = Counter(
        same(lines(with_field(place, name, value))) for name in OTHERS for value in (None, "x")
    )
    assert read[True] > 100


@pytest.mark.parametrize("place", PLACES)
def test_a_field_that_is_missing_is_read_alike(place: str) -> None:
    file, *way = PLACES[place]
    for name in READ:
        read: list[Row] = copied(HOLDERS[file])
        holder: Any = read
        for step in way:
            holder = holder[step]
        holder.pop(name, None)
        same(lines(read))


@pytest.mark.parametrize("roles", [("user", "assistant", "tool"), ("human", "gpt", "system")])
def test_every_order_of_roles_is_read_alike(roles: tuple[str, ...]) -> None:
    random = Random(0)  # noqa: S311  # no secret
    for _ in range(300):
        order = random.choices([*roles, "assistant", "user"], k=random.randrange(1, 7))
        same(lines([{"messages": [{"role": role, "content": "x"} for role in order]}]))
        same(lines([{"conversations": [said(role, "x") for role in order]}]))
        kinds = {"tool": RESULTS, "assistant": {**ANSWER, "tool_calls": [call()]}}
        same(lines(rows(*({"role": role, "content": "x"} for role in order))))
        same(lines(rows(*(kinds.get(role, {"role": role, "content": "x"}) for role in order))))


def chats(dataset: Dataset, *, texts: bool) -> list[Row]:
    found: list[Row] = []
    for messages, tools in dataset:
        record: Row = {"messages": with_argument_strings(messages) if texts else messages}
        if tools is not None:
            record["tools"] = [{"type": "function", "function": tool} for tool in tools]
        found.append(record)
    return found


def endpoints(dataset: Dataset) -> list[Row]:
    """Return the rows of conversations, results of tools that follow each other in one row."""
    found: list[Row] = []
    for place, (messages, tools) in enumerate(dataset):
        grouped: list[Row] = []
        first: Row = {"tools": tools}
        for message in messages:
            if message["role"] == "system":
                first["system"] = message["content"]
            elif message["role"] != "tool":
                grouped.append(message)
            elif grouped[-1]["role"] == "tool":
                grouped[-1]["tool_results"].append(changed(message, role=...))
            else:
                grouped.append({"role": "tool", "tool_results": [changed(message, role=...)]})
        found += rows({**first, **grouped[0]}, *grouped[1:], conversation=f"c{place}")
    return found


def plain(value: Any) -> bool:
    """Whether the core reads a value: it leaves negative zeros and the like to Python."""
    if isinstance(value, dict):
        return all(map(plain, value.values()))
    if isinstance(value, list):
        return all(map(plain, value))
    return not isinstance(value, float) or str(value) != "-0.0"


@in_files
@given(datasets, st.booleans(), st.booleans())
def test_generated_datasets_are_read_by_the_core(
    dataset: Dataset, texts: bool, escaped: bool
) -> None:
    for read in (chats(dataset, texts=texts), endpoints(dataset)):
        data = "".join(f"{json.dumps(each, ensure_ascii=escaped)}\n" for each in read).encode()
        assert same(data) == plain(read)
        assert same(data, tool_arguments="as-given") == plain(read)


@in_files
@given(st.lists(st.dictionaries(st.sampled_from(READ), values, max_size=4), max_size=3), st.data())
def test_objects_of_any_shape_are_read_alike_or_not_at_all(
    extra: list[Row], data: st.DataObject
) -> None:
    file = data.draw(st.sampled_from(sorted(HOLDERS)))
    read = [*HOLDERS[file], *extra]
    for record in extra:
        place = data.draw(st.integers(0, len(read) - 1))
        read[place] = {**read[place], **record}
    same(lines(read))


def nodes_in(value: Any) -> list[Any]:
    """Return all objects and lists of a file."""
    inner = value.values() if isinstance(value, dict) else value
    below = [node for each in inner if isinstance(each, (dict, list)) for node in nodes_in(each)]
    return [value, *below]


def edit(read: list[Any], random: Random) -> None:
    """Put something into an object or a list of a file, take it out, or move it."""
    node = random.choice(nodes_in(read))
    if isinstance(node, list):
        place = random.randrange(len(node) + 1)
        match random.randrange(4):
            case 0:
                node.insert(place, copied(random.choice(ODD)))
            case 1:
                node[place:] = node[place + 1 :]
            case 2:
                random.shuffle(node)
            case _:
                node[place:place] = copied(node[:1])
    else:
        name = random.choice([*READ, *node, *node])
        match random.randrange(4):
            case 0 | 1:
                node[name] = copied(random.choice(ODD))
            case 2:
                node.pop(name, None)
            case _:
                pairs = list(node.items())
                random.shuffle(pairs)
                node.clear()
                node.update(pairs)


def copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_files_with_edits_are_read_alike_or_not_at_all(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # no secret
    for holder in HOLDERS.values():
        for _ in range(25):
            read = copied(holder)
            for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
                edit(read, random)
            same(lines(read), tool_arguments=random.choice(("objects", "as-given")))


#: Pieces that are put into files, over others.
PIECES = (
    *('"', "\\", "{", "}", "[", "]", ",", ":", "\n", "\r", "\r\n", " ", "\t", "\x00", "\x0b", "0"),
    *("-", "-0", "-0.0", "1e400", "-1e-400", "01", "1.", "1E5", "NaN", "Infinity", "null", "true"),
    *("\\u0041", "\\ud83d", "\\ude00", "\\ud83d\\ude00", "\\u00", "\\x", "\\/", "\ufeff", "\u2028"),
    *("é", "日", "😀", "\x7f", '"role"', '"tool"', '"user"', '"content": ""', '"id": 1', "{}"),
    *('"tools": []', '"a": 1, "a": 2', "9" * 30, "1" * 2000, "[" * 60, '"type": "message"'),
    *("assistant", "messages", "conversations", "conversation_id", "reasoning_content", "name"),
)


def mutated(data: bytes, random: Random) -> bytes:
    """Return a file with a few pieces put in, taken out, or replaced."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        start = random.randrange(len(data) + 1)
        length = random.choice((0, 0, 1, 1, 2, 5, 20))
        piece = random.choice(PIECES).encode() if random.random() < 0.8 else b""
        if random.random() < 0.05:
            piece = random.randbytes(2)
        data = data[:start] + piece + data[start + length :]
    return data


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_files_with_faults_are_read_alike_or_not_at_all(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # no secret
    read = Counter[bool]()
    for holder in HOLDERS.values():
        for ending in (b"\n", b"\r\n"):
            for _ in range(15):
                data = lines(holder).replace(b"\n", ending)
                if random.random() < 0.2:
                    data = json.dumps(holder, ensure_ascii=False, indent=1).encode()
                name = random.choice(("data.jsonl", "data.json"))
                read[same(mutated(data, random), name)] += 1
    assert read[False]


def test_what_templates_leave_out_is_told_alike() -> None:
    chat = bundled_chat(
        "bpe-chatml",
        "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}",
    )
    for read in HOLDERS.values():
        direct, expected = both(lines(read))
        assert traceless(direct, chat) == traceless(expected, chat)


LETTERS: Row = {"messages": [SYSTEM, USER, ANSWER, {"role": "user", "content": "Ünï\n 日 \u0264"}]}


def directly(data: bytes) -> DirectConversations:
    direct = read_directly(data, "data.jsonl", ReadOptions())
    assert isinstance(direct, DirectConversations)
    return direct


def both(data: bytes) -> tuple[DirectConversations, Sequence[Conversation]]:
    return directly(data), parse_dataset(data, "data.jsonl", ReadOptions())


def test_conversations_are_a_sequence() -> None:
    direct, expected = both(lines([CHAT, TOOLS]))
    assert len(direct) == 2
    assert direct[1] == expected[1]
    assert direct[-1] is direct[1]
    assert direct[:1] == expected[:1]
    assert direct[0] in direct
    assert [each.line for each in direct] == [1, 2]
    with pytest.raises(IndexError):
        direct[2]
    assert count_turns(direct) == count_turns(expected)


def made(conversations: DirectConversations) -> set[str]:
    """Return the ids of conversations that have become Python objects."""
    ids = {name for name, _ in conversations.outlines}
    return {each.id for each in gc.get_objects() if isinstance(each, Conversation)} & ids


def named(data: Iterable[Row], tag: str) -> list[Row]:
    """Return records with ids that nobody else has."""
    return [{**record, "id": f"{tag}-{place}"} for place, record in enumerate(data)]


@pytest.mark.parametrize("strategy", ["auto", "rust"])
@pytest.mark.parametrize("messages", sorted(profiles()))
@pytest.mark.parametrize("name", ["bpe-chatml", "unigram"])
def test_counts_are_those_of_the_reference(name: str, messages: str, strategy: str) -> None:
    chat = bundled_chat(name, messages=messages)
    data = lines(named([CHAT, TOOLS, LETTERS], f"{name}-{messages}-{strategy}"))
    direct = directly(data)
    done: list[int] = []
    with get(strategy).open(chat, workers=2) as counter:
        first = count_with(counter, chat, direct, progress=done.append)
        again = count_with(counter, chat, direct)
        assert not made(direct)
        note = getattr(counter, "note", None)
        expected = parse_dataset(data, "data.jsonl", ReadOptions())
        slow = count_with(counter, chat, expected)
        assert getattr(counter, "note", None) == note
    assert first == again == slow == reference_counts(expected, chat)
    assert sum(done) == count_turns(expected)


def test_a_turn_that_the_core_cannot_count_needs_only_its_conversation() -> None:
    # Versions of Python differ about the upper case of U+0264, so the core leaves it to Jinja2.
    chat = bundled_chat("bpe-chatml", "{% for m in messages %}{{ m.content | upper }}{% endfor %}")
    data = lines(named([CHAT, LETTERS], "upper"))
    direct = directly(data)
    with get("rust").open(chat, workers=1) as counter:
        counts = count_with(counter, chat, direct)
        assert made(direct) == {"upper-1"}
        expected = parse_dataset(data, "data.jsonl", ReadOptions())
        assert counts == reference_counts(expected, chat)
        assert "1 turn left to the plain call" in str(getattr(counter, "note", None))


def test_a_template_that_jinja2_renders_is_given_python_objects() -> None:
    chat = bundled_chat("bpe-chatml", "{% for m in messages %}{{ m | urlize }}{% endfor %}")
    direct, expected = both(lines(named([CHAT, TOOLS], "jinja")))
    with get("rust").open(chat, workers=1) as counter:
        assert count_with(counter, chat, direct) == reference_counts(expected, chat)
        assert "rendered by Jinja2" in str(getattr(counter, "note", None))


def test_a_profile_that_refuses_a_call_is_asked_in_python() -> None:
    chat = bundled_chat("bpe-chatml", messages="as-written")
    direct, expected = both(
        lines([{"messages": [USER, {**ANSWER, "tool_calls": [call("[1]")]}, USER]}])
    )
    with get("rust").open(chat, workers=1) as counter:
        for read in (direct, expected):
            with pytest.raises(TurnError, match=r"line 1: messages.*is no JSON object"):
                count_with(counter, chat, read)
            assert count_with(counter, chat, read, on_error="skip")[0][1] is None


RAISING = (
    "{% for m in messages %}{% if m.content == 'no' %}{{ raise_exception('no no') }}{% endif %}"
    "{{ m.role }}: {{ m.content }}\n{% endfor %}"
)
NOTHING = "{% for m in messages %}{% endfor %}"
REFUSED: Row = {"messages": [USER, ANSWER, {"role": "user", "content": "no"}]}


@pytest.mark.parametrize("strategy", ["auto", "rust"])
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
@pytest.mark.parametrize(
    ("read", "options"),
    [
        pytest.param([CHAT, TOOLS], (), id="counts"),
        pytest.param([CHAT, TOOLS], ("--json", "--messages", "as-written"), id="JSON"),
        pytest.param([{"id": '=x,\x1b"\\é\n', **CHAT}], (), id="an odd id"),
        pytest.param([CHAT, REFUSED, CHAT], ("--template", RAISING), id="a turn that raises"),
        pytest.param([REFUSED, CHAT], ("--template", RAISING, "--on-error", "skip"), id="a skip"),
        pytest.param(
            [REFUSED, CHAT],
            ("--template", RAISING, "--on-error", "skip", "--rejects", "rejects"),
            id="rejects",
        ),
        pytest.param([CHAT, TOOLS], ("--template", NOTHING), id="no trace"),
        pytest.param([CHAT, {**CHAT, "x": 1}], (), id="a mistake"),
        pytest.param([CHAT, {**CHAT, "x": 1}], ("--unknown-fields", "ignore"), id="a warning"),
    ],
)
def test_the_command_prints_and_writes_the_same(
    tmp_path: Path,
    bench: Bench,
    read: list[Row],
    options: tuple[str, ...],
    ending: str,
    strategy: str,
) -> None:
    found = []
    # The core does not read a file with a NaN, which changes nothing: the field is harmless.
    for more in ({}, {"score": float("nan")}):
        folder = tmp_path / str(len(more))
        folder.mkdir()
        (folder / "t.jinja").write_text(options[1] if "--template" in options else "")
        path, out, rejects = folder / "data.jsonl", folder / f"isl.{ending}", folder / "rejects"
        path.write_bytes(lines({**record, **more} for record in read))
        places = {"rejects": rejects, RAISING: folder / "t.jinja", NOTHING: folder / "t.jinja"}
        done = bench(
            *("count", path, "--tokenizer", tokenizer_path("bpe-chatml"), "--out", out),
            *("--strategy", strategy, "--workers", 1),
            *(places.get(option, option) for option in options),
        )
        told = (done.code, done.out, done.error.replace(str(folder), ""))
        written = [each.read_bytes() for each in (out, rejects) if each.exists()]
        found.append((told, written))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("options", "read"),
    [
        ({"format": "OpenAI chat"}, True),
        ({"format": "openai-chat"}, True),
        ({"format": "ShareGPT"}, False),
        ({"messages_field": "messages"}, False),
        ({"tools": [TOOL]}, False),
        ({"system": "Be brief."}, False),
    ],
)
def test_what_does_not_stand_in_the_data_is_left_to_python(options: Any, read: bool) -> None:
    data = lines([CHAT, CHAT])
    assert isinstance(read_directly(data, "d.jsonl", ReadOptions(**options)), str) is not read
    assert not read or same(data, "d.jsonl", **options)


def test_the_core_reads_packed_documents_and_numbers_them_over_files(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.json" for number in range(3)]
    for path in paths:
        path.write_bytes(zstd(json.dumps([CHAT, CHAT]).encode()))
    for directly in (True, False):
        with FilesStream(paths, ReadOptions(), directly=directly) as dataset:
            parts = list(dataset)
        found = [each.id for part in parts for each in part.conversations]
        assert found == [f"conversation-{number}" for number in range(1, 7)]
        assert isinstance(parts[0].conversations, DirectConversations) is directly


def test_a_dataset_is_read_directly_only_if_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(lines([CHAT]))
    python = read_dataset_file(path, ReadOptions())
    for directly in (True, False):
        with DatasetStream(path, ReadOptions(), directly=directly) as dataset:
            (part,) = dataset
            assert dataset.sha256() == python.sha256
        assert isinstance(part.conversations, DirectConversations) is directly
        assert list(part.conversations) == python.conversations
        with DatasetStream(path, ReadOptions(), directly=directly) as dataset:
            assert dataset.sha256() == python.sha256
        assert (part.turns, dataset.not_read) == (python.turns, python.reading.not_read)
