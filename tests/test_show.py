"""`bench show` prints and writes the same as the first time, from the file alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.reporting.json_file import json_bytes
from bench.reporting.kinds import COMPARISON, GROWTH, Kind
from bench.reporting.plots import picture_names
from tests.conftest import Bench
from tests.reports import everything, growth, growth_of_several

KINDS: list[tuple[Kind[Any], Any]] = [
    (COMPARISON, everything()),
    (GROWTH, growth()),
    (GROWTH, growth_of_several()),
]
NAMES = ["comparison", "growth", "growth of several"]


@pytest.mark.parametrize(("kind", "made"), KINDS, ids=NAMES)
def test_files_and_the_line_about_them_are_what_the_tables_of_files_say(
    bench: Bench, tmp_path: Path, kind: Kind[Any], made: Any
) -> None:
    first, second = tmp_path / "first", tmp_path / "new" / "second"
    first.mkdir()
    line = kind.write(first, made, with_json=True)
    drawn = [name for plot in kind.plots for name in picture_names(plot)]
    others = [*kind.texts, *drawn]
    assert sorted(path.name for path in first.iterdir()) == sorted([kind.json_name, *others])
    result = bench("show", first / kind.json_name, "--out", second)
    assert (result.code, result.error) == (0, "")
    assert sorted(path.name for path in second.iterdir()) == sorted(others)
    for name in others:
        assert (second / name).read_bytes() == (first / name).read_bytes()
        assert name in line
        assert name in result.out.splitlines()[-1]
    assert result.out.endswith(f" to {second}\n")


@pytest.mark.parametrize(("kind", "made"), KINDS, ids=NAMES)
@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_tables_are_shown_by_the_code_that_showed_them_first(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: Kind[Any],
    made: Any,
    columns: str,
) -> None:
    from bench.cli.console import stdout

    monkeypatch.setenv("COLUMNS", columns)
    kind.show(stdout(), made)
    first = capsys.readouterr().out
    path = tmp_path / kind.json_name
    path.write_bytes(json_bytes(made.as_dict()))
    assert bench("show", path).out == first
    assert json.loads(bench("show", path, "--json").out) == made.as_dict()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "not JSON: Expecting property name"),
        ("[1]", "schema_version: must be 1"),
        ('{"points": []}', "tokenizer: is missing"),
        ('{"schema_version": 1, "results": {}}', "machine: is missing"),
    ],
)
def test_what_cannot_be_shown_is_one_line_with_file_and_field(
    bench: Bench, tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    result = bench("show", path, "--out", tmp_path / "out")
    assert (result.code, result.out) == (3, "")
    assert result.error.startswith(f"bench: {path}: {said}")
    assert result.error.count("\n") == 1
    assert not (tmp_path / "out").exists()
