"""Add a column and a plot to the reports: one row each."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from bench.reporting.columns import COLUMNS, Column
from bench.reporting.json_file import json_bytes
from bench.reporting.plots import COMPARISON_PLOTS
from bench.reporting.report import Report
from bench.reporting.tables import markdown, print_report
from tests.conftest import Bench
from tests.reports import everything

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def test_a_column_is_one_row_of_the_columns() -> None:
    # In the project this row goes into `COLUMNS` in bench/reporting/columns.py.
    kilobytes = Column(
        "kilobytes_per_second",
        lambda row: row.entry.seconds and row.data.rendered_bytes / 1e3,
        "kB/s",
    )
    columns = (*COLUMNS, kilobytes)
    shown = everything()

    console = Console(file=io.StringIO(), width=120)
    print_report(console, shown, columns)
    assert isinstance(console.file, io.StringIO)
    head, *rows = [line for line in console.file.getvalue().splitlines() if "  " in line]
    head = next(line for line in [head, *rows] if " strategy " in line)
    assert head.split()[-1] == "kB/s"
    assert any(line.split()[-1:] == ["51,500"] for line in rows)

    text = markdown(shown, columns)
    assert " | kB/s |" in text
    assert " | 51,500 |" in text

    results = shown.as_dict(columns)["results"]
    assert results[0]["kilobytes_per_second"] == 51_500
    assert results[5]["kilobytes_per_second"] is None
    # Code without the column can still read a file that has it.
    assert Report.from_dict(json.loads(json_bytes(shown.as_dict(columns)))) == shown


def mismatches_figure(report: Report) -> Figure:
    """Return the wrong turns of every strategy as bars."""
    from matplotlib.figure import Figure

    figure = Figure()
    rows = [row.entry for row in report.rows() if row.entry.mismatches]
    figure.subplots().barh([e.strategy for e in rows], [e.mismatches or 0 for e in rows])
    return figure


def test_a_plot_is_one_function_and_one_row(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In the project this row goes into `COMPARISON_PLOTS` in bench/reporting/plots/catalog.py.
    monkeypatch.setitem(COMPARISON_PLOTS, "mismatches.png", mismatches_figure)
    path = tmp_path / "report.json"
    path.write_bytes(json_bytes(everything().as_dict()))
    result = bench("show", path, "--out", tmp_path)
    assert (tmp_path / "mismatches.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "mismatches.svg").read_bytes()
    for name in ("mismatches.png", "mismatches.svg"):
        assert name in result.out.splitlines()[-1]
