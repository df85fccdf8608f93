"""The chat template that is used: given as a file, in JSON, by name, or a processor's."""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

import strategies
from bench.bundled import tokenizer_path
from strategies import Conversation, InputError, IslWarning, load_chat
from tests.conftest import BENCH, Bench, plain_counts

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


NAMED = {
    "default": "{% for m in messages %}{{ m.content }}{% endfor %}",
    "tool_use": "tools: {% for m in messages %}{{ m.content }}{% endfor %}",
    "rag": "{% for m in messages %}{{ m.content }} and {{ m.content }}{% endfor %}",
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
DATA = (HI, Conversation("t", HI.messages, (TOOL,), (1,)))


@pytest.fixture(params=["list", "files"])
def several(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A tokenizer with several templates, as older and newer versions of transformers save them."""
    folder = copied(tmp_path / "several", chat_template__jinja=None)
    if request.param == "files":
        (folder / "chat_template.jinja").write_text(NAMED["default"])
        (folder / "additional_chat_templates").mkdir()
        for name in ("tool_use", "rag"):
            (folder / "additional_chat_templates" / f"{name}.jinja").write_text(NAMED[name])
        return folder
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["chat_template"] = [{"name": name, "template": text} for name, text in NAMED.items()]
    path.write_text(json.dumps(config), encoding="utf-8")
    return folder


def copied(folder: Path, **files: str | None) -> Path:
    """A copy of a bundled tokenizer with other files; ``__`` in a name stands for the dot."""
    shutil.copytree(tokenizer_path("bpe-chatml"), folder)
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        if content is None:
            path.unlink()
        else:
            path.write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", NAMED)
def test_one_of_several_templates_is_chosen_by_name(
    name: str, several: Path, strategy_name: str
) -> None:
    chat = load_chat(several, template_name=name)
    wanted = load_chat(several, template=NAMED[name])
    assert chat.template == NAMED[name]
    assert strategies.count(DATA, chat, strategy_name) == plain_counts(wanted, DATA)
    assert strategies.verify(strategy_name, DATA, chat) == []


def test_without_a_name_transformers_chooses(several: Path) -> None:
    chat = load_chat(several)
    lengths = strategies.count(DATA, chat)
    assert lengths == plain_counts(chat, DATA)
    assert lengths[0] == strategies.count(DATA, load_chat(several, template_name="default"))[0]
    assert lengths[1] == strategies.count(DATA, load_chat(several, template_name="tool_use"))[1]


def test_the_name_travels_and_is_fingerprinted(several: Path) -> None:
    chat = load_chat(several, template_name="rag")
    again = chat.load_again()
    assert again.template == NAMED["rag"]
    assert again.fingerprint == chat.fingerprint
    assert chat.fingerprint["template_name"] == "rag"
    others = [load_chat(several, template_name=name) for name in ("default", "tool_use")]
    digests = {each.fingerprint["template_sha256"] for each in (chat, *others)}
    assert len(digests) == 3


def test_a_name_that_does_not_exist_lists_those_that_do(several: Path) -> None:
    with pytest.raises(InputError, match=r"named 'tools'; there are default, rag, tool_use$"):
        load_chat(several, template_name="tools")
    with pytest.raises(InputError, match="named 'default'; its only one has no name"):
        load_chat(tokenizer_path("bpe-chatml"), template_name="default")


def test_a_name_and_a_template_are_refused_together() -> None:
    with pytest.raises(InputError, match="template name: chooses among the tokenizer's own"):
        load_chat(tokenizer_path("bpe-chatml"), template=CHATML, template_name="default")


def test_an_empty_template_among_several_is_refused(several: Path) -> None:
    (several / "additional_chat_templates").mkdir(exist_ok=True)
    (several / "additional_chat_templates" / "rag.jinja").write_text("")
    path = several / "tokenizer_config.json"
    path.write_text(path.read_text().replace(json.dumps(NAMED["rag"]), '""'))
    with pytest.raises(InputError, match="has no chat template"):
        load_chat(several, template_name="rag")


def test_the_command_line_chooses_by_name(bench: Bench, several: Path, tmp_path: Path) -> None:
    data = tmp_path / "single.jsonl"
    data.write_text('{"messages":[{"role":"user","content":"Hi"}]}\n')
    command = ("count", data, "--tokenizer", several, "--json")
    found = {
        name: json.loads(bench(*command, "--template-name", name).out)["max"] for name in NAMED
    }
    assert found["default"] < found["tool_use"]
    assert found["default"] < found["rag"]
    result = bench(*command, "--template-name", "none")
    assert result.code == 3
    assert "there are default, rag, tool_use" in result.error


def processor(tmp_path: Path, own: str | None, theirs: str) -> Path:
    folder = copied(tmp_path / "p", chat_template__jinja=own, chat_template__json=theirs)
    (folder / "processor_config.json").write_text('{"processor_class": "LlavaProcessor"}')
    return folder


@pytest.mark.parametrize("strategy", ["sequential", "process-pool", "auto"])
def test_the_template_of_a_processor_is_used_if_there_is_no_other(
    strategy: str, tmp_path: Path
) -> None:
    chat = load_chat(processor(tmp_path, None, json.dumps({"chat_template": CHATML})))
    assert strategies.count([HI], chat, strategy) == [[7]] == plain_counts(chat, [HI])
    assert any("is that of chat_template.json" in warning for warning in chat.warnings)
    assert chat.load_again().fingerprint == chat.fingerprint


def test_a_tokenizer_with_a_template_of_its_own_keeps_it(tmp_path: Path) -> None:
    folder = processor(tmp_path, CHATML, json.dumps({"chat_template": "{{ bos_token }}"}))
    chat = load_chat(folder)
    assert strategies.count([HI], chat) == [[7]]
    (warning,) = chat.warnings
    assert "is the tokenizer's own; that of chat_template.json differs" in warning
    # Whoever gives a template has chosen.
    assert load_chat(folder, template=folder / "chat_template.json").warnings == ()


@pytest.mark.parametrize("theirs", [json.dumps({"chat_template": CHATML}), "{", '{"a": 1}'])
def test_a_processor_that_says_nothing_else_is_not_spoken_of(theirs: str, tmp_path: Path) -> None:
    assert load_chat(processor(tmp_path, CHATML, theirs)).warnings == ()


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        ("{", "is named as JSON, but cannot be read as JSON"),
        ('{"chat_template": [1]}', "chat_template: must be one template"),
    ],
)
def test_a_processor_template_that_is_needed_and_damaged_is_one_line(
    theirs: str, reason: str, tmp_path: Path
) -> None:
    folder = processor(tmp_path, None, theirs)
    with pytest.raises(InputError) as caught:
        load_chat(folder)
    assert str(caught.value).startswith(f"{folder / 'chat_template.json'}: {reason}")


def test_the_template_of_a_processor_on_the_hub_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A repository as the hub's client keeps it after a download.
    repository = tmp_path / "models--owner--name"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    snapshot = copied(repository / "snapshots" / ("0" * 40), chat_template__jinja=None)
    (snapshot / "config.json").write_text("{}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="owner/name: has no chat template"):
        load_chat("owner/name")
    (snapshot / "chat_template.json").write_text(json.dumps({"chat_template": CHATML}))
    chat = load_chat("owner/name")
    assert strategies.count([HI], chat) == [[7]]
    assert any("is that of chat_template.json" in warning for warning in chat.warnings)


def test_a_warning_reaches_python_once(tmp_path: Path) -> None:
    folder = processor(tmp_path, None, json.dumps({"chat_template": CHATML}))
    with pytest.warns(IslWarning) as caught:
        chat = load_chat(folder)
    assert [str(each.message) for each in caught] == [f"p: {text}" for text in chat.warnings]
    assert [each.filename for each in caught] == [__file__]
    # Workers and threads load it again, and say nothing.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chat.load_again()
        strategies.count([HI], chat, "thread-pool", workers=2)
        strategies.count([HI], chat, "process-pool", workers=2)


@pytest.mark.parametrize("strategy", ["auto", "process-pool"])
def test_a_warning_reaches_the_terminal_once(strategy: str, tmp_path: Path) -> None:
    folder = processor(tmp_path, None, json.dumps({"chat_template": CHATML}))
    data = tmp_path / "single.jsonl"
    data.write_text('{"messages":[{"role":"user","content":"Hi"}]}\n')
    command = [*BENCH, "count", str(data), "--tokenizer", str(folder), "--strategy", strategy]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    told = [line for line in ran.stderr.splitlines() if "chat_template.json" in line]
    (line,) = told
    assert line.startswith("warning: p: the chat template is that of chat_template.json")
    assert "IslWarning" not in ran.stderr
