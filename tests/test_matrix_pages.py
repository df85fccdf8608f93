"""`bench matrix`: what it compares, what it finds, and how its pages show it."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import bench.data
from bench.samples import sample_bytes
from tests.conftest import BENCH, Bench

SCHEMA = Path(bench.data.__path__[0]) / "matrix.schema.json"
PLAIN = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
REFUSING = "{{ raise_exception('no <b>chat</b> | today') }}"

PLUGIN = """
from contextlib import contextmanager
import os, signal
import strategies

class Counter:
    def __init__(self, name):
        self.name = name

    def count(self, conversations, *, progress=None):
        if self.name == "dying":
            os.kill(os.getpid(), signal.SIGKILL)
        return [[1 for _ in each.turns] for each in conversations]

class Plugin:
    summary = "a strategy of the tests"

    def __init__(self, name):
        self.name = name

    def availability(self, chat):
        return None

    @contextmanager
    def open(self, chat, *, workers):
        yield Counter(self.name)

ones, dying = Plugin("ones"), Plugin("dying")
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "chats.jsonl"
    path.write_bytes(sample_bytes("small", shapes=["short-chat", "multilingual"]))
    return path


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "plain.jinja").write_text(PLAIN, encoding="utf-8")
    (folder / "refusing.jinja").write_text(REFUSING, encoding="utf-8")
    (folder / "broken.jinja").write_text("{% if %}", encoding="utf-8")
    return folder


def read(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "matrix.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(
        document
    )
    return document


def cells(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(cell["tokenizer"], cell["template"]): cell for cell in document["cells"]}


def checked(cell: dict[str, Any]) -> dict[str, str]:
    return {each["strategy"]: each["status"] for each in cell["checked"]}


class Cells(HTMLParser):
    """The classes of the cells of the map, and all text."""

    def __init__(self) -> None:
        super().__init__()
        self.classes: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs).get("class")
        if tag == "td" and found and found != "n":
            self.classes.append(found)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_every_cell_is_compared_and_shown(
    bench: Bench, dataset: Path, templates: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["matrix", dataset, "--tokenizer", "bpe-chatml", "--tokenizer", "sp-bpe"]
    command += ["--templates", templates, "--strategies", "spliced,rust,spliced-alone"]
    command += ["--conversations", 2, "--turns", 2, "--out", out]
    done = bench(*command)
    assert done.code == 0, done.error
    document = read(out)
    found = cells(document)
    assert len(found) == 2 * 4
    # Each cell has up to two turns of two conversations.
    own = found["bpe-chatml", "(its own)"]
    assert 2 <= own["turns"] <= 4
    assert own["cuts"]
    assert checked(own) == {"spliced": "exact", "rust": "exact", "spliced-alone": "exact"}
    assert not found["bpe-chatml", "plain"]["cuts"]
    # The control is wrong, so that a check can be seen to fail; it does not count.
    assert checked(found["sp-bpe", "(its own)"])["spliced-alone"] == "wrong"
    assert (document["mismatches"], document["failures"]) == (0, 0)
    refusing = found["bpe-chatml", "refusing"]
    assert (refusing["turns"], refusing["refused"]) == (0, own["turns"])
    assert "no <b>chat</b> | today" in refusing["reason"]
    assert checked(refusing)["rust"] == "exact"
    assert "chat template has an error" in found["bpe-chatml", "broken"]["reason"]
    compared = sum(
        cell["turns"] + cell["refused"]
        for cell in document["cells"]
        for each in cell["checked"]
        if each["strategy"] != "spliced-alone" and each["status"] == "exact"
    )
    assert document["compared"] == compared
    said = " ".join(done.out.split())
    assert f"{compared} counts compared" in said
    # What could not be compared is not passed over.
    assert (
        "1 cell without a count (refusing with bpe-chatml)" in said or "2 cells without a" in said
    )
    assert "chat template has an error" in said

    page = Cells()
    page.feed((out / "matrix.html").read_text(encoding="utf-8"))
    assert sorted(page.classes) == sorted(
        ["cut", "cut", "whole", "whole", "refused", "refused", "absent", "absent"]
    )
    assert any("no <b>chat</b> | today" in text for text in page.text)
    lines = (out / "matrix.md").read_text(encoding="utf-8").splitlines()
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}
    assert rows["refusing"].split("|")[2:4] == [" 0 ", " 0 "]
    assert rows["(its own)"].split("|")[2].strip() == str(own["turns"])
    # Each row of a table has as many cells as its head.
    for before, line in itertools.pairwise(lines):
        if before.startswith("|") and line.startswith("|"):
            bars = [len(re.findall(r"(?<!\\)\|", each)) for each in (before, line)]
            assert bars[0] == bars[1], line
    assert (out / "matrix.svg").read_bytes().startswith(b"<?xml")
    assert (out / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_it_goes_on_where_it_was_ended(
    bench: Bench, dataset: Path, templates: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["matrix", dataset, "--tokenizer", "bpe-chatml", "--templates", templates]
    command += ["--strategies", "spliced", "--conversations", 1, "--turns", 1, "--out", out]
    assert bench(*command).code == 0
    document = read(out)
    # As if it had been ended after two cells; one is marked, to see that it is not made again.
    document["cells"] = document["cells"][:2]
    document["cells"][0]["refused"] = 99
    (out / "matrix.json").write_text(json.dumps(document), encoding="utf-8")
    assert bench(*command, "--resume").code == 0
    again = read(out)
    assert len(again["cells"]) == 4
    assert again["cells"][0]["refused"] == 99
    other = bench(*command, "--seed", 5, "--resume")
    assert other.code == 3
    assert "is of another command" in other.error


def test_a_wrong_strategy_ends_with_1_and_one_that_dies_fails_alone(
    dataset: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    metadata = site / "matrix_test_plugin-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "matrix_test_plugin.py").write_text(PLUGIN, encoding="utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: matrix_test_plugin\n")
    (metadata / "entry_points.txt").write_text(
        "[isl_bench.strategies]\nones = matrix_test_plugin:ones\ndying = matrix_test_plugin:dying\n"
    )
    out = tmp_path / "out"
    command = [*BENCH, "matrix", str(dataset), "--tokenizer", "bpe-chatml", "--out", str(out)]
    command += ["--strategies", "spliced,ones,dying", "--conversations", "1", "--turns", "2"]
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (1, "")
    (cell,) = read(out)["cells"]
    assert checked(cell) == {"spliced": "exact", "ones": "wrong", "dying": "failed"}
    assert "its process ended by signal 9" in cell["checked"][2]["reason"]
    assert "bpe-chatml, (its own), ones: conversation" in done.stdout
    page = Cells()
    page.feed((out / "matrix.html").read_text(encoding="utf-8"))
    assert page.classes == ["wrong"]


def test_an_interruption_says_what_is_kept(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder = tmp_path / "templates"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number}.jinja").write_text(PLAIN, encoding="utf-8")
    command = [*BENCH, "matrix", str(dataset), "--tokenizer", "bpe-chatml", "--out", str(out)]
    command += ["--templates", str(folder), "--strategies", "spliced", "--jobs", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while not (out / "matrix.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, error = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    kept = len(read(out)["cells"])
    words = f"{kept} cell{'s' if kept > 1 else ''}"
    assert error == f"bench: interrupted; {out / 'matrix.json'} has {words}; --resume goes on\n"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--resume"], "--resume needs --out"),
        (["--template", "x.jinja"], "name templates by --templates"),
        (["--tokenizer", "bpe-chatml"], "two tokenizers have this name"),
        (["--templates", "{empty}"], "holds no .jinja file"),
    ],
)
def test_wrong_usage_is_one_line(
    bench: Bench, dataset: Path, tmp_path: Path, options: list[str], reason: str
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    options = [option.format(empty=empty) for option in options]
    done = bench("matrix", dataset, "--tokenizer", "bpe-chatml", *options)
    assert done.code == 3
    assert reason in done.error
    assert done.error.count("\n") == 1


def test_nothing_compared_is_inconclusive(bench: Bench, dataset: Path, templates: Path) -> None:
    for name in ("plain", "broken"):
        (templates / f"{name}.jinja").unlink()
    # This tokenizer brings no template, and the only other one refuses everything.
    from bench.bundled import tokenizer_path

    model = next(iter(sorted(tokenizer_path("sentencepiece").glob("*.model"))))
    done = bench(
        *("matrix", dataset, "--tokenizer", model, "--templates", templates),
        *("--strategies", "spliced", "--conversations", 1, "--turns", 1, "--json"),
    )
    assert done.code == 2
    assert json.loads(done.out)["turns"] == 0
