"""What the plots and the notebook show is all there, and inside the picture."""

from __future__ import annotations

import itertools
import json
import runpy
import warnings
from pathlib import Path
from typing import Any

import pytest
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from bench.measuring.growth import Point
from bench.reporting.plots import speedup_figure, write_growth_plot, write_speedup_plot
from bench.reporting.report import read_report
from strategies import InputError

ROOT = Path(__file__).parent.parent


def estimate(median: float) -> dict[str, float]:
    return {"median": median, "low": 0.8 * median, "high": 1.3 * median}


def report_of(speedups: dict[str, dict[str, float | None]]) -> dict[str, Any]:
    """A report as far as it is drawn; a strategy without a speedup is not ranked."""
    settings = [("cores", 1, 1), ("cores", 2, 4)]
    return {
        "schema_version": 1,
        "tokenizers": [{"tokenizer": name, "family": "BPE"} for name in speedups],
        "groups": [
            {"tokenizer": name, "cores": cores, "workers": workers, "noise_floor": estimate(1)}
            for name in speedups
            for _, cores, workers in settings
        ],
        "results": [
            {
                "tokenizer": name,
                "strategy": strategy,
                "cores": cores,
                "workers": workers,
                "speedup": median and estimate(median * cores),
            }
            for name, strategies in speedups.items()
            for strategy, median in strategies.items()
            for _, cores, workers in settings
        ],
    }


def plain(fast: float, slow: float) -> dict[str, float | None]:
    return {"sequential": 1.0, "fast": fast, "slow": slow, "spliced-alone": None}


@pytest.mark.parametrize(("fastest", "first"), [(1.1, True), (30.0, False), (2000.0, True)])
def test_every_bar_and_label_lies_inside_its_panel(fastest: float, first: bool) -> None:
    both = {"wide": plain(fastest, 0.2), "narrow": plain(1.2, 0.9)}
    report = report_of(both if first else dict(reversed(both.items())))
    figure = speedup_figure(report)
    figure.draw_without_rendering()
    for panel in figure.axes:
        bars = [p for p in panel.patches if isinstance(p, Rectangle) and p.get_width()]
        drawn = [c.get_segments() for c in panel.collections if isinstance(c, LineCollection)]
        intervals = list(itertools.chain.from_iterable(drawn))
        left, right = panel.get_xlim()
        ends = [x for bar in bars for x in (bar.get_x(), bar.get_x() + bar.get_width())]
        ends += [x for segment in intervals for x, _ in segment]
        assert len(intervals) == 6
        assert left < min(ends) < max(ends) < right
        assert len(panel.texts) == 6
        for label in panel.texts:
            assert label.get_window_extent().x1 <= panel.bbox.x1


def test_what_is_ranked_is_drawn_fastest_first_and_nothing_else() -> None:
    panel = speedup_figure(report_of({"one": plain(30, 0.2)})).axes[0]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["fast", "sequential", "slow"]
    assert [text.get_text() for text in panel.texts] == [
        *("30.0x", "1 by definition", "0.2x"),
        *("60.0x", "1 by definition", "0.4x"),
    ]
    legend = panel.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["1 core", "2 cores, 4 workers"]


def test_a_comparison_without_a_ranked_strategy_is_drawn() -> None:
    figure = speedup_figure(report_of({"one": {"sequential": None}}))
    figure.draw_without_rendering()
    assert not figure.axes[0].texts


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON: "),
        pytest.param("[" * 100_000, "not JSON: ", id="nested too deeply"),
        ("[]", "schema_version: must be 1"),
        ('{"schema_version": 2}', "schema_version: must be 1"),
    ],
)
def test_what_is_no_report_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_report(path)
    assert f"{path}: {reason}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"report\.json: cannot be read: No such file"):
        read_report(tmp_path / "report.json")


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "results" / "bundled"
    folder.mkdir(parents=True)
    text = json.dumps(report_of({"one": plain(30, 0.2)}))
    (folder / "report.json").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert runpy.run_path(str(ROOT / "notebooks" / "speedup.py"))["report"]["results"]


@pytest.mark.parametrize("name", ["a$b_{$", r"$\frac$", "日本"])
def test_a_name_is_no_formula_and_its_script_no_warning(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_speedup_plot(tmp_path / "speedup.png", report_of({name: plain(30, 0.2)}))
        write_growth_plot(tmp_path / "growth.png", name, [Point(25, 1.0, {}), Point(50, 2.0, {})])
