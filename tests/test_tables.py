"""Reports of a comparison: names as they are, columns all there, files that can be read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cli.console import escape_output, stdout
from bench.measuring.compare import Entry, Group, Timing
from bench.measuring.estimates import Estimate
from bench.measuring.jobs import Reference
from bench.reporting.report import Dataset, write_json
from bench.reporting.tables import COLUMNS, MARKDOWN_ONLY, print_groups, write_markdown
from strategies import Amplification, Conversation

DATA = (Conversation("c", ({"role": "user", "content": "hi"},), None, (1,)),)
UNDECODABLE = "\udcff.jsonl"
"""How Python names a file whose name is the byte 255."""
ONE = Estimate(1.0, 1.0, 1.0)


def group(tokenizer: str) -> Group:
    """A group of one strategy, twice as fast as the baseline."""
    timing = Timing(ONE, Estimate(2.0, 1.0, 4.0), "faster", {})
    entry = Entry("fast", False, "ok", None, 0, timing=timing)
    reference = Reference([[1]], Amplification(1, 1, 1), {"family": "BPE"}, ())
    return Group(tokenizer, reference, 1, 1, 1, 1, 1, 1, 1, False, ONE, (entry,), ())


@pytest.mark.parametrize("name", ["[red]", "[x/red]", "[/]", "a[b]c"])
def test_a_name_in_brackets_is_no_markup(capsys: pytest.CaptureFixture[str], name: str) -> None:
    print_groups(stdout(), [group(name)], Dataset(f"{name}.jsonl", "0" * 64, DATA))
    out = capsys.readouterr().out
    assert f"{name}.jsonl: 1 conversation, 1 turn" in out
    assert f"{name} (BPE), 1 core" in out
    assert "1 round of 1 turn;" in out


def test_a_narrow_terminal_loses_no_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_groups(stdout(), [group("t")], Dataset("data", "0" * 64, DATA))
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
    write_markdown(tmp_path / "report.md", [group("t")], dataset, report)
    assert "`\\udcff.jsonl`" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_file_name_that_is_no_text_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    escape_output()
    print_groups(stdout(), [group("t")], Dataset(UNDECODABLE, "0" * 64, DATA))
    assert r"\udcff.jsonl: 1 conversation, 1 turn" in capsys.readouterr().out
