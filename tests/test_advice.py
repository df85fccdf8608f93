"""The rule that recommends a strategy: what it needs to see, and what can never change it."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from math import ceil, exp, inf, log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.measuring.advice import (
    MOST_MORE_ROUNDS,
    PICKER,
    SIMPLEST_FIRST,
    WORTHWHILE,
    Advice,
    advise,
    contest_in,
)
from bench.measuring.break_even import BreakEven, break_even
from bench.measuring.contest import (
    Contest,
    contest_of,
    contest_of_separate,
    fewest_rounds,
    simultaneous,
)
from bench.measuring.estimates import Estimate, ratio_estimate
from bench.measuring.result import Entry, Group
from strategies import names

from .reports import entry, group

Seconds = dict[str, list[float]]

BASE, AGAIN = "sequential", "again"


def decided(seconds: Mapping[str, Sequence[float]], baseline: str = BASE) -> Advice:
    """Apply the rule to seconds by round, of which `AGAIN` are the baseline's second run."""
    own = {name: each for name, each in seconds.items() if name != AGAIN}
    return advise(contest_of(own, baseline, seconds[AGAIN]))


def simulated(
    speedups: Mapping[str, float], *, rounds: int, seed: int, noise: float = 0.03
) -> Seconds:
    """Return seconds as a shared machine gives them.

    A round is slow as a whole, each run scatters by itself, and one run in ten is disturbed.
    """
    random_numbers = np.random.default_rng(seed)
    slow = random_numbers.lognormal(0, 0.2, rounds)
    found = {}
    for name, speedup in {BASE: 1.0, AGAIN: 1.0, **speedups}.items():
        own = random_numbers.lognormal(0, noise, rounds)
        hit = 1 + (random_numbers.random(rounds) < 0.1) * random_numbers.exponential(0.5, rounds)
        found[name] = (slow * own * hit / speedup).tolist()
    return found


# Examples.


def contest(
    speedups: Mapping[str, tuple[float, float, float]],
    pairs: Mapping[tuple[str, str], tuple[float, float, float]],
    margin: float,
) -> Contest:
    ratios = {}
    for name, (low, median, high) in speedups.items():
        ratios[BASE, name] = Estimate(median, low, high)
        ratios[name, BASE] = Estimate(1 / median, 1 / high, 1 / low)
    for (a, b), (low, median, high) in pairs.items():
        ratios[a, b] = Estimate(median, low, high)
        ratios[b, a] = Estimate(1 / median, 1 / high, 1 / low)
    floor = Estimate(1, 1 / margin, margin)
    return Contest(BASE, (BASE, *speedups), ratios, floor, 10, 0.95, 6)


def test_a_strategy_that_may_be_slower_than_the_baseline_is_not_recommended_for_its_noise() -> None:
    found = advise(
        contest(
            {"spliced": (1.89, 2.36, 2.78), "process-pool": (0.71, 0.86, 3.82)},
            {("process-pool", "spliced"): (0.6, 2.7, 3.5)},
            margin=1.1,
        )
    )
    assert (found.use, found.best) == ("spliced", "spliced")
    assert found.standings == {"spliced": "faster", "process-pool": "unclear"}


def test_the_simplest_that_is_not_shown_slower_than_the_best_is_recommended() -> None:
    speedups = {"rust": (3.9, 4.0, 4.1), "batched": (3.0, 3.5, 4.0)}
    close = contest(speedups, {("batched", "rust"): (0.9, 1.14, 1.3)}, margin=1.1)
    found = advise(close)
    assert (found.use, found.best) == ("batched", "rust")
    # With so many more rounds, the difference of 1.14 would stand out from the noise.
    width = log(1.14 / 0.9) + log(1.1)
    assert found.more_rounds == ceil(10 * ((width / log(1.14)) ** 2 - 1))
    # They differ, and by less than the baseline differs from itself.
    within = contest(speedups, {("batched", "rust"): (1.05, 1.08, 1.2)}, margin=1.1)
    assert advise(within).use == "batched"
    apart = contest(speedups, {("batched", "rust"): (1.11, 1.14, 1.3)}, margin=1.1)
    found = advise(apart)
    assert (found.use, found.best, found.simpler) == ("rust", "rust", ("batched",))
    assert found.more_rounds is None


@pytest.mark.parametrize(
    ("high", "margin", "use"),
    [(1.05, 1.02, BASE), (1.2, 1.02, None), (1.05, 1.2, None), (1.0999, 1.0999, BASE)],
)
def test_the_baseline_is_kept_only_if_nothing_can_be_worth_a_change(
    high: float, margin: float, use: str | None
) -> None:
    assert advise(contest({"rust": (0.9, 1.0, high)}, {}, margin)).use == use


def test_a_baseline_without_rivals_is_kept() -> None:
    assert decided({BASE: [1.0], AGAIN: [1.1]}).use == BASE


@pytest.mark.parametrize("strategies", [2, 4, 6])
def test_too_few_rounds_are_inconclusive_and_ask_for_those_that_are_missing(
    strategies: int,
) -> None:
    fewest = fewest_rounds(simultaneous(strategies))
    others = {str(i): 20.0 + 10 * i for i in range(1, strategies)}
    seconds = simulated(others, rounds=fewest, seed=1, noise=1e-4)
    short = {name: each[:-1] for name, each in seconds.items()}
    found = decided(short)
    assert (found.use, found.more_rounds) == (None, 1)
    assert decided(seconds).use is not None


def test_the_rounds_asked_for_are_about_those_that_decide() -> None:
    """A gain of 15 % in noise of 5 %: ten rounds rarely show it."""
    asked = []
    for seed in range(20):
        few = simulated({"spliced": 1.15}, rounds=10, seed=seed, noise=0.05)
        found = decided(few)
        if found.use is None and found.more_rounds is not None:
            asked.append(found.more_rounds)
            assert 1 <= found.more_rounds <= MOST_MORE_ROUNDS
    assert len(asked) >= 5
    more = 10 + int(np.median(asked))
    enough = sum(
        decided(simulated({"spliced": 1.15}, rounds=more, seed=seed, noise=0.05)).use == "spliced"
        for seed in range(100, 120)
    )
    assert enough >= 8


def test_no_number_of_rounds_is_asked_for_when_the_baseline_differs_from_itself_by_as_much() -> (
    None
):
    seconds = simulated({"spliced": 1.2}, rounds=20, seed=3, noise=0.01)
    seconds[AGAIN] = [1.3 * each for each in seconds[AGAIN]]
    found = decided(seconds)
    assert (found.use, found.more_rounds) == (None, None)


def test_the_order_of_simplicity_names_strategies_that_exist() -> None:
    assert set(SIMPLEST_FIRST) < set(names())
    assert PICKER in names()
    assert PICKER not in SIMPLEST_FIRST


# A group of a report.


def timed(speedups: Mapping[str, float], rounds: int = 12) -> Group:
    seconds = simulated(speedups, rounds=rounds, seed=5, noise=0.01)
    again = tuple(seconds.pop(AGAIN))
    entries = [
        entry(name, speedups.get(name, 1.0), round_seconds=tuple(each))
        for name, each in seconds.items()
    ]
    return replace(group("t", entries), again_seconds=again, rounds=rounds)


def advised(some: Group) -> Advice:
    found = contest_in(some)
    assert found is not None
    return advise(found)


def changed(some: Group, strategy: str, **changes: object) -> Group:
    entries = [
        replace(each, **changes) if each.strategy == strategy else each  # type: ignore[arg-type]
        for each in some.entries
    ]
    return replace(some, entries=tuple(entries))


def test_only_exact_timed_strategies_that_are_no_picker_and_no_control_compete() -> None:
    some = timed({"rust": 9, "spliced": 4, PICKER: 9})
    assert advised(some).use == "rust"
    for changes in (
        {"mismatches": 1},
        {"status": "wrong"},
        {"control": True},
        {"round_seconds": None},
        {"mismatches": None},
    ):
        found = contest_in(changed(some, "rust", **changes))
        assert found is not None
        assert found.names == (BASE, "spliced")
        assert advise(found).use == "spliced"


@pytest.mark.parametrize("changes", [{"mismatches": 1}, {"round_seconds": None}])
def test_without_an_exact_baseline_nothing_is_compared(changes: dict[str, object]) -> None:
    assert contest_in(changed(timed({"rust": 9}), BASE, **changes)) is None


def test_without_a_second_run_of_the_baseline_nothing_is_compared() -> None:
    assert contest_in(replace(timed({"rust": 9}), again_seconds=())) is None


# What holds for all numbers.

ratio = st.floats(-3, 3).map(exp)
NAMES = ["sequential", "batched", "thread-pool", "spliced", "process-pool", "rust", "foreign", "z"]


@st.composite
def contests(draw: st.DrawFn) -> Contest:
    chosen = [BASE, *draw(st.lists(st.sampled_from(NAMES[1:]), unique=True, max_size=5))]
    ratios = {}
    for i, a in enumerate(chosen):
        for b in chosen[:i]:
            low, median, high = sorted(draw(st.tuples(ratio, ratio, ratio)))
            ratios[a, b] = Estimate(median, low, high)
            ratios[b, a] = Estimate(1 / median, 1 / high, 1 / low)
    low, median, high = sorted(draw(st.tuples(*[st.floats(-0.3, 0.3).map(exp)] * 3)))
    floor = Estimate(median, low, high)
    return Contest(BASE, tuple(chosen), ratios, floor, draw(st.integers(6, 40)), 0.99, 8)


def widened(estimate: Estimate, factor: float) -> Estimate:
    down = log(estimate.low / estimate.median) * factor
    up = log(estimate.high / estimate.median) * factor
    return Estimate(
        estimate.median,
        min(estimate.low, estimate.median * exp(down)),
        max(estimate.high, estimate.median * exp(up)),
    )


@given(made=contests())
def test_what_is_not_shown_to_be_faster_than_the_baseline_is_never_recommended(
    made: Contest,
) -> None:
    found = advise(made)
    assert found.use in {None, *made.names}
    if found.use not in {None, BASE}:
        assert found.use is not None
        assert made.speedup(found.use).low > made.margin >= 1
        assert found.best is not None
        assert not made.faster(found.best, found.use)
        for name in found.simpler:
            assert made.faster(found.best, name)
            assert made.faster(name, BASE)
    if found.use == BASE:
        assert all(made.speedup(name).high < WORTHWHILE for name in made.others)


@given(made=contests(), factors=st.lists(st.floats(1, 5), min_size=57, max_size=57))
def test_wider_intervals_never_decide(made: Contest, factors: list[float]) -> None:
    assume(advise(made).use is None)
    wider = {
        pair: widened(each, factor)
        for (pair, each), factor in zip(made.ratios.items(), factors, strict=False)
    }
    floor = widened(made.floor, factors[-1])
    assert advise(replace(made, ratios=wider, floor=floor)).use is None


@given(made=contests())
def test_without_bounds_nothing_is_decided(made: Contest) -> None:
    assume(made.others)
    nothing = {pair: Estimate(each.median, 0.0, inf) for pair, each in made.ratios.items()}
    assert advise(replace(made, ratios=nothing)).use is None
    unknown = replace(made, floor=Estimate(1, 0.0, inf))
    assert advise(unknown).use is None


@given(made=contests(), order=st.randoms(use_true_random=False))
def test_the_order_of_strategies_changes_nothing(made: Contest, order: random.Random) -> None:
    shuffled = list(made.names)
    order.shuffle(shuffled)
    other = replace(made, names=tuple(shuffled))
    assert advise(other) == advise(made)


seconds_of_rounds = st.lists(st.floats(0.8, 1.25), min_size=12, max_size=12, unique=True)


@st.composite
def many_seconds(draw: st.DrawFn) -> Seconds:
    chosen = [BASE, AGAIN, *draw(st.lists(st.sampled_from(NAMES[1:]), unique=True, max_size=5))]
    found = {}
    for name in chosen:
        scale = 1.0 if name == AGAIN else draw(ratio)
        found[name] = [scale * each for each in draw(seconds_of_rounds)]
    return found


@settings(max_examples=40)
@given(seconds=many_seconds())
def test_renaming_strategies_of_other_packages_changes_nothing(seconds: Seconds) -> None:
    new = {"foreign": "zz", "z": "a"}
    renamed = {new.get(name, name): each for name, each in seconds.items()}
    before, after = decided(seconds), decided(renamed)
    assert after.use == (before.use and new.get(before.use, before.use))
    assert after.standings == {new.get(k, k): each for k, each in before.standings.items()}
    assert after.more_rounds == before.more_rounds


@settings(max_examples=40)
@given(seconds=many_seconds(), order=st.randoms(use_true_random=False))
def test_the_order_of_rounds_changes_nothing(seconds: Seconds, order: random.Random) -> None:
    places = list(range(12))
    order.shuffle(places)
    assert decided({name: [s[i] for i in places] for name, s in seconds.items()}) == decided(
        seconds
    )


@settings(max_examples=40)
@given(seconds=many_seconds(), factor=st.floats(1, 4))
def test_more_scatter_never_decides(seconds: Seconds, factor: float) -> None:
    """Each round has a mirror image, so that the medians stay the same for all pairs."""
    centres = {name: each[0] for name, each in seconds.items()}
    deviations = {name: [log(s) for s in each[1:]] for name, each in seconds.items()}

    def scattered(scale: float) -> Seconds:
        return {
            name: [
                centre * exp(sign * scale * deviation)
                for sign in (1, -1)
                for deviation in deviations[name]
            ]
            for name, centre in centres.items()
        }

    assume(decided(scattered(1)).use is None)
    assert decided(scattered(factor)).use is None


# Noise.


@pytest.mark.parametrize("rounds", [10, 15, 30])
def test_the_same_code_twice_is_never_called_a_difference(rounds: int) -> None:
    for seed in range(50):
        speedups = dict.fromkeys(("batched", "spliced", "rust"), 1.0)
        seconds = simulated(speedups, rounds=rounds, seed=seed, noise=0.01 * (1 + seed % 8))
        found = decided(seconds)
        assert found.use in {None, BASE}
        assert set(found.standings.values()) <= {"same", "unclear"}


def test_a_real_difference_is_found_in_noise() -> None:
    found = [
        decided(simulated({"batched": 1.7, "spliced": 4}, rounds=15, seed=seed)).use
        for seed in range(50)
    ]
    assert found.count("spliced") >= 45
    assert set(found) <= {"spliced", None}


def test_the_interval_covers_the_median_at_least_as_often_as_it_says() -> None:
    random_numbers = np.random.default_rng(2)
    covered = 0
    for _ in range(400):
        ratios = random_numbers.exponential(1.0, 15)
        found = ratio_estimate(ratios.tolist(), [1.0] * 15, 0.95)
        covered += found.low <= log(2) <= found.high
    assert 375 <= covered < 400


def test_separate_runs_are_compared_without_pairs() -> None:
    floor = Estimate(1, 1 / 1.5, 1.5)
    seconds = {BASE: [1.0, 1.02, 0.97], "rust": [0.1, 0.101, 0.099], "batched": [0.7, 0.72, 0.71]}
    made = contest_of_separate(seconds, BASE, floor)
    speedup = made.speedup("rust")
    assert 1.5 < speedup.low < speedup.median < speedup.high
    assert speedup.median == pytest.approx(10, rel=0.02)
    assert made.ratios["rust", BASE].median == pytest.approx(1 / speedup.median)
    # Batches are faster, and by less than runs of the same code are apart.
    assert advise(made).use == "rust"
    assert advise(made).standings["batched"] == "unclear"
    one = contest_of_separate({BASE: [1.0, 1.1], "rust": [0.1]}, BASE, floor)
    assert (one.speedup("rust").low, one.speedup("rust").high) == (0, inf)
    assert advise(one).more_rounds == 1


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99, 0.999])
def test_an_interval_has_bounds_from_the_fewest_rounds_on(confidence: float) -> None:
    fewest = fewest_rounds(confidence)
    for rounds, bounded in ((fewest - 1, False), (fewest, True)):
        found = ratio_estimate([1.0 + i for i in range(rounds)], [1.0] * rounds, confidence)
        assert (found.low > 0) == bounded == (found.high < inf)


def test_all_pairs_are_corrected_for() -> None:
    assert simultaneous(2) == 0.95
    assert simultaneous(5) == pytest.approx(1 - 0.05 / 10)
    made = contest_of({BASE: [1.0, 2], "a": [1.0, 1], "b": [2.0, 2]}, BASE, [1.0, 2])
    assert set(made.ratios) == set(permutations(made.names, 2))
    with pytest.raises(ValueError, match="same rounds"):
        contest_of({BASE: [1.0]}, BASE, [1.0, 2.0])


# From which size on a strategy pays.


def priced(seconds: float, cold: float | None) -> Entry:
    return entry("s", 1.0, seconds=Estimate(seconds, seconds, seconds), cold_seconds=cold)


@pytest.mark.parametrize(
    ("seconds", "cold", "expected"),
    [
        # A turn takes 0.1 s less, and the start 2 s more.
        pytest.param(5.0, 3.0, BreakEven(21, 5), id="from 21 turns on"),
        pytest.param(5.0, 0.5, BreakEven(1, 1), id="at once"),
        pytest.param(5.0, 1.0, BreakEven(1, 1), id="the same start"),
        pytest.param(15.0, 3.0, BreakEven(None, None), id="never"),
        pytest.param(10.0, 1.0, BreakEven(None, None), id="the same"),
        pytest.param(10.0, 0.5, BreakEven(1, 1), id="only the start is faster"),
        pytest.param(15.0, 0.5, BreakEven(1, 1, 4), id="only a few turns"),
        pytest.param(15.0, 0.95, BreakEven(None, None), id="not even one turn"),
    ],
)
def test_break_even_counts_the_start(seconds: float, cold: float, expected: BreakEven) -> None:
    assert break_even(priced(seconds, cold), priced(10.0, 1.0), 50, 10) == expected


def test_break_even_needs_both_times() -> None:
    assert break_even(priced(5, None), priced(10, 1), 50, 10) is None
    assert break_even(replace(priced(5, 1), seconds=None), priced(10, 1), 50, 10) is None


@given(
    seconds=st.floats(0.01, 100),
    cold=st.floats(0, 100),
    turns=st.integers(1, 1000),
    conversations=st.integers(1, 50),
)
def test_break_even_is_the_first_size_that_pays(
    seconds: float, cold: float, turns: int, conversations: int
) -> None:
    found = break_even(priced(seconds, cold), priced(10.0, 1.0), turns, conversations)
    assert found is not None

    def ahead(size: int) -> float:
        return 1.0 + size * 10.0 / turns - (cold + size * seconds / turns)

    if found.turns is not None:
        assert ahead(found.turns) > -1e-6
        assert found.turns == 1 or ahead(found.turns - 1) < 1e-6
        if found.most_turns is not None:
            assert ahead(found.most_turns) > -1e-6
            assert ahead(found.most_turns + 1) < 1e-6
    else:
        assert ahead(1) < 1e-6


def test_the_page_of_the_rule_has_the_order_of_the_rule() -> None:
    page = (Path(__file__).parents[1] / "docs" / "deciding.md").read_text(encoding="utf-8")
    table = page.partition("### The order of simplicity")[2].partition("###")[0]
    order = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    assert tuple(order) == SIMPLEST_FIRST
