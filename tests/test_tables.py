"""Reports of a comparison: names as they are, columns all there, files that can be read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cli import _escape_output, _stdout
from bench.report import Dataset, write_json
from bench.tables import COLUMNS, MARKDOWN_ONLY, print_groups, write_markdown
from strategies import Conversation
from tests.test_plots import group

DATA = (Conversation("c", ({"role": "user", "content": "hi"},), None, (1,)),)
UNDECODABLE = "\udcff.jsonl"
"""How Python names a file whose name is the byte 255."""


@pytest.mark.parametrize("name", ["[red]", "[x/red]", "[/]", "a[b]c"])
def test_a_name_in_brackets_is_no_markup(capsys: pytest.CaptureFixture[str], name: str) -> None:
    print_groups(_stdout(), [group(name, 2.0)], Dataset(f"{name}.jsonl", "0" * 64, DATA))
    out = capsys.readouterr().out
    assert f"{name}.jsonl: 1 conversations" in out
    assert f"{name} (BPE), 1 core" in out


def test_a_narrow_terminal_loses_no_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_groups(_stdout(), [group("t", 2.0)], Dataset("data", "0" * 64, DATA))
    out = capsys.readouterr().out
    assert all(column in out for column in COLUMNS if column != MARKDOWN_ONLY)
    assert "2.00 [1.00, 4.00]" in out


def test_a_file_name_that_is_no_text_can_be_reported(tmp_path: Path) -> None:
    report = {
        "dataset": {"path": UNDECODABLE},
        "machine": {"processor": "", "cores": 1, "cores_available": 1},
        "versions": {"python": "", "transformers": "", "tokenizers": ""},
    }
    write_json(tmp_path / "report.json", report)
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == report
    dataset = Dataset(UNDECODABLE, "0" * 64, DATA)
    write_markdown(tmp_path / "report.md", [group("t", 2.0)], dataset, report)
    assert "`\\udcff.jsonl`" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_file_name_that_is_no_text_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    _escape_output()
    print_groups(_stdout(), [group("t", 2.0)], Dataset(UNDECODABLE, "0" * 64, DATA))
    assert r"\udcff.jsonl: 1 conversations" in capsys.readouterr().out
