"""`bench sample`, and the bundled tokenizers by name: something to try the commands on."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from bench.bundled import tokenizer_names, tokenizer_path
from bench.cli.started import as_started
from bench.samples import sample_bytes
from tests.conftest import BENCH, Bench, Result

UNKNOWN = "bpe-chatlm"
"""A name with a typing error."""


def test_what_is_written_is_the_sample(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "the chats.jsonl"
    assert bench("sample", "--out", out) == Result(
        0,
        f"wrote 45 conversations to {out}\n"
        f"try: bench count '{out}' --tokenizer {tokenizer_names()[0]}\n",
        "",
    )
    assert out.read_bytes() == sample_bytes("small")
    options = ("--size", "regular", "--shape", "agentic", "--shape", "long", "--seed", "7")
    assert bench("sample", *options, "--out", out).code == 0
    assert out.read_bytes() == sample_bytes("regular", shapes=["agentic", "long"], seed=7)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_without_a_file_it_goes_to_standard_output_as_utf_8() -> None:
    done = subprocess.run(
        [*BENCH, "sample"],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == sample_bytes("small")
    assert not done.stdout.isascii()


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("chats.parquet", "the sample is JSON Lines; end the name with .jsonl"),
        ("no/such/chats.jsonl", "no such folder"),
        (".jsonl/", "the sample is JSON Lines"),
    ],
)
def test_a_name_that_no_sample_can_have_is_refused(
    bench: Bench, tmp_path: Path, out: str, reason: str
) -> None:
    result = bench("sample", "--out", f"{tmp_path}/{out}")
    assert (result.code, result.out) == (3, "")
    assert reason in result.error
    assert len(result.error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_sample_that_cannot_be_finished_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "chats.jsonl"
    out.write_text("old")
    done = subprocess.run(
        [*BENCH, "sample", "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)),
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"bench: {out}: cannot be written: File too large\n"
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.fixture
def chats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A short dataset in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "chats.jsonl"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "a few words"}]}))
    return path


def test_a_bundled_tokenizer_is_its_name(bench: Bench, chats: Path, bundled_name: str) -> None:
    def counted(tokenizer: object) -> Result:
        return bench("count", chats, "--tokenizer", tokenizer, "--json", "--quiet")

    by_name = counted(bundled_name)
    assert by_name.code == 0
    assert by_name == counted(tokenizer_path(bundled_name))


def test_a_folder_here_wins_over_a_bundled_name(bench: Bench, chats: Path) -> None:
    (chats.parent / "unigram").mkdir()
    result = bench("count", chats, "--tokenizer", "unigram")
    assert (result.code, result.out) == (3, "")
    assert result.error.startswith("bench: unigram: no tokenizer in this folder")


@pytest.mark.parametrize(
    "command",
    [
        ["strategies"],
        ["count", "chats.jsonl"],
        ["growth", "--rounds", "1"],
        [
            "compare",
            "chats.jsonl",
            "--strategies",
            "rust",
            "--rounds",
            "1",
            "--tokenizer",
            "unigram",
        ],
    ],
    ids=lambda command: command[0],
)
def test_an_unknown_tokenizer_lists_the_bundled_ones(
    bench: Bench, chats: Path, command: list[str]
) -> None:
    result = bench(*command, "--tokenizer", UNKNOWN)
    assert (result.code, result.out) == (3, "")
    line = result.error.splitlines()[-1]
    assert line.startswith(f"bench: {UNKNOWN}: neither a folder nor a tokenizer on the hub")
    assert line.endswith(f"(bundled are {', '.join(tokenizer_names())})")
    assert [path.name for path in chats.parent.iterdir()] == [chats.name]


def test_the_advice_names_the_program_as_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "bench"
    program.parent.mkdir()
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", [str(program), "sample"])
    assert as_started() == str(program)
    monkeypatch.setenv("PATH", str(program.parent))
    assert as_started() == "bench"
    monkeypatch.setattr(sys, "argv", ["/nowhere/bench/__main__.py"])
    assert as_started() == "bench"
