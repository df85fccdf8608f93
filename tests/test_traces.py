"""What a template leaves out is told, and so is the option that would count a refused turn."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from strategies import Conversation, IslWarning, TurnError, count, hinted, traceless
from tests.conftest import Bench, bundled_chat

TEXT_ONLY = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}"
CALL = {"id": "call12345", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}


def all_kinds(name: str = "c") -> Conversation:
    messages: tuple[dict[str, Any], ...] = (
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "", "reasoning_content": "r", "tool_calls": [CALL]},
        {"role": "tool", "content": "1", "name": "f", "tool_call_id": "call12345"},
        {"role": "assistant", "content": "b", "reasoning": "r"},
        {"role": "user", "content": "c"},
    )
    return Conversation(name, messages, (TOOL,), (2, 4, 6))


def test_each_kind_that_is_left_out_is_told_with_its_number() -> None:
    chat = bundled_chat("bpe-chatml", TEXT_ONLY)
    assert traceless([all_kinds("a"), all_kinds("b")], chat) == (
        "the template leaves out system messages: 2 messages",
        "the template leaves out tools: 2 conversations",
        "the template leaves out tool calls: 2 messages",
        "the template leaves out tool results: 2 messages",
        "the template leaves out reasoning: 4 messages",
    )


def test_nothing_is_told_of_what_the_data_lacks_or_the_template_writes_or_refuses() -> None:
    plain = Conversation("c", ({"role": "user", "content": "a"},), None, (1,))
    assert traceless([plain], bundled_chat("bpe-chatml", TEXT_ONLY)) == ()
    writes = (
        "{{ tools | tojson }}{% for m in messages %}"
        "{{ m.content }}{{ m.reasoning_content }}{{ m.tool_calls | tojson }}{% endfor %}"
    )
    assert traceless([all_kinds()], bundled_chat("bpe-chatml", writes)) == ()
    refuses = (
        "{% for m in messages %}{% if m.role != 'user' %}{{ raise_exception('no') }}{% endif %}"
    )
    refuses += "{{ tools | tojson }}{{ m.content }}{% endfor %}"
    assert traceless([all_kinds()], bundled_chat("bpe-chatml", refuses)) == ()


def test_reasoning_that_is_kept_only_while_tools_are_called_is_no_warning() -> None:
    template = (
        "{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% if m.tool_calls %}"
        "{{ m.reasoning_content }}{{ m.tool_calls | tojson }}{% endif %}{% endfor %}"
    )
    assert traceless([all_kinds()], bundled_chat("bpe-chatml", template)) == ()


def test_parts_that_are_written_as_a_list_are_told() -> None:
    template = (
        "{{ messages[0].content }}{% for m in messages[1:] %}"
        "{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}"
    )
    conversation = Conversation(
        "c", ({"role": "system", "content": "s"}, {"role": "user", "content": "a"}), None, (2,)
    )
    (warning,) = traceless([conversation], bundled_chat("bpe-chatml", template))
    assert warning.startswith("the template writes system messages as a Python list: 1 message")


def test_users_of_python_are_told_too() -> None:
    chat = bundled_chat("bpe-chatml", TEXT_ONLY)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        count([all_kinds()], chat, "sequential", 1)
    assert {each.category for each in told} == {IslWarning}
    assert str(told[0].message) == "bpe-chatml: the template leaves out system messages: 1 message"
    assert len(told) == 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        count([Conversation("c", ({"role": "user", "content": "a"},), None, (1,))], chat, "rust", 1)


NEEDS_TEXT = (
    "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}"
    "{{ c.function.name + c.function.arguments }}{% endfor %}{% endfor %}"
)
NEEDS_OBJECT = (
    "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}{{ c.function.name }}"
    "{% for k, v in c.function.arguments.items() %}{{ k }}{% endfor %}{% endfor %}{% endfor %}"
)


@pytest.mark.parametrize(
    ("template", "given", "option"),
    [
        (NEEDS_TEXT, "objects", "--tool-arguments as-given"),
        (NEEDS_OBJECT, "as-given", "--tool-arguments objects"),
    ],
)
def test_a_refusal_names_the_option_that_helps(template: str, given: Any, option: str) -> None:
    chat = bundled_chat("bpe-chatml", template)
    arguments: Any = {"a": 1} if given == "objects" else '{"a": 1}'
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    messages = (
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "1"},
    )
    data = [Conversation("c", messages, None, (1, 3), tool_arguments=given)]
    with pytest.raises(TurnError, match=rf"turn 2 .*; it is counted with {option}"):
        count(data, chat, "spliced", 1)


def test_a_refusal_that_no_option_mends_stays_as_it_is() -> None:
    chat = bundled_chat("bpe-chatml", "{{ raise_exception('never') }}")
    data = [Conversation("c", ({"role": "user", "content": "a"},), None, (1,))]
    error = TurnError("c", 1, 1, "never")
    assert hinted(error, data, chat) is error
    assert hinted(TurnError("other", 1, 1, "never"), data, chat).reason == "never"


def test_the_hint_is_of_the_conversation_that_is_refused() -> None:
    chat = bundled_chat("bpe-chatml", messages="as-written")
    good = Conversation("c", ({"role": "user", "content": "a"},), None, (1,))
    mended = Conversation("c", ({"role": "user", "content": ["a"]},), None, (1,))
    with pytest.raises(TurnError, match="it is counted with --messages vllm"):
        count([good, mended], chat, "spliced", 1)
    never = "{% if 'b' in messages[0].content %}{{ raise_exception('never') }}{% endif %}"
    bad = Conversation("c", ({"role": "user", "content": "b"},), None, (1,))
    with pytest.raises(TurnError, match=r"never$"):
        count([good, bad], bundled_chat("bpe-chatml", never), "spliced", 1)


def test_another_profile_is_named_where_it_helps() -> None:
    chat = bundled_chat("bpe-chatml", messages="as-written")
    data = [Conversation("c", ({"role": "user", "content": ["a"]},), None, (1,))]
    with pytest.raises(TurnError, match="it is counted with --messages vllm"):
        count(data, chat, "spliced", 1)


def test_the_command_line_tells_both(bench: Bench, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(
        '{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]}',
        encoding="utf-8",
    )
    template = tmp_path / "template.jinja"
    template.write_text(TEXT_ONLY, encoding="utf-8")
    command = ("count", data, "--tokenizer", "bpe-chatml", "--template", template)
    result = bench(*command)
    assert result.code == 0
    assert "the template leaves out system messages: 1 message" in result.error
    assert "messages: vllm (0.33.0), as its server gives them to the template" in result.out


def test_kwargs_that_the_template_never_names_are_told() -> None:
    chat = bundled_chat("bpe-chatml", "{% if mood %}{{ mood }}{% endif %}{{ messages[0].content }}")
    kwargs: list[dict[str, Any] | None] = [{"mood": "m", "documents": []}, {"documents": []}, None]
    messages = ({"role": "user", "content": "a"},)
    data = [Conversation("c", messages, None, (1,), each) for each in kwargs]
    assert traceless(data, chat) == ("the template does not read documents: 2 conversations",)
