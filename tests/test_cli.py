"""Options of the command line reach the counts, and notes of the counters reach the reader."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow.parquet as pq
import pytest

from bench.bundled import tokenizer_path
from bench.measuring import compare
from bench.measuring.jobs import Check, Facts, Reference
from bench.measuring.plan import Plan
from bench.measuring.result import Entry, Group
from bench.reporting.isl_table import Tally
from strategies import (
    Amplification,
    ChatTokenizer,
    Conversation,
    Counter,
    InputError,
    available_cores,
    chat_spec,
    get,
    load_chat,
    read_conversations,
    registry,
)
from strategies.chat.clock import frozen_clock
from strategies.conversations import opened
from tests.conftest import BENCH, Bench, Result, plain_counts, real_path

TOKENIZER = tokenizer_path("unigram")
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
MESSAGES = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "1", "tool_call_id": "c1"},
]
# Each option changes the number of tokens of this template.
TEMPLATE = """
{%- if word %}{{ word }}{% endif %}
{%- if strftime_now('%Y') == '1999' %} the year in which it was written {% endif %}
{%- for m in messages %}{{ m.content }}
{%- for call in m.tool_calls or [] %}
{%- if call.function.arguments is string %} these arguments are a string {% endif %}
{%- endfor %}{% endfor %}"""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"id": "c", "messages": MESSAGES}) + "\n")
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"template_kwargs": {"word": "some words more"}},
        {"clock": datetime(1999, 12, 31)},  # noqa: DTZ001  # local, as templates write it
        {"tool_arguments": "as-given"},
    ],
    ids=lambda options: next(iter(options), "none"),
)
def test_options_reach_the_counts(
    bench: Bench, dataset: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    template, out = tmp_path / "t.jinja", tmp_path / "isl.csv"
    template.write_text(TEMPLATE)
    texts: dict[str, Callable[[Any], str]] = {
        "template_kwargs": json.dumps,
        "clock": lambda value: value.date().isoformat(),
        "tool_arguments": str,
    }
    command = ["count", dataset, "--tokenizer", TOKENIZER, "--template", template, "--out", out]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", texts[name](value)]
    assert bench(*command, "--quiet") == Result(0, "", "")
    with out.open(newline="") as file:
        counted = [int(row["isl"]) for row in csv.DictReader(file)]

    def expected(**given: Any) -> list[int | None]:
        reading = {k: given.pop(k) for k in ("tool_arguments",) if k in given}
        chat = load_chat(TOKENIZER, template=template, **given)
        with frozen_clock(chat.spec.clock):
            (counts,) = plain_counts(chat, read_conversations(dataset, **reading))
        return counts

    assert counted == expected(**options)
    # Without the options the counts differ, so an option that gets lost is found.
    assert (counted == expected()) == (not options)


def test_options_of_a_comparison_reach_its_plan(
    bench: Bench, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Plan, Sequence[Conversation]]] = []

    def stop(plan: Plan, conversations: Sequence[Conversation], *_: object, **__: object) -> None:
        asked.append((plan, conversations))
        raise InputError("seen enough")

    monkeypatch.setattr(compare, "compare", stop)
    template = tmp_path / "t.jinja"
    template.write_text(TEMPLATE)
    common: list[object] = ["--tokenizer", "some/name", "--revision", "r", "--trust-remote-code"]
    common += ["--template", template, "--template-kwargs", '{"a": 1}', "--clock", "1999-12-31"]
    common += ["--tool-arguments", "as-given", "--on-error", "skip", "--cores", "1"]
    common += ["--workers", "2,3", "--seed", "7", "--strategies", "spliced,rust"]
    common += ["--baseline", "batched"]
    for arguments in (
        [dataset, "--rounds", "4"],
        ["--quick"],
        ["--sample", "small", "--budget", "9"],
    ):
        assert bench("compare", *arguments, *common).error == "bench: seen enough\n"
    spec = chat_spec(
        "some/name",
        template=template,
        template_kwargs={"a": 1},
        revision="r",
        trust_remote_code=True,
        clock=datetime(1999, 12, 31),  # noqa: DTZ001  # local, as templates write it
    )
    plans = [plan for plan, _ in asked]
    assert {plan.chats[0] for plan in plans} == {spec}
    assert [(plan.rounds, plan.budget_seconds) for plan in plans] == [
        (4, 40),
        (None, 12),
        (None, 9),
    ]
    for plan in plans:
        assert (plan.strategies, plan.settings) == (["spliced", "rust"], [(1, 2), (1, 3)])
        assert (plan.seed, plan.on_error) == (7, "skip")
    for _, conversations in asked:
        messages = [message for c in conversations for message in c.messages]
        calls = [call for message in messages for call in message.get("tool_calls") or ()]
        assert calls
        assert all(isinstance(call["function"]["arguments"], str) for call in calls)


class Noted:
    """A strategy that keeps the arguments of `open`."""

    name = "noted"
    summary = "the plain call"
    workers: ClassVar[list[int]] = []

    def availability(self, _chat: ChatTokenizer) -> str | None:
        return None

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[Counter]:
        self.workers.append(workers)
        with get("sequential").open(chat, workers=workers) as counter:
            yield counter


def test_a_strategy_has_as_many_workers_as_asked_for_or_as_there_are_cores(
    bench: Bench, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.BUILTIN, "noted", f"{__name__}:{Noted.__name__}")
    command = ("count", dataset, "--tokenizer", TOKENIZER, "--strategy", "noted")
    assert bench(*command, "--workers", "9").code == 0
    assert bench(*command).code == 0
    assert Noted.workers == [9, available_cores()]


@pytest.mark.parametrize(
    ("status", "control", "code"),
    [
        ("ok", False, 0),
        ("unavailable", False, 0),
        ("wrong", False, 1),
        ("failed", False, 1),
        ("wrong", True, 0),
    ],
)
def test_the_exit_code_says_whether_a_strategy_is_wrong_or_failed(
    bench: Bench,
    dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: Literal["ok", "wrong", "unavailable", "failed"],
    control: bool,
    code: int,
) -> None:
    group = Group(
        tokenizer="unigram",
        cores=1,
        workers=1,
        rounds=0,
        timed_conversations=1,
        timed_turns=1,
        subset=False,
        noise_floor=None,
        recommended=(),
        entries=(Entry("sequential", False, "ok", None), Entry("other", control, status, None)),
    )
    facts = Facts(Amplification(1, 1, 1), {}, ())
    reference = Reference(facts, Check(None, [[1]]), 1, None)

    def found(*_: object, finished: Callable[[str, Reference, Group], None], **__: object) -> None:
        finished("unigram", reference, group)

    monkeypatch.setattr(compare, "compare", found)
    command = ("compare", dataset, "--tokenizer", "unigram", "--cores", "1", "--quiet")
    assert bench(*command) == Result(code, "", "")


def test_what_transformers_warned_about_is_said_unless_it_is_to_be_quiet(
    bench: Bench, dataset: Path
) -> None:
    tokenizer = real_path("tokenizers", "mistral-nemo-tekken")
    command = ("count", dataset, "--tokenizer", tokenizer, "--on-error", "skip")
    assert "warning: mistral-nemo-tekken: " in bench(*command).error
    assert bench(*command, "--quiet").error == ""


def test_what_is_printed_is_the_distribution_and_where_counts_come_from(
    bench: Bench, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "isl.parquet"
    result = bench("count", dataset, "--tokenizer", TOKENIZER, "--json", "--out", out)
    counts = plain_counts(load_chat(TOKENIZER), read_conversations(dataset))
    about = {"messages": "vllm (0.33.0)", "format": "OpenAI chat"}
    tally = Tally()
    tally.add(counts)
    assert json.loads(result.out) == tally.summary() | about
    assert "auto: picked rust" in result.error
    found = json.loads(pq.read_schema(out).metadata[b"isl_bench"])
    digest = hashlib.sha256(dataset.read_bytes()).hexdigest()
    assert found["dataset_sha256"] == digest
    assert found["files"] == [{"path": str(dataset), "sha256": digest}]
    assert found["tokenizer"]["name_or_path"] == str(TOKENIZER)


def test_the_control_counts_for_nobody(bench: Bench, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "isl.csv"
    command = ("count", dataset, "--tokenizer", TOKENIZER, "--strategy", "spliced-alone")
    result = bench(*command, "--out", out)
    assert result.code == 3
    assert result.error == "bench: spliced-alone: is wrong on purpose, for comparisons only\n"
    assert not out.exists()


def test_a_bug_has_an_exit_code_of_its_own_and_a_traceback(
    bench: Bench, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(opened, "open_file", mistaken)
    result = bench("count", dataset, "--tokenizer", TOKENIZER)
    assert result.code == 70
    assert result.error.endswith("ZeroDivisionError: ours\n")


@pytest.mark.parametrize(
    ("readable", "code", "error"),
    [
        (True, 0, ""),
        (False, 3, "bench: standard output cannot be written: No space left on device\n"),
    ],
    ids=["a reader that has gone", "a full device"],
)
def test_a_standard_output_that_cannot_be_written_ends_without_a_traceback(
    readable: bool, code: int, error: str
) -> None:
    if readable:
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open("/dev/full", os.O_WRONLY)
    try:
        command = [*BENCH, "strategies", "--json"]
        done = subprocess.run(
            command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (code, error)


@pytest.mark.parametrize("stderr", ["a reader that has gone", "a full device"])
def test_a_standard_error_that_cannot_be_written_changes_no_result(
    stderr: str, tmp_path: Path
) -> None:
    # The warning about content in parts comes before anything is counted.
    content = [{"type": "text", "text": "some words"}]
    path, template = tmp_path / "parts.jsonl", tmp_path / "t.jinja"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": content}]}))
    template.write_text("{{ messages[0].content[0].text }}")
    out = tmp_path / "isl.csv"
    command = [*BENCH, "count", str(path), "--tokenizer", str(TOKENIZER)]
    command += ["--template", str(template), "--out", str(out)]
    if stderr == "a full device":
        writing = os.open("/dev/full", os.O_WRONLY)
    else:
        reading, writing = os.pipe()
        os.close(reading)
    try:
        done = subprocess.run(command, stderr=writing, check=False)
        assert (done.returncode, out.exists()) == (0, True)
        done = subprocess.run([*BENCH, "count"], stderr=writing, check=False)
        assert done.returncode == 3
    finally:
        os.close(writing)


def test_content_in_parts_is_joined_or_left_and_told(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "parts.jsonl"
    content = [{"type": "text", "text": "some words"}, {"type": "text", "text": "and more"}]
    path.write_text(json.dumps({"messages": [{"role": "user", "content": content}]}))
    template = tmp_path / "t.jinja"
    template.write_text("{{ messages[0].content if messages[0].content is string }}.")
    command = ("count", str(path), "--tokenizer", str(TOKENIZER), "--template", str(template))
    joined = json.loads(bench(*command, "--json").out)["max"]
    left = bench(*command, "--json", "--messages", "as-written")
    assert joined > json.loads(left.out)["max"]
    assert "the template leaves out content in parts: 1 message" in left.error
    quiet = bench(*command, "--quiet", "--json", "--messages", "as-written")
    assert quiet.error == ""
    chat = load_chat(TOKENIZER, template=template, messages="as-written")
    (expected,) = plain_counts(chat, read_conversations(path))
    assert [json.loads(quiet.out)["max"]] == expected
