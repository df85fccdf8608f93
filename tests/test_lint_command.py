"""`bench lint`: its table, its JSON, its exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench.bundled import tokenizer_path
from bench.reporting.lint_document import SCHEMA_PATH, document
from bench.samples import sample_bytes
from strategies import lint, load_chat
from tests.conftest import Bench, bundled_chat

SCHEMA = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
WIDTHS = ("80", "140")


def changed(folder: Path, name: str, changes: dict[str, Any], **config: Any) -> Path:
    """Copy a bundled tokenizer with other flags of its added tokens."""
    shutil.copytree(tokenizer_path(name), folder)
    path = folder / "tokenizer.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    for token in known["added_tokens"]:
        token.update(changes.get(token["content"], changes.get("*", {})))
    path.write_text(json.dumps(known), encoding="utf-8")
    path = folder / "tokenizer_config.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**known, **config}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["bpe-chatml", "sp-bpe", "unigram", "sentencepiece"])
def test_the_table_fits_and_says_what_holds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    result = bench("lint", "--tokenizer", name)
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= int(width)
    found = lint(bundled_chat(name))
    lines = result.out.splitlines()
    assert lines[0].startswith(f"{name} (")
    assert lines[0].endswith(found.verdict.exactness)
    assert all(each.text in result.out for each in found.markers)
    assert "searched: " in result.out
    grows = "yes, in 3" if found.template.appends_only else "no, in 1 of 3"
    assert f"append-only from turn to turn: {grows} conversations" in result.out
    assert "cut points that the template can write: " in result.out
    assert "dropped: user.name" in result.out
    if found.counterexample is not None:
        assert repr(found.counterexample.text) in result.out


@pytest.mark.parametrize("name", ["bpe-chatml", "sp-bpe", "unigram", "sentencepiece"])
def test_the_json_is_what_its_schema_says(bench: Bench, name: str) -> None:
    result = bench("lint", "--tokenizer", name, "--json")
    assert result.code == 0
    printed = json.loads(result.out)
    jsonschema.Draft202012Validator(SCHEMA).validate(printed)
    chat = bundled_chat(name)
    expected = json.loads(json.dumps(document(lint(chat), chat.fingerprint)))
    # The clock is the start of the day, for each by itself.
    assert {**printed, "tokenizer": None} == {**expected, "tokenizer": None}


@pytest.mark.parametrize(
    "change",
    [
        {"exact": False},
        {"verdict": "exact"},
        {"rule": "strip flags"},
        {"condition": "E1"},
        {"markers": [{}]},
        {"amplification": 0.5},
    ],
    ids=str,
)
def test_the_schema_refuses_what_cannot_be(change: dict[str, Any]) -> None:
    chat = bundled_chat("bpe-chatml")
    made = json.loads(json.dumps(document(lint(chat, most_pieces=1), chat.fingerprint)))
    jsonschema.validate(made, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**made, **change}, SCHEMA)


def test_exit_1_where_cutting_with_neighbours_is_not_exact(bench: Bench, tmp_path: Path) -> None:
    folder = changed(tmp_path / "t", "bpe-chatml", {}, split_special_tokens=True)
    result = bench("lint", "--tokenizer", folder, "--json")
    assert result.code == 1
    printed = json.loads(result.out)
    jsonschema.validate(printed, SCHEMA)
    assert printed["verdict"] == "never"
    assert printed["rule"] == "control-token sanitizing"
    assert printed["counterexample"]["text"] == printed["marker"]
    assert bench("lint", "--tokenizer", folder, "--quiet").code == 1


def test_no_place_to_cut_is_never(bench: Bench, tmp_path: Path) -> None:
    folder = changed(tmp_path / "t", "bpe-chatml", {"*": {"single_word": True}})
    result = bench("lint", "--tokenizer", folder)
    assert result.code == 1
    assert "no added token is a place to cut" in result.out


def test_a_marker_that_is_never_exact_does_not_decide(bench: Bench, tmp_path: Path) -> None:
    folder = changed(tmp_path / "t", "bpe-chatml", {"<|im_end|>": {"single_word": True}})
    result = bench("lint", "--tokenizer", folder, "--json")
    assert result.code == 0
    verdicts = {each["text"]: each for each in json.loads(result.out)["markers"]}
    assert verdicts["<|im_end|>"]["condition"] == "A8"
    text = verdicts["<|im_end|>"]["counterexample"]["text"]
    assert "<|im_end|>" in text
    assert verdicts["<|im_start|>"]["verdict"] == "exact-alone"


def test_a_dataset_gives_the_expected_amplification(bench: Bench, tmp_path: Path) -> None:
    data = tmp_path / "chats.jsonl"
    data.write_bytes(sample_bytes("small", shapes=["agentic"]))
    result = bench("lint", "--tokenizer", "bpe-chatml", "--dataset", data, "--json")
    printed = json.loads(result.out)
    jsonschema.validate(printed, SCHEMA)
    assert printed["amplification"] > 2
    assert printed["template"]["conversations"] > 3
    table = bench("lint", "--tokenizer", "bpe-chatml", "--dataset", data).out
    assert f"expected amplification: {printed['amplification']:.1f}" in table


def test_a_template_without_markers_has_no_cut_points(bench: Bench, tmp_path: Path) -> None:
    template = tmp_path / "plain.jinja"
    template.write_text(
        "{% for m in messages %}[[{{ m.role }}]] <|turn|>{{ m.content }}\n{% endfor %}"
    )
    result = bench("lint", "--tokenizer", "bpe-chatml", "--template", template)
    assert result.code == 0
    assert "cut points that the template can write: none" in result.out
    assert "looks like a marker, is plain text for the tokenizer: <|turn|>" in result.out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--tokenizer", "./missing"), "no such folder"),
        (("--tokenizer", "bpe-chatml", "--template", "missing.jinja"), "missing.jinja"),
        (("--tokenizer", "bpe-chatml", "--dataset", "missing.jsonl"), "missing.jsonl"),
        ((), "--tokenizer"),
    ],
)
def test_bad_input_is_one_line_and_exit_3(
    bench: Bench, arguments: tuple[str, ...], named: str
) -> None:
    result = bench("lint", *arguments)
    assert result.code == 3
    assert result.out == ""
    assert len(result.error.strip().splitlines()) == 1
    assert named in result.error


GROWS = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
ASKS = "{% if add_generation_prompt %}<|im_start|>assistant\n{{ more }}{% endif %}"


@pytest.mark.parametrize(
    ("template", "kwargs", "conversation", "turn", "in_generation_prompt"),
    [
        (GROWS + ASKS, {"more": ""}, None, None, None),
        (GROWS + ASKS, {"more": "<think>"}, "plain chat", 2, True),
        ("{{ messages | length }}" + GROWS + ASKS, {}, "plain chat", 2, False),
    ],
    ids=["append-only", "a thought is asked for", "the number of messages comes first"],
)
def test_the_first_turn_that_is_not_the_last_one_with_more_is_named(
    template: str,
    kwargs: dict[str, Any],
    conversation: str | None,
    turn: int | None,
    in_generation_prompt: bool | None,
) -> None:
    chat = load_chat(tokenizer_path("bpe-chatml"), template=template, template_kwargs=kwargs)
    facts = lint(chat, most_pieces=1).template
    assert facts.appends_only == (conversation is None)
    if conversation is not None:
        first = facts.breaks[0]
        assert (first.conversation, first.turn) == (conversation, turn)
        assert first.in_generation_prompt == in_generation_prompt
        assert first.before != first.after


def test_nothing_is_said_of_turns_that_the_template_refuses(bench: Bench, tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text("{{ raise_exception('no') }}", encoding="utf-8")
    command = ["lint", "--tokenizer", "bpe-chatml", "--template", template]
    assert "append-only from turn to turn: not known" in bench(*command).out
    printed = json.loads(bench(*command, "--json").out)
    jsonschema.Draft202012Validator(SCHEMA).validate(printed)
    assert (printed["template"]["append_only"], printed["template"]["conversations"]) == (None, 0)


def test_what_a_template_drops_refuses_and_writes_is_said() -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}"
        "{% elif m.role != 'system' %}{{ bos_token if m.name else '' }}<|im_start|>"
        "{{ m.content }}{% if loop.last %}{{ m.reasoning_content }}{% endif %}{% endif %}"
        "{% endfor %}{{ '<|im_end|>' if never }}"
    )
    chat = load_chat(tokenizer_path("bpe-chatml"), template=template)
    facts = lint(chat, most_pieces=1).template
    fates = {fate.subject: fate for fate in facts.fates}
    assert fates["system"].kept == "dropped"
    assert fates["user"].kept == "kept"
    assert fates["tool"].kept == "refused"
    assert fates["tool"].reason is not None
    assert "no tools" in fates["tool"].reason
    assert fates["tools"].kept == "dropped"
    added = {n: t.content for n, t in chat.tokenizer.added_tokens_decoder.items()}
    # The second one stands in a branch that no conversation reaches.
    assert {"<|im_start|>", "<|im_end|>"} <= {added[number] for number in facts.written}
