"""Every figure shows what its report says, all of it readable, in files that are safe to open."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import log
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from bench.measuring.break_even import break_even
from bench.measuring.estimates import Estimate
from bench.measuring.growth import Curve, LeftOut, exponent
from bench.measuring.load import Load
from bench.reporting.lengths import lengths_of
from bench.reporting.plots import (
    COMPARISON_PLOTS,
    GROWTH_PLOTS,
    break_even_figure,
    cores_figure,
    exactness_figure,
    growth_figure,
    growth_parts_figure,
    lengths_figure,
    memory_figure,
    parts_figure,
    png,
    speedup_figure,
    svg,
)
from bench.reporting.plots.memory import front
from bench.reporting.plots.style import LOOKS, look
from bench.reporting.report import Report
from tests.reports import (
    entry,
    everything,
    group,
    growth,
    growth_of_several,
    power_law,
    report,
    report_of,
)

NOTHING: dict[str, Any] = dict.fromkeys(
    ("seconds", "cold_seconds", "mismatches", "peak_rss_bytes", "peak_pss_bytes", "parts")
)
COLD = {"sequential": 1.2, "rust": 1.6, "spliced": 1.25, "thread-pool": 1.1, "process-pool": 5.0}
FAST = {"sequential": 1.0, "rust": 30.0, "spliced": 8.0, "thread-pool": 0.95, "process-pool": 1.7}


def typical(cores: Sequence[int] = (1, 2, 4), tokenizers: int = 1, others: int = 0) -> Report:
    """Return a report like a real one, with a control that is wrong and an absent strategy."""
    dice = np.random.default_rng(others)
    fast = FAST | {f"strategy-22-letters-{i:02}": 10 ** dice.uniform(-1, 3) for i in range(others)}
    groups = []
    for number, count in itertools.product(range(tokenizers), cores):
        entries = [
            entry(
                name,
                speedup * count ** (name != "sequential" and 0.5),
                cold_seconds=COLD.get(name, 2.0),
                tokens_per_second=1e5 * speedup * dice.uniform(1, 1.2),
                peak_pss_bytes=int(1e8 * (2 + log(speedup) * dice.uniform(0.1, 0.3))),
                parts={"render": 0.25 / speedup, "encode": 0.5 / speedup},
            )
            for name, speedup in fast.items()
        ]
        control = entry(
            "spliced-alone", None, mismatches=12, status="wrong", seconds=Estimate(0.1, 0.09, 0.2)
        )
        absent = entry("batched", None, status="unavailable", reason="no backend", **NOTHING)
        name = f"a-tokenizer-with-a-long-name-{number:02}"
        groups.append(group(name, [*entries, control, absent], count, count))
    return report(groups)


def old() -> Report:
    """Return a report as an earlier version wrote it, without what came later."""
    lacking: dict[str, Any] = {"peak_pss_bytes": None, "round_seconds": None}
    made = report([replace(group("one", [entry("sequential", 1, **lacking)]), load=None)])
    plain = tuple(replace(each, lengths=None) for each in made.tokenizers)
    return replace(made, provenance=None, tokenizers=plain)


def with_lengths(*counts: int) -> Report:
    made = typical((1,))
    lengths = lengths_of([list(counts)])
    return replace(made, tokenizers=tuple(replace(t, lengths=lengths) for t in made.tokenizers))


CASES: dict[str, Report] = {
    "everything": everything(),
    "typical": typical(),
    "one core": typical((1,)),
    "12 tokenizers": typical((1, 2), tokenizers=12),
    "20 strategies": typical((1, 2), others=15),
    "1 strategy": report([group("one", [entry("sequential", 1)])]),
    "1,200x": report_of({"one": {"sequential": 1, "a-very-long-name-of-22": 1200}}),
    "one round": report(
        [group("one", [entry("sequential", 1), entry("rust", 9, round_seconds=(1,))])]
    ),
    "old": old(),
    "nothing ranked": report_of({"one": {"sequential": None}}),
    "nothing run": report([group("one", [])]),
    "no tokens": with_lengths(0, 0, 0),
    "some tokens": with_lengths(0, 3, 5000, 70),
}


def texts(figure: Figure) -> list[Text]:
    """Return the texts that are seen."""
    found: list[Any] = figure.findobj(Text)
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in texts(figure))


def lines(panel: Axes, label: str) -> list[Line2D]:
    return [line for line in panel.lines if line.get_label() == label]


def points(panel: Axes, label: str) -> list[tuple[float, float]]:
    """Return the points of the lines with a label."""
    found = []
    for line in lines(panel, label):
        found += list(zip(*map(np.asarray, line.get_data()), strict=True))
    return [(float(x), float(y)) for x, y in found]


def boxes(figure: Figure) -> Iterator[tuple[str, Any]]:
    """Yield the upright texts with the boxes that they fill, in pixels."""
    figure.draw_without_rendering()
    hidden = set()
    for panel in figure.axes:
        for axis in (panel.xaxis, panel.yaxis):
            low, high = sorted(axis.get_view_interval())
            places = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
            hidden |= {text for at, text in places if not low <= at <= high or not panel.axison}
    for text in texts(figure):
        if text not in hidden and not text.get_rotation():
            # An annotation includes its arrow, which may cross what it likes.
            yield text.get_text(), Text.get_window_extent(text)


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Return pairs of texts of which one covers a part of the other."""
    found = list(boxes(figure))
    edges = np.asarray([(box.x0, box.y0, box.x1, box.y1) for _, box in found])
    pairs = []
    for i, (x0, y0, x1, y1) in enumerate(edges):
        others = edges[i + 1 :]
        across = np.minimum(x1, others[:, 2]) - np.maximum(x0, others[:, 0])
        up = np.minimum(y1, others[:, 3]) - np.maximum(y0, others[:, 1])
        # Boxes are as high as the highest letters, which most texts lack.
        covered = np.flatnonzero((across > 2) & (up > 3))
        pairs += [(found[i][0], found[i + 1 + j][0]) for j in covered]
    return pairs


@pytest.mark.parametrize("name", COMPARISON_PLOTS)
@pytest.mark.parametrize("case", CASES)
def test_every_text_is_inside_and_none_covers_another(case: str, name: str) -> None:
    figure = COMPARISON_PLOTS[name](CASES[case])
    wide, high = figure.get_size_inches() * figure.dpi
    for text, box in boxes(figure):
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= wide, text
        assert box.y1 <= high, text
    assert overlapping(figure) == []
    for panel in figure.axes:
        assert not panel.axison or panel.lines or panel.patches or panel.collections


@pytest.mark.parametrize("name", GROWTH_PLOTS)
@pytest.mark.parametrize("made", [growth(), growth_of_several()], ids=["one", "several"])
def test_every_text_of_growth_is_inside_and_none_covers_another(made: Any, name: str) -> None:
    figure = GROWTH_PLOTS[name](made)
    wide, high = figure.get_size_inches() * figure.dpi
    for text, box in boxes(figure):
        assert 0 <= box.x0 <= box.x1 <= wide, text
        assert 0 <= box.y0 <= box.y1 <= high, text
    assert overlapping(figure) == []


NASTY = """<script>alert("1")</script>&--]]>$x$ 'a'"""


def drawn() -> list[Callable[[], Figure]]:
    """Return what draws each figure of a report in which every name is nasty."""
    entries = [
        entry("sequential", 1),
        entry(NASTY, 30, parts={NASTY: 0.01}),
        entry("spliced-alone", None, mismatches=1, status="wrong"),
        entry("batched", None, status="unavailable", reason=NASTY, **NOTHING),
    ]
    named = report([group(NASTY, entries, cores, cores) for cores in (1, 2)])
    named = replace(
        named,
        dataset=replace(named.dataset, path=NASTY),
        machine=replace(named.machine, processor=NASTY),
    )
    nasty_parts = tuple(replace(each, parts={NASTY: 1e-6}) for each in power_law(1))
    grown = replace(growth_of_several(), others=(Curve(NASTY, nasty_parts, LeftOut(50, NASTY)),))
    return [
        *(lambda draw=draw: draw(named) for draw in COMPARISON_PLOTS.values()),
        *(lambda draw=draw: draw(grown) for draw in GROWTH_PLOTS.values()),
    ]


@pytest.mark.parametrize("place", range(len(COMPARISON_PLOTS) + len(GROWTH_PLOTS)))
def test_both_files_are_the_same_again_and_a_name_does_nothing_in_them(place: int) -> None:
    draw = drawn()[place]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, picture = svg(draw()), png(draw())
    assert svg(draw()) == first
    assert png(draw()) == picture
    assert b"DOCTYPE" not in first
    root = ET.fromstring(first)  # noqa: S314  # this test made it
    # The whole name is seen, and the dollars in it start no formula.
    named = [text for text in texts(draw()) if "$x$" in text.get_text()]
    assert any("<scri" in text.get_text() for text in named)
    assert not any(text.get_parse_math() for text in named)
    for element in root.iter():
        assert not str(element.tag).endswith(("}script", "}image", "}foreignObject", "}a"))
        for key, value in element.attrib.items():
            assert not key.lower().startswith("on")
            if key.endswith("href"):
                assert value.startswith("#")
            assert "url(" not in value.replace("url(#", "")
            assert "://" not in value


def test_each_strategy_has_a_look_of_its_own_that_is_the_same_in_all_figures() -> None:
    assert len({each.colour for each in LOOKS.values()}) == len(LOOKS)
    assert len({each.marker for each in LOOKS.values()}) == len(LOOKS)
    shown = typical()
    for figure in (cores_figure(shown), memory_figure(shown), break_even_figure(shown)):
        (line,) = lines(figure.axes[0], "rust")
        assert to_hex(line.get_color()).upper() == look("rust").colour
        assert line.get_marker() == look("rust").marker
    grown = growth_figure(replace(growth(), strategy="rust", points=power_law(1)))
    (line,) = [each for each in grown.axes[0].lines if each.get_marker() == look("rust").marker]
    assert to_hex(line.get_color()).upper() == look("rust").colour
    assert look("of another package") == look("of another package") != look("of a third one")


def test_the_ideal_line_the_1x_line_and_the_bands_are_drawn() -> None:
    shown = typical((1, 2, 4))
    (panel,) = cores_figure(shown).axes
    assert points(panel, "ideal") == [(1, 1), (2, 2), (4, 4)]
    assert {y for _, y in points(panel, "1x")} == {1}
    assert "ideal: 4x on 4 cores" in words(panel.figure)  # type: ignore[arg-type]  # no subfigure
    assert points(panel, "rust") == [(1, 30), (2, pytest.approx(30 * 2**0.5)), (4, 60)]
    corners = [path.vertices for c in panel.collections for path in c.get_paths()]
    for group_ in shown.groups:
        speedup = next(e.speedup for e in group_.entries if e.strategy == "rust")
        assert speedup
        for end in (speedup.low, speedup.high):
            assert any(np.isclose(v, (group_.cores, end)).all(axis=1).any() for v in corners)


def test_a_baseline_that_may_use_all_cores_has_no_ideal_line() -> None:
    shown = typical((1, 2))
    groups = tuple(replace(each, baseline="process-pool") for each in shown.groups)
    figure = cores_figure(replace(shown, groups=groups))
    assert not lines(figure.axes[0], "ideal")
    assert "No ideal line" in words(figure)
    assert "Baseline process-pool." in words(figure)


def test_one_number_of_cores_is_said_and_not_drawn() -> None:
    figure = cores_figure(typical((2,)))
    assert not figure.axes
    assert "speedup.png" in words(figure)
    both = report([*typical((1, 2)).groups, group("single", [entry("sequential", 1)])])
    figure = cores_figure(both)
    assert len(figure.axes) == 1
    assert "On one number of cores only, so not drawn: single." in words(figure)


def test_of_several_numbers_of_workers_the_line_takes_one_for_each_core() -> None:
    groups = [
        group("one", [entry("sequential", 1), entry("rust", 10 * workers)], cores, workers)
        for cores, workers in ((1, 1), (2, 8), (2, 2))
    ]
    (panel,) = cores_figure(report(groups)).axes
    assert points(panel, "rust") == [(1, 10), (2, 20)]


def test_what_is_wrong_is_crossed_out_and_nothing_else() -> None:
    shown = typical((1, 2))
    (panel,) = cores_figure(shown).axes
    crossed = points(panel, "crossed out")
    assert crossed == points(panel, "spliced-alone") == [(1, 10), (2, 10)]
    assert "spliced-alone (12 wrong)" in words(cores_figure(shown))
    (panel,) = memory_figure(shown).axes
    assert points(panel, "crossed out") == points(panel, "spliced-alone")
    assert len(points(panel, "crossed out")) == 1


def test_the_front_holds_what_no_exact_strategy_beats() -> None:
    speeds = {"sequential": 1e5, "rust": 9e5, "spliced": 9e5, "batched": 2e5}
    sizes = {"sequential": 100e6, "rust": 150e6, "spliced": 140e6, "batched": 160e6}
    entries = [
        entry(name, 1, tokens_per_second=speed, peak_pss_bytes=int(sizes[name]))
        for name, speed in speeds.items()
    ]
    control = entry("spliced-alone", None, tokens_per_second=1e9, peak_pss_bytes=1_000_000)
    (panel,) = memory_figure(report([group("one", [*entries, control])])).axes
    assert points(panel, "front") == [(100, 1e5), (140, 1e5), (140, 9e5)]


def test_the_front_is_what_a_search_of_all_pairs_finds() -> None:
    dice = np.random.default_rng(3)
    for _ in range(50):
        some = [(int(x), int(y)) for x, y in dice.integers(1, 9, (12, 2))]
        best = {
            (x, y)
            for x, y in some
            if not any(a <= x and b >= y and (a, b) != (x, y) for a, b in some)
        }
        assert [some[i] for i in front(some)] == sorted(best)


def test_memory_of_two_kinds_is_never_compared() -> None:
    entries = [entry("sequential", 1), entry("rust", 30, peak_pss_bytes=None)]
    figure = memory_figure(report([group("one", entries)]))
    assert points(figure.axes[0], "sequential")[0][0] == 155
    assert "shared pages counted for each process" in words(figure)
    assert "shared pages counted once" in words(memory_figure(typical()))


def widths(panel: Axes) -> dict[int, float]:
    """Return how long the bars at each place are, together."""
    found: dict[int, float] = {}
    for bar in panel.patches:
        if isinstance(bar, Rectangle) and bar.get_width():
            at = round(bar.get_y() + bar.get_height() / 2)
            found[at] = found.get(at, 0) + bar.get_width()
    return found


def test_parts_add_up_to_the_time_and_to_all_of_it() -> None:
    entries = [
        entry("sequential", 1, parts={}),
        entry("rust", 2, parts={"render": 0.125, "encode": 0.25}),
        entry("spliced", 4, parts={"render": 1.0, "encode": 1.0}),
    ]
    figure = parts_figure(report([group("one", entries)]))
    left, right = figure.axes
    assert [text.get_text() for text in left.get_yticklabels()] == ["spliced", "rust", "sequential"]
    per_turn = 1e6 / 1500
    expected = {0: 0.25 * per_turn, 1: 0.5 * per_turn, 2: per_turn}
    assert widths(left) == {at: pytest.approx(size) for at, size in expected.items()}
    assert widths(right) == {at: pytest.approx(100) for at in expected}
    said = words(figure)
    for part in ("render", "encode", "rest", "whole"):
        assert f" {part} " in said
    # The rest of `rust` is a quarter of its time; the parts of `spliced` are more than its time.
    assert {"25 %", "50 %"} <= {text.get_text() for text in right.texts}
    assert "166.7 µs ‡" in said
    assert "‡ the parts of its workers" in said


def test_break_even_points_are_those_of_the_rule() -> None:
    shown = typical((1,))
    (group_,) = shown.groups
    figure = break_even_figure(shown)
    (panel,) = figure.axes
    baseline = group_.entries[0]
    expected = {}
    for each in group_.entries[1:5]:
        found = break_even(each, baseline, group_.timed_turns, group_.timed_conversations)
        assert found
        expected[each.strategy] = found.most_turns or found.turns or 0
    crossings = points(panel, "break-even")
    assert sorted(x for x, _ in crossings) == sorted(expected.values())
    for at, total in crossings:
        assert baseline.seconds
        assert baseline.cold_seconds
        line = baseline.cold_seconds + at * baseline.seconds.median / group_.timed_turns
        # The first whole turn after the two lines cross.
        assert total == pytest.approx(line, rel=0.01)
    said = words(figure)
    assert f"rust: pays from {expected['rust']:,} turns on" in said
    assert f"thread-pool: pays up to {expected['thread-pool']:,} turns" in said
    assert "✗ control: spliced-alone (12 wrong turns)" in said
    assert "unavailable: batched (no backend)" in said


def test_what_never_pays_and_what_always_pays_is_said() -> None:
    entries = [
        entry("sequential", 1, cold_seconds=1.0),
        entry("rust", 30, cold_seconds=0.5),
        entry("batched", 0.5, cold_seconds=2.0),
        entry("spliced", 2, cold_seconds=None),
    ]
    said = words(break_even_figure(report([group("one", entries)])))
    assert "rust: pays from the first turn on" in said
    assert "batched: never pays" in said
    assert "no cold start to compare: spliced" in said


def test_the_heat_map_says_in_words_what_each_cell_is() -> None:
    figure = exactness_figure(everything())
    (panel,) = figure.axes
    heads = [text.get_text() for text in panel.get_xticklabels()]
    names = [text.get_text() for text in panel.get_yticklabels()]
    cells = {
        (
            names[round(text.get_position()[1])],
            heads[round(text.get_position()[0])],
        ): text.get_text()
        for text in panel.texts
    }
    assert len(cells) == len(names) * len(heads) == 18
    assert cells["first [x]", "sequential"] == "exact"
    assert cells["first [x]", "off"] == "360,016 wrong"
    assert cells["first [x]", "control *"] == "2 wrong"
    assert cells["first [x]", "lacking"] == "unavailable"
    assert cells["first [x]", "a|b"] == "failed"
    assert cells["second", "a|b"] == "not run"
    assert "unavailable: lacking (it has no backend)" in words(figure)


def test_a_cell_shows_the_worst_of_the_settings() -> None:
    groups = [
        group("one", [entry("rust", 2, mismatches=wrong, status=status)], cores, cores)
        for cores, wrong, status in ((1, 0, "ok"), (2, 7, "wrong"))
    ]
    (panel,) = exactness_figure(report(groups)).axes
    assert [text.get_text() for text in panel.texts] == ["7 wrong"]


def test_isls_are_drawn_as_they_are_recorded() -> None:
    shown = everything()
    lengths = shown.tokenizers[0].lengths
    assert lengths
    distribution, by_turn = lengths_figure(shown).axes[:2]
    line = distribution.lines[0]
    assert list(np.asarray(line.get_xdata())) == list(lengths.percentiles)
    assert list(np.asarray(line.get_ydata())) == list(range(101))
    assert distribution.get_xscale() == "log"
    assert points(by_turn, "median") == [(each.turn, each.median) for each in lengths.by_turn]
    (band,) = by_turn.collections
    corners = band.get_paths()[0].vertices
    for each in lengths.by_turn:
        for end in (each.low, each.high):
            assert np.isclose(corners, (each.turn, end)).all(axis=1).any()
    # There is no logarithm of zero, so below one the axis is linear.
    assert lengths_figure(with_lengths(0, 3)).axes[0].get_xscale() == "symlog"
    assert "No ISLs" not in words(lengths_figure(shown))
    assert "holds no ISLs" in words(lengths_figure(old()))


@pytest.mark.parametrize("planted", [1.0, 1.5, 2.0])
def test_a_planted_power_is_the_one_that_is_fitted_and_written(planted: float) -> None:
    found = exponent(power_law(planted))
    assert found
    assert found.low is not None
    assert found.high is not None
    assert found.value == pytest.approx(planted)
    assert found.low <= found.value <= found.high
    assert found.high - found.low < 1e-6
    figure = growth_figure(replace(growth(), strategy="rust", points=power_law(planted)))
    assert f"rust ~ T^{planted:.2f} [{planted:.2f}, {planted:.2f}]" in words(figure)
    fit = dict(points(figure.axes[0], "fit"))
    for point in power_law(planted):
        assert fit[point.turns] == pytest.approx(1e3 * point.seconds)


def test_a_bent_curve_has_a_wide_interval_and_two_points_have_none() -> None:
    bent = (*power_law(1)[:3], *power_law(2, 1e-6)[3:])
    found = exponent(bent)
    assert found
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > 0.2
    two = exponent(power_law(2)[:2])
    assert two
    assert two.value == pytest.approx(2)
    assert two.low is two.high is None
    assert exponent(power_law(2)[:1]) is None


def test_growth_of_several_is_in_one_figure_with_what_was_left_out() -> None:
    figure = growth_figure(growth_of_several())
    said = words(figure)
    for text in ("sequential ~ T^2.00", "spliced ~ T^1.50", "rust ~ T^1.00"):
        assert text in said
    assert "sequential: a run would take about 40 seconds, more than 10" in said
    assert "a-very-long-name-of-22: it has no backend" in said
    assert "slope of T² (quadratic)" in said
    assert "other programs kept 1.5 cores busy" in said
    assert "Measured on 2026-11-28." in said
    assert len(growth_parts_figure(growth_of_several()).axes) == 3
    assert "Machine not recorded." in words(growth_figure(growth()))
    assert "Date not recorded." in words(growth_figure(growth()))


@pytest.mark.parametrize("name", COMPARISON_PLOTS)
def test_a_caption_names_dataset_machine_date_and_baseline(name: str) -> None:
    # Lines of a caption are texts of their own.
    said = words(COMPARISON_PLOTS[name](everything()))
    assert "Dataset [red]chats.jsonl: 20 conversations, 360,016 turns." in said
    assert "Machine a processor, 2 of 4 cores." in said
    assert "Measured on 2026-11-28." in said
    assert "Baseline sequential." in said
    assert "Date not recorded." in words(COMPARISON_PLOTS[name](old()))


@pytest.mark.parametrize("name", ["speedup.png", "cores.png", "memory.png", "break-even.png"])
def test_settings_of_a_busy_machine_are_marked(name: str) -> None:
    quiet, busy = Load(0.1, 0.1, 1), Load(3.0, 1.7, 1)
    groups = [
        replace(each, load=busy if each.cores == 2 else quiet) for each in typical((1, 2, 4)).groups
    ]
    said = words(COMPARISON_PLOTS[name](report(groups)))
    assert "during 1 of 3 settings: " in said
    assert "on 2 cores (1.7 cores)" in said
    calm = report([replace(each, load=quiet) for each in groups])
    assert "Busy machine" not in words(COMPARISON_PLOTS[name](calm))


def test_an_interrupted_comparison_says_how_much_it_lacks() -> None:
    shown = typical((1, 2))
    assert "Not finished: 1 setting planned and not measured." in words(
        speedup_figure(replace(shown, groups=shown.groups[:1]))
    )


@pytest.mark.parametrize("name", sorted(set(COMPARISON_PLOTS) - {"lengths.png"}))
def test_no_strategy_is_silently_missing(name: str) -> None:
    for shown in (everything(), typical()):
        said = words(COMPARISON_PLOTS[name](shown))
        if name == "cores.png" and shown == everything():
            continue
        for row in shown.rows():
            assert row.entry.strategy in said
