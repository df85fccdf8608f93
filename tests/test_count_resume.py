"""A count that was killed is gone on with, and ends as one that was not."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench.bundled import tokenizer_path
from bench.reporting.growing import GrowingFile, hidden
from bench.reporting.journal import Journal
from tests.conftest import Bench

TOKENIZER = tokenizer_path("bpe-chatml")
SMALL_PARTS = """
import sys
from bench.cli import counting
from bench.__main__ import main
from strategies.conversations import records
records.PART_BYTES, records.PARQUET_BATCH_ROWS, records.ARROW_PART_BYTES = 4000, 20, 4000
counting.JOURNAL_SECONDS = 0
sys.exit(main())
"""
"""The program, with a journal after each small part."""


def dataset(path: Path, chats: int = 500) -> Path:
    dice = random.Random(1)  # noqa: S311  # it hides nothing
    with path.open("w", encoding="utf-8") as file:
        for number in range(chats):
            messages = []
            for _ in range(dice.randint(1, 4)):
                words = " ".join(str(dice.random()) for _ in range(dice.randint(1, 9)))
                messages += [{"role": "user", "content": words}]
                messages += [{"role": "assistant", "content": words}]
            record = {"id": f"chat {number}", "messages": messages}
            if number % 97 == 5:
                record["messages"] = [{"role": "nobody", "content": 1}]
            file.write(json.dumps(record) + "\n")
    return path


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SMALL_PARTS, "count", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed_after_journals(number: int, out: Path, *arguments: object) -> bool:
    """Run until the journal was written some times, and kill; or until the end."""
    program = start(*arguments)
    journal = Journal(out).path
    seen, last = 0, None
    while program.poll() is None:
        try:
            state = journal.stat()
        except FileNotFoundError:
            state = None
        if state is not None and (state.st_ino, state.st_mtime_ns) != last:
            seen, last = seen + 1, (state.st_ino, state.st_mtime_ns)
        if seen >= number:
            program.send_signal(signal.SIGKILL)
            program.communicate()
            return True
        time.sleep(0.001)
    output, errors = program.communicate()
    assert program.returncode == 0, (output, errors)
    return False


@pytest.mark.parametrize(
    ("ending", "array"),
    [(".jsonl", False), (".csv", False), (".parquet", False), (".jsonl", True)],
)
def test_a_count_that_is_killed_again_and_again_ends_as_if_it_was_not(
    tmp_path: Path, ending: str, array: bool
) -> None:
    path = dataset(tmp_path / "data.jsonl")
    if array:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        path.write_text(json.dumps(rows), encoding="utf-8")
    expected, out = tmp_path / f"expected{ending}", tmp_path / f"isl{ending}"
    options = (path, "--tokenizer", TOKENIZER, "--on-error", "skip", "--json")
    whole = start(*options, "--out", expected, "--rejects", tmp_path / "expected.rejects")
    summary, _ = whole.communicate()
    assert whole.returncode == 0
    command = (*options, "--out", out, "--rejects", tmp_path / "rejects")
    dice = random.Random(ending)  # noqa: S311  # it hides nothing
    assert killed_after_journals(dice.randint(2, 15), out, *command)
    kills = 1
    while kills < 3 and killed_after_journals(dice.randint(2, 15), out, *command, "--resume"):
        kills += 1
    assert kills > 1
    last = start(*command, "--resume")
    found, told = last.communicate()
    assert last.returncode == 0, told
    assert json.loads(found) == json.loads(summary)
    assert out.read_bytes() == expected.read_bytes()
    assert (tmp_path / "rejects").read_bytes() == (tmp_path / "expected.rejects").read_bytes()
    assert "6 records were not read" in told
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted(
        ["data.jsonl", expected.name, out.name, "rejects", "expected.rejects"]
    )


@pytest.fixture
def begun(tmp_path: Path) -> tuple[Path, Path]:
    """Return a dataset, and the table of a count that was killed."""
    path, out = dataset(tmp_path / "data.jsonl"), tmp_path / "isl.jsonl"
    options = (path, "--tokenizer", TOKENIZER, "--on-error", "skip", "--out", out)
    assert killed_after_journals(5, out, *options)
    return path, out


def resumed(bench: Bench, begun: tuple[Path, Path], *more: object) -> Any:
    path, out = begun
    options = ("--tokenizer", TOKENIZER, "--on-error", "skip", "--out", out, "--resume")
    return bench("count", path, *options, *more)


def test_what_is_written_so_far_is_checked(bench: Bench, begun: tuple[Path, Path]) -> None:
    _, out = begun
    part = hidden(out, ".part")
    written = part.read_bytes()
    part.write_bytes(b"[" + written[1:])
    result = resumed(bench, begun)
    assert result.code == 3
    assert f"{out}: what an earlier run has written was changed" in result.error
    part.write_bytes(written[:10])
    assert "was changed" in resumed(bench, begun).error
    # What comes after the journal is counted again.
    part.write_bytes(written + b"half a li")
    assert resumed(bench, begun).code == 0
    assert len({tuple(json.loads(line).values()) for line in out.open(encoding="utf-8")}) == len(
        out.read_text(encoding="utf-8").splitlines()
    )


def test_another_dataset_or_command_is_not_gone_on_with(
    bench: Bench, begun: tuple[Path, Path]
) -> None:
    path, out = begun
    result = resumed(bench, begun, "--template-kwargs", '{"a": 1}')
    assert (result.code, f"{out}: was begun with another value of tokenizer" in result.error) == (
        3,
        True,
    )
    result = resumed(bench, begun, "--rejects", out.with_suffix(".rejects"))
    assert (result.code, "was begun with another value of rejects" in result.error) == (3, True)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"chat 0", b"chat x", 1))
    result = resumed(bench, begun)
    assert (result.code, f"{path}: is not the file that was read" in result.error) == (3, True)


@pytest.mark.parametrize(
    "changed",
    [
        {"format": 0},
        {"contents": 5},
        {"about": []},
        {"place": {"offset": "x"}},
        {"place": {"offset": -5}},
        {"place": {"column": "x"}},
        {"place": {"column": -5}},
        {"place": {"form": "unknown"}},
        {"place": {"more": 1}},
        {"out": {"start": None}},
        {"isls": {"x": 1}},
    ],
)
def test_a_damaged_journal_is_one_line(
    bench: Bench, tmp_path: Path, changed: dict[str, Any]
) -> None:
    path, out = dataset(tmp_path / "data.jsonl", 4), tmp_path / "isl.csv"
    whole = {"format": 1, "about": {}, "place": {}, "out": {}, "rejects": {}, "isls": {}}
    whole |= {"skipped": 0, "sums": {}, "known": {}, "contents": {}}
    Journal(out).path.write_text(json.dumps({**whole, **changed}), encoding="utf-8")
    result = bench("count", path, "--tokenizer", TOKENIZER, "--out", out, "--resume")
    assert (result.code, len(result.error.splitlines())) == (3, 1)
    assert "is no journal that this version can read" in result.error


def test_without_resume_it_begins_anew_and_says_so(bench: Bench, begun: tuple[Path, Path]) -> None:
    path, out = begun
    options = ("--tokenizer", TOKENIZER, "--on-error", "skip", "--out", out)
    result = bench("count", path, *options)
    assert result.code == 0
    assert "an earlier run was not done; it is begun anew" in result.error
    assert {item.name for item in out.parent.iterdir()} == {path.name, out.name}
    assert "an earlier run" not in bench("count", path, *options).error


def test_what_a_kill_has_left_beside_the_table_goes(bench: Bench, begun: tuple[Path, Path]) -> None:
    """Killed while it wrote a journal, and begun anew without the file of the rejects."""
    path, out = begun
    rejects = out.with_suffix(".rejects")
    options = (path, "--tokenizer", TOKENIZER, "--on-error", "skip", "--out", out)
    assert killed_after_journals(2, out, *options, "--rejects", rejects)
    left = (hidden(out, ".journal.part"), hidden(rejects, ".part"))
    left[0].write_text("half a journ")
    assert left[1].exists()
    assert bench("count", *options).code == 0
    assert {item.name for item in out.parent.iterdir()} == {path.name, out.name}


def test_there_may_be_nothing_to_go_on_with(bench: Bench, tmp_path: Path) -> None:
    path, out = dataset(tmp_path / "data.jsonl", 4), tmp_path / "isl.csv"
    result = bench("count", path, "--tokenizer", TOKENIZER, "--out", out, "--resume")
    assert (result.code, out.exists()) == (0, True)
    assert "nothing to go on with" in result.error
    result = bench("count", path, "--tokenizer", TOKENIZER, "--resume")
    assert (result.code, "give --out FILE" in result.error) == (3, True)


def test_two_programs_do_not_write_the_same_table(bench: Bench, tmp_path: Path) -> None:
    path, out = dataset(tmp_path / "data.jsonl", 4), tmp_path / "isl.csv"
    command = ("count", path, "--tokenizer", TOKENIZER, "--out", out)
    with GrowingFile(out) as file:
        file.write(b"of another program")
        Journal(out).path.write_bytes(b"{}")
        result = bench(*command)
        assert (result.code, "begun anew" in result.error) == (3, False)
        # It belongs to the other program.
        Journal(out).path.unlink()
        assert f"{out}: another program is writing this file" in result.error
        file.complete()
    assert out.read_bytes() == b"of another program"
    assert bench(*command).code == 0


def test_an_interruption_keeps_what_is_asked_to_be_kept(tmp_path: Path) -> None:
    path, out = dataset(tmp_path / "data.jsonl"), tmp_path / "isl.csv"
    for more, left in ((), False), (("--resume",), True):
        options = (path, "--tokenizer", TOKENIZER, "--on-error", "skip", "--out", out)
        program = start(*options, *more)
        while program.poll() is None and not Journal(out).path.exists():
            time.sleep(0.001)
        program.send_signal(signal.SIGTERM)
        _, told = program.communicate()
        assert program.returncode == 130, told
        assert ("go on with --resume" in told) is left
        assert hidden(out, ".part").exists() is left
        assert Journal(out).path.exists() is left


def test_nothing_stays_that_cannot_be_gone_on_with(bench: Bench, tmp_path: Path) -> None:
    path, out = dataset(tmp_path / "data.jsonl", 4), tmp_path / "isl.csv"
    more = ("--out", out, "--resume", "--on-error", "skip", "--rejects", tmp_path / "rejects")
    for data, tokenizer in ((tmp_path / "gone", TOKENIZER), (path, tmp_path / "gone")):
        assert bench("count", data, "--tokenizer", tokenizer, *more).code == 3
        assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_a_link_of_the_hidden_name_is_not_written_to(bench: Bench, tmp_path: Path) -> None:
    path, out = dataset(tmp_path / "data.jsonl", 4), tmp_path / "isl.csv"
    victim = tmp_path / "victim"
    victim.write_text("mine")
    hidden(out, ".part").symlink_to(victim)
    result = bench("count", path, "--tokenizer", TOKENIZER, "--out", out)
    assert (result.code, f"{out}: cannot be written" in result.error) == (3, True)
    assert victim.read_text() == "mine"
