"""Plots and the notebook show everything, and all of it is inside the picture."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from bench.measuring.growth import Point
from bench.reporting.plots import COMPARISON_PLOTS, GROWTH_PLOTS, png, speedup_figure
from bench.reporting.report import LEAST, MOST, Report
from tests.reports import entry, everything, group, growth, report, report_of

ROOT = Path(__file__).parent.parent


def plain(fast: float, slow: float) -> dict[str, float | None]:
    return {"sequential": 1.0, "fast": fast, "slow": slow, "spliced-alone": None}


def is_png(data: bytes) -> bool:
    return data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")


NOTHING_RANKED = report_of({"one": {"sequential": None}})


@pytest.mark.parametrize(
    "shown",
    [
        report_of({"one": plain(30, 0.2)}),
        report_of({"one": plain(2000, 0.001), "two": plain(1.1, 0.9)}),
        everything(),
        NOTHING_RANKED,
        report([group("one", [])]),
        report([group("one", [entry("slow", 1.3 * LEAST), entry("fast", MOST / 1.3)])]),
    ],
    ids=["one", "two", "everything", "nothing ranked", "nothing run", "out of proportion"],
)
@pytest.mark.parametrize("name", COMPARISON_PLOTS)
def test_every_plot_of_a_comparison_is_a_picture_and_the_same_again(
    name: str, shown: Report
) -> None:
    data = png(COMPARISON_PLOTS[name](shown))
    assert is_png(data)
    assert png(COMPARISON_PLOTS[name](shown)) == data


@pytest.mark.parametrize("name", GROWTH_PLOTS)
def test_every_plot_of_growth_is_a_picture_and_the_same_again(name: str) -> None:
    nothing = Point(25, 1.0, {"render": 0.0, "encode": 1.0})
    for shown in (growth(), replace(growth(), points=(nothing,))):
        data = png(GROWTH_PLOTS[name](shown))
        assert is_png(data)
        assert png(GROWTH_PLOTS[name](shown)) == data


def test_a_picture_of_very_many_tokenizers_is_drawn_in_fewer_dots() -> None:
    figure = speedup_figure(report_of({"one": plain(30, 0.2)}))
    figure.set_size_inches(0.5, 2000)
    assert is_png(png(figure))


@pytest.mark.parametrize(("fastest", "first"), [(1.1, True), (30.0, False), (2000.0, True)])
def test_every_bar_and_label_lies_inside_its_panel(fastest: float, first: bool) -> None:
    both = {"wide": plain(fastest, 0.2), "narrow": plain(1.2, 0.9)}
    figure = speedup_figure(report_of(both if first else dict(reversed(both.items()))))
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
    figure = speedup_figure(NOTHING_RANKED)
    figure.draw_without_rendering()
    assert not figure.axes[0].texts


@pytest.mark.parametrize("name", ["a$b_{$", r"$\frac$", "日本", "a\x1b\n"])
def test_a_name_is_no_formula_and_its_script_no_warning(name: str) -> None:
    drawn = report_of({name: {"sequential": 1, name: 30}})
    grown = replace(growth(), strategy=name, points=(Point(25, 1.0, {name: 0.5}),))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for plot in COMPARISON_PLOTS.values():
            png(plot(drawn))
        for draw in GROWTH_PLOTS.values():
            png(draw(grown))
