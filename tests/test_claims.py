"""One rule answers every claim from its numbers; the claims of exactness are answered here.

The timed claims run as well, but no test asserts what they measure.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.claims import growth, locks, splicing, stored
from bench.claims.catalog import CLAIMS
from bench.claims.claim import (
    RULE,
    Answered,
    Case,
    Claim,
    Evidence,
    Range,
    answer_of,
    exactly,
    shown,
)
from bench.claims.figure import claim_figure
from bench.claims.interval import median_of, ratio_of
from bench.claims.lab import Lab, open_lab
from bench.claims.telling import section, summary, the_rule
from bench.measuring.estimates import Estimate
from bench.reporting.plots import png

EXACT = [name for name, claim in CLAIMS.items() if not claim.timed]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab("quick") as opened:
        yield opened


def inside(supports: Range) -> Estimate:
    low = supports.low if math.isfinite(supports.low) else supports.high - 1
    high = supports.high if math.isfinite(supports.high) else low + 1
    return Estimate((low + high) / 2, low, high)


def outside(supports: Range) -> Estimate:
    at = supports.high + 1 if math.isfinite(supports.high) else supports.low / 2
    return Estimate(at, at, at * 1.01)


def across(supports: Range) -> Estimate:
    one, other = inside(supports), outside(supports)
    return Estimate(one.median, min(one.low, other.low), max(one.high, other.high))


def answered(claim: Claim, *values: Estimate) -> Answered:
    cases = tuple(Case(f"case {i}", value) for i, value in enumerate(values))
    return Answered(claim, Evidence(cases, "made by hand"))


# --- the rule ---------------------------------------------------------------------------


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.name)
def test_numbers_decide_the_answer_of_every_claim(claim: Claim) -> None:
    yes, no, unsure = (make(claim.supports) for make in (inside, outside, across))
    assert answered(claim, yes, yes).answer == "confirmed"
    assert answered(claim, no, no).answer == "refuted"
    assert answered(claim, yes, no).answer == "depends"
    assert answered(claim, yes, no, unsure).answer == "depends"
    assert answered(claim, yes, unsure).answer == "inconclusive"
    assert answered(claim, no, unsure).answer == "inconclusive"
    assert answered(claim).answer == "inconclusive"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (exactly(0), "0"),
        (exactly(-0.0), "0"),
        (exactly(1098), "1,098"),
        (exactly(99.18), "99.2"),
        (Estimate(1.0, 0.5, 1.25), "1.00 [0.50, 1.25]"),
        (Estimate(1.0, -math.inf, math.inf), "1.00 [no bounds]"),
    ],
)
def test_exact_numbers_are_shown_without_an_interval(value: Estimate, said: str) -> None:
    assert shown(value) == said


def test_few_rounds_decide_nothing() -> None:
    assert median_of([3, 1, 2, 5, 4, 6]) == Estimate(3.5, 1, 6)
    few = median_of([2.0, 1.9, 2.1])
    assert few == Estimate(2.0, -math.inf, math.inf)
    claim = CLAIMS["quadratic"]
    assert answered(claim, few).answer == "inconclusive"
    assert answered(claim, few, outside(claim.supports)).answer == "inconclusive"
    assert png(claim_figure(answered(claim, few)))
    assert ratio_of([2, 4], [1, 2]).median == 2


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=40))
def test_an_interval_is_of_samples_around_their_median(samples: list[float]) -> None:
    found = median_of(samples)
    assert found.low <= found.median <= found.high
    assert math.isfinite(found.low) == math.isfinite(found.high) == (len(samples) > 5)
    assert len(samples) < 6 or {found.low, found.high} <= set(samples)


def test_what_is_shown_for_comparison_decides_nothing() -> None:
    supports = Range(1, 2)
    cases = (Case("a", exactly(1.5)), Case("b", exactly(9), judged=False))
    assert answer_of(cases, supports) == "confirmed"
    assert answer_of(cases[1:], supports) == "inconclusive"


numbers = st.floats(0.01, 100)
estimates = st.lists(numbers, min_size=3, max_size=3).map(
    lambda three: Estimate(sorted(three)[1], min(three), max(three))
)
ranges = st.tuples(numbers, numbers).map(lambda two: Range(min(two), max(two)))


@given(st.lists(estimates, max_size=5), ranges, st.floats(1, 10))
def test_wider_intervals_never_decide_what_was_open(
    values: list[Estimate], supports: Range, factor: float
) -> None:
    cases = tuple(Case("", value) for value in values)
    wider = tuple(
        replace(
            case,
            value=replace(case.value, low=case.value.low / factor, high=case.value.high * factor),
        )
        for case in cases
    )
    if answer_of(cases, supports) == "inconclusive":
        assert answer_of(wider, supports) == "inconclusive"
    assert answer_of(cases, supports) == answer_of(cases[::-1], supports)


@pytest.mark.parametrize(
    ("supports", "said"),
    [
        (Range(0, 0), "exactly 0"),
        (Range(low=1.05), "1.05 or more"),
        (Range(high=3), "3 or less"),
        (Range(0.8, 1.25), "0.8 to 1.25"),
    ],
)
def test_the_rule_is_told_with_its_numbers(supports: Range, said: str) -> None:
    assert str(supports) == said
    claim = replace(CLAIMS["quadratic"], supports=supports)
    assert claim.rule == f"A number speaks for yes if it is {said} (exponent of the turns)."
    assert RULE in the_rule()


# --- what is shown ----------------------------------------------------------------------


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.name)
def test_an_answer_is_shown_as_text_and_as_a_picture(claim: Claim) -> None:
    values = inside(claim.supports), outside(claim.supports)
    labels = ("case 0", "a case with a label as long as those of calls")
    cases = tuple(map(Case, labels, values))
    made = Answered(claim, Evidence(cases, "made by hand"))
    told = section(made)
    assert told.startswith(f"## {claim.question}\n\n**Depends.** {claim.rule}")
    assert ("differ from run to run" in told) == claim.timed
    assert f"| {claim.question} | **depends** | {claim.quantity}: case 0 " in summary({"": made})
    figure = claim_figure(made)
    figure.draw_without_rendering()
    (panel,) = figure.axes
    assert [text.get_text().split()[-1] for text in panel.texts] == ["for", "against"]
    for text in panel.texts:
        assert text.get_window_extent().x1 <= figure.bbox.x1
    extent = panel.xaxis.label.get_window_extent()
    assert extent.x0 >= 0
    assert extent.x1 <= figure.bbox.x1
    low, high = panel.get_xlim()
    assert low < min(value.low for value in values) <= max(value.high for value in values) < high
    assert png(figure) == png(claim_figure(made))


def test_a_claim_without_numbers_is_shown_too() -> None:
    made = Answered(CLAIMS["threads-run-meanwhile"], Evidence((), "it needs two cores"))
    assert "**inconclusive** | it needs two cores |" in summary({"": made})
    assert png(claim_figure(made))


# --- the experiments --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answer"),
    {
        "chatml-is-safe": "confirmed",
        "sentencepiece-is-not": "depends",
        "neighbours-make-it-safe": "confirmed",
        "text-boundaries": "depends",
        "equal-counts-prove-it": "depends",
        "stored-counts": "confirmed",
        "shortcuts-differ": "confirmed",
    }.items(),
)
def test_the_claims_of_exactness_are_answered(lab: Lab, name: str, answer: str) -> None:
    claim = CLAIMS[name]
    assert Answered(claim, claim.measure(lab)).answer == answer


def test_all_claims_of_exactness_are_asserted() -> None:
    assert EXACT == [
        "chatml-is-safe",
        "sentencepiece-is-not",
        "neighbours-make-it-safe",
        "text-boundaries",
        "equal-counts-prove-it",
        "stored-counts",
        "shortcuts-differ",
    ]


def test_the_tokens_of_the_plain_call_are_quadratic(lab: Lab) -> None:
    tokens = growth.measure_plain(lab).cases[0].value
    assert 1.9 < tokens.low == tokens.high < 2.1


@pytest.mark.parametrize("power", [1, 2, 3.5])
def test_a_power_law_has_its_exponent(power: float) -> None:
    turns = (5, 10, 20, 80)
    assert growth.exponent(turns, [7 * t**power for t in turns]) == pytest.approx(power)


def test_a_second_thread_counts_beside_a_call() -> None:
    data = bytes(1_000_000)
    assert locks.ticks_a_second(lambda: hashlib.sha256(data), 0.2) > 0


def test_a_call_stands_between_code_that_shares_the_lock_and_code_that_releases_it() -> None:
    speeds = {locks.HASHING: 30.0, locks.PYTHON: 10.0, "released": 29.0, "held": 0.0}
    found = locks.released(speeds)
    assert found == {locks.HASHING: 1, locks.PYTHON: 0, "released": 0.95, "held": -0.5}


def test_wrong_ids_with_equal_counts_are_missed(lab: Lab) -> None:
    missed = [case.value.median for case in splicing.measure_check(lab).cases]
    assert [number > 0 for number in missed] == [True, False, False, False]


def test_changed_turns_are_counted_in_percent() -> None:
    assert stored.changed([[1, 2], [None]], [[1, 3], [4]]) == pytest.approx(100 * 2 / 3)


def test_pools_are_timed_on_as_much_for_each_core(lab: Lab) -> None:
    assert len(lab.timed) % len(lab.cores) == 0
    assert {len(each.turns) for each in lab.timed} == {lab.effort.timed_turns}


def test_an_effort_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no effort 'slow': one of quick, full"), open_lab("slow"):
        pass


def test_the_same_kept_result_is_not_measured_twice(lab: Lab) -> None:
    assert lab.once("kept", lambda: 1) == lab.once("kept", lambda: 2) == 1
