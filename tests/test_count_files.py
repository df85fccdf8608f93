"""Commands take several files, patterns, folders and pipes as one dataset."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bench.bundled import tokenizer_path
from bench.cli.console import Messages
from bench.cli.inputs import tell_format
from bench.measuring import compare
from bench.reporting.dataset import read_dataset_files
from strategies import InputError
from strategies.conversations.datasets import read_files
from strategies.conversations.files_stream import joined_digest
from strategies.conversations.options import ReadOptions
from strategies.conversations.sources import find_files
from tests.conftest import Bench, bundled_chat, plain_counts
from tests.datasets import zstd
from tests.test_count_resume import dataset, killed_after_journals

TOKENIZER = tokenizer_path("bpe-chatml")


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Return a folder with the parts of a dataset, each in another container."""
    lines = dataset(tmp_path / "all", 400).read_bytes().splitlines(keepends=True)
    folder = tmp_path / "shards"
    folder.mkdir()
    packs: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstd}
    for number, (ending, pack) in enumerate(packs.items()):
        part = b"".join(lines[150 * number : 150 * (number + 1)])
        (folder / f"part-{number}.jsonl{ending}").write_bytes(pack(part))
    (tmp_path / "all").unlink()
    return folder


def command(shards: Path, *more: object) -> tuple[object, ...]:
    return (shards / "part-*", "--tokenizer", TOKENIZER, "--on-error", "skip", "--json", *more)


def test_a_count_of_several_files_is_gone_on_with_in_any_of_them(
    tmp_path: Path, shards: Path, bench: Bench
) -> None:
    expected, out = tmp_path / "expected.parquet", tmp_path / "isl.parquet"
    more = ("--out", expected, "--rejects", tmp_path / "expected.rejects")
    whole = bench("count", *command(shards, *more))
    assert whole.code == 0, whole.error
    more = ("--out", out, "--rejects", tmp_path / "rejects")
    assert killed_after_journals(7, out, *command(shards, *more))
    # In the second file, if a journal is written after each part, and in any other one if not.
    killed_after_journals(9, out, *command(shards, *more, "--resume"))
    done = bench("count", *command(shards, *more, "--resume"))
    assert done.code == 0, done.error
    assert json.loads(done.out) == json.loads(whole.out)
    assert out.read_bytes() == expected.read_bytes()
    assert (tmp_path / "rejects").read_bytes() == (tmp_path / "expected.rejects").read_bytes()


def test_rows_and_rejects_name_their_file(tmp_path: Path, shards: Path, bench: Bench) -> None:
    read = read_files(find_files(shards / "part-*").files, ReadOptions(on_error="skip"))
    paths = [shards / name for name in ("part-0.jsonl", "part-1.jsonl.gz", "part-2.jsonl.zst")]
    counts = plain_counts(bundled_chat("bpe-chatml"), read)
    rejects = tmp_path / "rejects"
    for ending in (".csv", ".jsonl", ".parquet"):
        out = tmp_path / f"isl{ending}"
        done = bench("count", *command(shards, "--out", out, "--rejects", rejects))
        assert done.code == 0, done.error
        assert f"{shards}/part-*: 3 files, part-0.jsonl to part-2.jsonl.zst" in done.error
        rows: list[Any]
        if ending == ".csv":
            rows = list(csv.DictReader(out.open(encoding="utf-8")))
        elif ending == ".jsonl":
            rows = [json.loads(line) for line in out.open(encoding="utf-8")]
        else:
            rows = pq.read_table(out).to_pylist()
            about = json.loads(pq.read_schema(out).metadata[b"isl_bench"])
            assert [each["path"] for each in about["files"]] == [str(path) for path in paths]
        assert list(rows[0]) == ["conversation", "turn", "messages", "isl", "file"]
        assert [int(row["isl"]) for row in rows] == [isl for turns in counts for isl in turns]
        # Ids are numbers that go on from file to file.
        of_files = [int(row["conversation"].removeprefix("chat ")) // 150 for row in rows]
        assert [row["file"] for row in rows] == [str(paths[number]) for number in of_files]
    found = [json.loads(line) for line in rejects.open(encoding="utf-8")]
    assert {each["file"] for each in found} <= {str(path) for path in paths}
    assert "1 file" not in done.error
    # One file needs no column.
    out = tmp_path / "one.csv"
    bench("count", paths[0], *command(shards)[1:], "--out", out)
    assert out.read_text(encoding="utf-8").splitlines()[0] == "conversation,turn,messages,isl"


def test_a_folder_is_counted_and_mistakes_name_their_file(shards: Path, bench: Bench) -> None:
    first, others = shards / "part-0.jsonl", shards / "others"
    others.mkdir()
    (shards / "part-1.jsonl.gz").rename(others / "part-1.jsonl.gz")
    again = (others, *command(shards)[1:])
    assert json.loads(bench("count", *again).out)["turns"] > 0
    done = bench("count", shards, *again[1:])
    sets = ", ".join(str(path) for path in (others / "part-1.jsonl.gz", first))
    assert (
        done.code,
        f"with several sets of files; name those to count: {sets}, " in done.error,
    ) == (
        3,
        True,
    )
    assert bench("count", shards / "x*", *command(shards)[1:]).error == (
        f"bench: {shards}/x*: no file matches this pattern\n"
    )
    out = others / "part-1.jsonl.gz"
    done = bench("count", *again, "--rejects", out)
    assert (done.code, f"{out}: is the dataset itself" in done.error) == (3, True)
    done = bench("count", shards / "part-0.jsonl", out, "--tokenizer", TOKENIZER)
    assert done.code == 3
    assert done.error.startswith(f"bench: {shards}/part-0.jsonl:6: messages[0].role: ")


@contextmanager
def standard_input(data: bytes) -> Iterator[None]:
    kept = os.dup(0)
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    os.dup2(reading, 0)
    os.close(reading)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


@pytest.mark.parametrize("pack", [bytes, zstd])
@pytest.mark.parametrize("given", ["-", "/dev/stdin"])
def test_standard_input_is_counted(tmp_path: Path, bench: Bench, given: str, pack: Any) -> None:
    data = dataset(tmp_path / "d.jsonl", 5).read_bytes()
    more = ("--tokenizer", TOKENIZER, "--json", "--out", tmp_path / "isl.csv")
    expected = bench("count", tmp_path / "d.jsonl", *more)
    with standard_input(pack(data)):
        got = bench("count", given, *more)
    assert (got.code, json.loads(got.out)) == (0, json.loads(expected.out))
    done = bench("count", given, *more, "--resume")
    name = "standard input" if given == "-" else given
    assert done.code == 3
    assert f"bench: {name}: --resume reads what was counted once more, and a pipe " in done.error
    assert len(done.error.splitlines()) == 1


@pytest.mark.parametrize("given", ["-", "/dev/stdin"])
def test_a_standard_input_that_is_closed_is_not_waited_for(given: str) -> None:
    command = [sys.executable, "-m", "bench", "count", given, "--tokenizer", "bpe-chatml"]
    code = f"import os, sys; os.close(0); os.execv(sys.executable, {command!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    name = "standard input" if given == "-" else given
    assert (done.returncode, done.stderr) == (3, f"bench: {name}: is closed\n")


def test_a_comparison_takes_several_files_and_names_each(
    shards: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [shards / "part-0.jsonl", shards / "part-2.jsonl.zst"]
    data = read_dataset_files(paths, ReadOptions(on_error="skip"))
    assert data.path == f"{paths[0]} and 1 more file"
    assert [(each.path, each.format) for each in data.files] == [
        (str(path), "OpenAI chat") for path in paths
    ]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert [each.sha256 for each in data.files] == digests
    assert data.sha256 == joined_digest(digests)
    asked: list[Any] = []

    def stop(_plan: object, conversations: object, *_: object, **__: object) -> None:
        asked.append(conversations)
        raise InputError("seen enough")

    monkeypatch.setattr(compare, "compare", stop)
    more = ("--tokenizer", TOKENIZER, "--on-error", "skip", "--cores", "1")
    assert "seen enough" in bench("compare", paths[0], shards / "part-2*", *more).error
    assert asked == [data.conversations]


def test_revisions_count_one_file_and_no_pipe(bench: Bench, tmp_path: Path) -> None:
    done = bench("decide", "-", "--base", "HEAD", "--head", "HEAD")
    assert done.code == 3
    assert done.error.startswith("bench: standard input: both revisions read the dataset")
    done = bench("decide", tmp_path, "--base", "HEAD", "--head", "HEAD")
    assert done.error == f"bench: {tmp_path}: is a folder; name a dataset file in it\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_is_told_the_format(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr(Messages, "is_interactive", terminal)
    tell_format(Messages(), "d.jsonl", "ShareGPT, zstd")
    assert capfd.readouterr().err == ("d.jsonl: read as ShareGPT, zstd\n" if terminal else "")
