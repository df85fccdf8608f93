"""Two revisions count by turns, each in its own build, and nothing of that stays behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import jsonschema
import psutil
import pytest

from bench.deciding.builds import resolved
from bench.deciding.document import SCHEMA_PATH
from strategies import InputError

from .conftest import BENCH, Bench, eventually
from .revisions import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.txt"
    path.write_text("a b c", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let everything temporary be made where the test can look for it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def arguments(repository: Repository, data: Path, base: str, head: str) -> list[str]:
    return [
        *("decide", str(data), "--base", base, "--head", head, "--strategy", "spliced"),
        *("--tokenizer", "some", "--cores", "1", "--rounds", "8"),
        *("--repository", str(repository.folder)),
    ]


def test_a_faster_head_is_used(
    bench: Bench, repository: Repository, data: Path, temporary: Path
) -> None:
    base, head = repository.commit(work=0.02), repository.commit(work=0.002)
    done = bench(*arguments(repository, data, base, "HEAD"), "--json")
    assert (done.code, done.error) == (0, "")
    decision = json.loads(done.out)
    jsonschema.validate(decision, json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))
    (case,) = decision["cases"]
    assert (case["use"], case["baseline"], case["family"]) == ("head", "base", "a kind")
    assert (case["rounds"], case["turns"], case["dataset"]) == (8, 6, "data.txt")
    rows = {each["strategy"]: each for each in case["strategies"]}
    assert set(rows) == {"base", "head"}
    assert rows["head"]["speedup"]["median"] > 3
    assert rows["head"]["mismatches"] == 0
    (line,) = decision["provenance"]
    assert line.startswith(f"base {base[:8]} and head {head[:8]}, spliced, data.txt; ")
    assert list(temporary.iterdir()) == []
    assert repository.worktrees() == 0


def test_the_same_commit_is_no_difference(bench: Bench, repository: Repository, data: Path) -> None:
    commit = repository.commit(work=0.005)
    done = bench(*arguments(repository, data, commit, "main"), "--json")
    assert done.code in {0, 2}
    decision = json.loads(done.out)
    assert decision["cases"][0]["use"] in {None, "base"}
    assert decision["caveats"][0].startswith("base and head are the same commit")


def test_a_head_that_counts_wrong_is_never_used(
    bench: Bench, repository: Repository, data: Path
) -> None:
    base, head = repository.commit(work=0.02), repository.commit(wrong=1)
    done = bench(*arguments(repository, data, base, head))
    assert done.code == 1
    assert done.out.startswith("WRONG: head counts wrong, and must not be used. ")
    assert "head counts 1 of 6 turns wrong with some" in " ".join(done.out.split())


def test_another_count_that_is_right_is_a_caveat(
    bench: Bench, repository: Repository, data: Path
) -> None:
    base, head = repository.commit(work=0.02), repository.commit(tokens=6)
    done = bench(*arguments(repository, data, base, head), "--json")
    assert done.code == 0
    (caveat, *_) = json.loads(done.out)["caveats"]
    assert caveat.startswith("base and head count differently with some, although each counts")


def test_a_strategy_that_cannot_run_is_skipped(
    bench: Bench, repository: Repository, data: Path
) -> None:
    base, head = repository.commit(), repository.commit(unavailable="it lacks a thing")
    done = bench(*arguments(repository, data, base, head), "--json")
    assert done.code == 2
    rows = {s["strategy"]: s["shown"] for s in json.loads(done.out)["cases"][0]["strategies"]}
    assert rows["head"] == "skipped, unavailable: it lacks a thing"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"broken": True}, r"head \(\w{8}\) cannot be built: .*error: no compiler"),
        ({"fails": "raises"}, r"head \(\w{8}\): ValueError: cannot load it"),
        ({"fails": "dies"}, r"head \(\w{8}\): its process ended before it answered"),
        ({"profile": "debug"}, r"head \(\w{8}\): the native core is a debug build, not release"),
    ],
)
def test_what_fails_is_one_line(
    bench: Bench,
    repository: Repository,
    data: Path,
    temporary: Path,
    changes: dict[str, object],
    said: str,
) -> None:
    base, head = repository.commit(), repository.commit(**changes)  # type: ignore[arg-type]
    done = bench(*arguments(repository, data, base, head))
    assert (done.code, done.out) == (3, "")
    assert re.match(f"bench: {said}", done.error)
    assert done.error.count("\n") == 1
    assert list(temporary.iterdir()) == []
    assert repository.worktrees() == 0


@pytest.mark.parametrize("name", ["absent", "--help", "$(touch x)", "; touch x", "-", "a b", "x\n"])
def test_the_name_of_a_revision_is_only_a_name(
    bench: Bench, repository: Repository, data: Path, name: str
) -> None:
    commit = repository.commit()
    done = bench(*arguments(repository, data, commit, "main"), f"--head={name}")
    assert (done.code, done.out) == (3, "")
    assert done.error.startswith("bench: there is no revision ")
    assert done.error.count("\n") == 1
    assert not Path("x").exists()


def test_a_folder_without_a_repository_is_told(tmp_path: Path, repository: Repository) -> None:
    repository.commit()
    with pytest.raises(InputError, match="not a git repository"):
        resolved(tmp_path, "HEAD")
    with pytest.raises(InputError, match="no such folder"):
        resolved(tmp_path / "absent", "HEAD")


@pytest.mark.parametrize("options", [["--base", "x"], ["--head", "x"], ["r.json", "--history"]])
def test_sources_do_not_mix(bench: Bench, options: list[str]) -> None:
    done = bench("decide", *options)
    assert (done.code, done.out) == (3, "")


def servers(program: psutil.Process) -> list[psutil.Process]:
    """Return the processes under a program that run a revision."""
    found = []
    for each in program.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any("counting_server" in word for word in each.cmdline()):
                found.append(each)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing_behind(
    repository: Repository, data: Path, temporary: Path, number: signal.Signals
) -> None:
    base = repository.commit()
    head = repository.commit(fails="hangs")
    process = subprocess.Popen(
        [*BENCH, *arguments(repository, data, base, head)],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    program = psutil.Process(process.pid)
    assert eventually(lambda: len(servers(program)) == 3, 60)
    children = program.children(recursive=True)
    process.send_signal(number)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert error == "bench: interrupted; nothing was written\n"
    assert not any(child.is_running() for child in children)
    assert list(temporary.iterdir()) == []
    assert repository.worktrees() == 0
