"""The chat template that is used: given as a file, in JSON, by name, or a processor's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import strategies
from bench.bundled import tokenizer_path
from strategies import Conversation, InputError, load_chat
from tests.conftest import Bench, plain_counts

CHATML = "{% for m in messages %}<|im_start|>{{m.role}}\n{{m.content}}<|im_end|>\n{% endfor %}"
HI = Conversation("c", ({"role": "user", "content": "Hi"},), None, (1,))


@pytest.mark.parametrize("name", ["chat_template.json", "tokenizer_config.json", "t.jinja"])
@pytest.mark.parametrize("before", ["", " \n", "\ufeff"])
def test_a_template_inside_json_is_read(name: str, before: str, tmp_path: Path) -> None:
    path = tmp_path / name
    content = json.dumps({"bos_token": "<s>", "chat_template": CHATML})
    path.write_text(before + content, encoding="utf-8")
    chat = load_chat(tokenizer_path("bpe-chatml"), template=path)
    assert chat.spec.template == CHATML
    # "user", a line break and "Hi" between two markers, and the line break after them.
    assert strategies.count([HI], chat) == [[7]] == plain_counts(chat, [HI])
    assert load_chat(tokenizer_path("bpe-chatml"), template=content).spec.template == CHATML


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "is JSON without the field 'chat_template', and no template"),
        ('{"template": "x"}', "is JSON without the field 'chat_template'"),
        ("[1]", "is JSON without the field 'chat_template'"),
        ('"{{ messages }}"', "is JSON without the field 'chat_template'"),
        ('{"chat_template": null}', "chat_template: must be the text of a template"),
        ('{"chat_template": 1}', "chat_template: must be the text of a template"),
        ('{"chat_template": ""}', "chat_template: the template is empty"),
        (
            '{"chat_template": {"b": "x", "a": "y"}}',
            "chat_template: must be one template, but holds several by name (a, b)",
        ),
        (
            '{"chat_template": [{"name": "tool_use", "template": "x"}]}',
            "chat_template: must be one template, but holds several by name (tool_use)",
        ),
        ('{"chat_template": "x"', "is named as JSON, but cannot be read as JSON"),
        ("{{ messages[0].content }}", "is named as JSON, but cannot be read as JSON"),
        ("[" * 100_000, "is named as JSON, but cannot be read as JSON"),
    ],
)
def test_other_json_is_refused_in_one_line(content: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_chat(tokenizer_path("bpe-chatml"), template=path)
    assert str(caught.value).startswith(f"{path}: {reason}")
    assert "\n" not in str(caught.value)


def test_the_command_line_reads_a_template_inside_json(bench: Bench, tmp_path: Path) -> None:
    data, path = tmp_path / "single.jsonl", tmp_path / "chat_template.json"
    data.write_text('{"messages":[{"role":"user","content":"Hi"}]}\n')
    path.write_text(json.dumps({"chat_template": CHATML}))
    command = ("count", data, "--tokenizer", "bpe-chatml", "--json")
    result = bench(*command, "--template", path)
    assert json.loads(result.out)["max"] == 7
    path.write_text("{}")
    result = bench(*command, "--template", path)
    assert result.code == 3
    assert result.error.count("\n") == 1
