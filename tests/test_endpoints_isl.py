"""The stand-in for the ISL script of MLCommons endpoints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.bundled import tokenizer_path
from tests.conftest import Bench, bundled_chat, real_path

TOKENIZER = tokenizer_path("bpe-chatml")
OTHER = "{% for m in messages %}<|im_start|>{{ m.content }}{{ mood }}{% endfor %}"
TOOL = {
    "type": "function",
    "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}},
}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
PARSED = {**CALL, "function": {"name": "add", "arguments": {"a": 1}}}

SCRIPT = os.environ.get("ENDPOINTS_ISL_SCRIPT")
"""The published script, in a checkout of mlcommons/endpoints."""
SCRIPT_PYTHON = os.environ.get("ENDPOINTS_PYTHON", sys.executable)
"""A Python that has what the script imports."""


def isl(messages: Sequence[dict[str, Any]], **options: Any) -> int:
    rendered = bundled_chat("bpe-chatml").tokenizer.apply_chat_template(
        list(messages), add_generation_prompt=True, return_dict=False, **options
    )
    return len(rendered)


def written(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def row(turn: int, role: str, content: str | None, name: str = "c", **more: Any) -> dict[str, Any]:
    return {"conversation_id": name, "turn": turn, "role": role, "content": content, **more}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Return rows with a tool call, and a field that nobody knows."""
    return written(
        tmp_path / "rows.jsonl",
        [
            {"_type": "dataset_metadata", "license": "CC0"},
            row(1, "user", "What is 1 + 1?", system="Be brief.", tools=[TOOL], note_7="x"),
            row(2, "assistant", "Let me see.", tool_calls=[CALL]),
            row(3, "tool", None, tool_results=[{"tool_call_id": "c1", "content": "2"}]),
            row(4, "assistant", "Two."),
            row(5, "user", "Thanks!"),
            row(1, "user", "Hello", "other"),
        ],
    )


def expected(**options: Any) -> list[int]:
    """Return the ISLs of these rows by the plain call."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 1 + 1?"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [PARSED]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Thanks!"},
    ]
    asked = [isl(messages[:k], tools=[TOOL], **options) for k in (2, 4, 6)]
    return [*asked, isl([{"role": "user", "content": "Hello"}], **options)]


def lines_of(isls: Sequence[int]) -> str:
    """Return what the script prints about some ISLs."""
    p50, p99 = np.percentile(isls, [50, 99])
    return (
        f"ISL distribution ({len(isls)} turns)\n  min  : {min(isls)}\n"
        f"  mean : {np.mean(isls):.1f}\n  p50  : {p50:.0f}\n  p99  : {p99:.0f}\n"
        f"  max  : {max(isls)}\n"
    )


def counted(bench: Bench, dataset: Path, *more: object) -> tuple[str, list[int | None]]:
    out = dataset.with_name("isl.jsonl")
    done = bench(
        "endpoints-isl", "--dataset", dataset, "--tokenizer", TOKENIZER, "--out", out, *more
    )
    assert done.code == 0, done.error
    return done.out, [json.loads(line)["isl"] for line in out.read_text().splitlines()]


def test_it_prints_the_lines_of_the_script(rows: Path, bench: Bench) -> None:
    printed, isls = counted(bench, rows)
    assert isls == expected()
    assert printed == lines_of(expected())


def test_variables_reach_the_template(rows: Path, tmp_path: Path, bench: Bench) -> None:
    template = tmp_path / "chat.jinja"
    template.write_text(OTHER)
    more = ("--template", template, "--template-kwargs", '{"mood": "with care"}')
    _, isls = counted(bench, rows, *more)
    assert isls == expected(chat_template=OTHER, mood="with care")


def test_each_request_has_its_own_template_and_variables(tmp_path: Path, bench: Bench) -> None:
    asked = [{"role": "user", "content": f"Question {k}"} for k in range(5)]
    answer = {"role": "assistant", "content": "Answer"}
    own: list[dict[str, Any]] = [
        {},
        {"chat_template": OTHER},
        {"chat_template": OTHER, "chat_template_kwargs": {"mood": "gladly"}},
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"chat_template": None, "chat_template_kwargs": None},
    ]
    rows = []
    for k, (user, fields) in enumerate(zip(asked, own, strict=True)):
        rows.append(row(2 * k + 1, "user", user["content"], **fields))
        # What a row of the assistant brings is in no request.
        rows.append(row(2 * k + 2, "assistant", "Answer", chat_template="{{ unknown.field }}"))
    rows.append(row(1, "user", "Question 0", "other"))
    dataset = written(tmp_path / "rows.jsonl", rows)
    printed, isls = counted(bench, dataset, "--template-kwargs", '{"mood": "sadly"}')
    messages: list[dict[str, str]] = []
    want = []
    for user, fields in zip(asked, own, strict=True):
        messages += [user]
        # A request has its own variables, or those of the run.
        kwargs = fields.get("chat_template_kwargs") or {"mood": "sadly"}
        want.append(isl(messages, chat_template=fields.get("chat_template"), **kwargs))
        messages += [answer]
    want.append(want[0])
    assert isls == want
    assert len(set(want)) == 5
    assert printed == lines_of(want)


def test_a_template_in_a_row_is_never_a_file(tmp_path: Path, bench: Bench) -> None:
    secret = tmp_path / "secret.jinja"
    secret.write_text("a long text " * 50)
    dataset = written(tmp_path / "rows.jsonl", [row(1, "user", "Hi", chat_template=str(secret))])
    _, isls = counted(bench, dataset)
    assert isls == [isl([{"role": "user", "content": "Hi"}], chat_template=str(secret))]


def test_a_turn_that_fails_is_told_and_never_dropped(tmp_path: Path, bench: Bench) -> None:
    refusing = "{{ raise_exception('no such role') }}"
    rows = [row(1, "user", "Hi"), row(1, "user", "Ho", "d", chat_template=refusing)]
    dataset = written(tmp_path / "rows.jsonl", rows)
    done = bench("endpoints-isl", "--dataset", dataset, "--tokenizer", TOKENIZER)
    assert done.code == 3
    assert "no such role" in done.error
    assert done.out == ""
    done = bench(
        "endpoints-isl", "--dataset", dataset, "--tokenizer", TOKENIZER, "--on-error", "skip"
    )
    assert done.code == 0
    assert "1 turns have no ISL" in done.error
    assert done.out == lines_of([isl([{"role": "user", "content": "Hi"}])])


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("chat_template", 3, "must be the text of a template"),
        ("chat_template_kwargs", [1], "must be an object"),
        ("chat_template_kwargs", {"tools": []}, "is no variable of a template"),
    ],
)
def test_a_field_of_another_type_is_named(
    tmp_path: Path, bench: Bench, field: str, value: object, reason: str
) -> None:
    rows = [row(1, "user", "Hi"), row(1, "user", "Ho", "d", **{field: value})]
    dataset = written(tmp_path / "rows.jsonl", rows)
    done = bench("endpoints-isl", "--dataset", dataset, "--tokenizer", TOKENIZER)
    assert done.code == 3
    assert f"rows.jsonl:2: {field}" in done.error
    assert reason in done.error


def test_a_line_that_is_no_json_is_named(tmp_path: Path, bench: Bench) -> None:
    # The second conversation is left out, too: the line may belong to it.
    rows = [row(1, "user", "Hi", chat_template=OTHER), row(1, "user", "Ho", "d")]
    dataset = written(tmp_path / "rows.jsonl", rows)
    good = dataset.read_bytes()
    for broken in (b'{"conversation_id": "d", "turn"', b'{"conversation_id": "\xff"}'):
        dataset.write_bytes(good + broken + b"\n")
        done = bench("endpoints-isl", "--dataset", dataset, "--tokenizer", TOKENIZER)
        assert done.code == 3
        assert f"{dataset}:3: " in done.error
        _, isls = counted(bench, dataset, "--on-error", "skip")
        assert isls == [isl([{"role": "user", "content": "Hi"}], chat_template=OTHER)]


def test_it_can_be_turned_off(
    tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing, out = tmp_path / "rows.jsonl", tmp_path / "isl.jsonl"
    command = ("endpoints-isl", "--dataset", missing, "--tokenizer", TOKENIZER, "--out", out)
    assert bench(*command).code == 3
    done = bench(*command, "--isl", "off")
    assert (done.code, done.out) == (0, "")
    assert "ISLs are off" in done.error
    monkeypatch.setenv("ISL_BENCH_ENDPOINTS", "off")
    assert bench(*command).code == 0
    assert not out.exists()


@pytest.mark.skipif(SCRIPT is None, reason="ENDPOINTS_ISL_SCRIPT names no published script")
@pytest.mark.timeout(900)
def test_the_published_script_prints_the_same(bench: Bench) -> None:
    dataset = real_path("datasets", "agentic_coding_2.5h.jsonl")
    tokenizer = real_path("tokenizers", "qwen3")
    arguments = ["--dataset", str(dataset), "--tokenizer", str(tokenizer)]
    theirs = subprocess.run(
        [SCRIPT_PYTHON, str(SCRIPT), *arguments], capture_output=True, text=True, check=True
    )
    done = bench("endpoints-isl", *arguments)
    assert done.code == 0, done.error
    assert done.out == theirs.stdout
