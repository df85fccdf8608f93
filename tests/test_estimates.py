"""Intervals cover as often as they claim, pairing cancels common noise, verdicts need evidence."""

from __future__ import annotations

import numpy as np
import pytest

from bench.measuring.estimates import Estimate, median_estimate, speedup_estimate, verdict


def test_a_slow_round_slows_both_and_does_not_count() -> None:
    noise = [1.0, 5.0, 2.0, 9.0, 1.5, 3.0, 7.0, 1.1]
    estimate = speedup_estimate([10 * n for n in noise], [2 * n for n in noise])
    assert estimate.median == pytest.approx(5)
    assert estimate.high - estimate.low < 1e-9


def test_samples_of_other_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="same rounds"):
        speedup_estimate([1.0, 2.0], [1.0])


def test_no_sample_is_no_estimate() -> None:
    with pytest.raises(ValueError, match="needs a sample"):
        median_estimate([])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_samples_give_their_range(count: int) -> None:
    samples = [float(i) for i in range(1, count + 1)]
    estimate = median_estimate(samples)
    assert (estimate.low, estimate.high) == (1.0, float(count))


def test_the_interval_covers_the_median_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        estimate = median_estimate(random.lognormal(0, 0.3, 15).tolist(), trial)
        covered += estimate.low <= 1.0 <= estimate.high
    # 95 % of 200 is 190. Far fewer, or all 200, would mean that the interval is wrong.
    assert 178 <= covered < 200


def test_one_slow_round_of_many_moves_neither_the_median_nor_the_interval() -> None:
    samples = [1.0 + i / 1000 for i in range(20)]
    estimate = median_estimate([*samples, 1000.0])
    assert 1.0 < estimate.low < estimate.median < estimate.high < 1.02


def test_six_samples_are_resampled_and_five_are_not() -> None:
    samples = [1.0, 1.1, 1.2, 1.3, 1.4]
    assert median_estimate(samples).as_dict() == {"median": 1.2, "low": 1.0, "high": 1.4}
    six = median_estimate([*samples, 9.0])
    assert six.median == pytest.approx(1.25)
    assert 1.0 <= six.low < six.median < six.high < 9.0


def test_the_same_samples_give_the_same_interval() -> None:
    samples = [1.0, 1.2, 0.9, 1.4, 1.1, 1.05, 0.95]
    assert median_estimate(samples, 3) == median_estimate(samples, 3)


@pytest.mark.parametrize(
    ("speedup", "floor", "expected"),
    [
        (Estimate(2.0, 1.8, 2.2), Estimate(1, 0.9, 1.1), "faster"),
        (Estimate(0.5, 0.4, 0.6), Estimate(1, 0.9, 1.1), "slower"),
        (Estimate(1.05, 0.9, 1.2), Estimate(1, 0.99, 1.01), "inconclusive"),
        (Estimate(1.3, 1.1, 1.5), Estimate(1.1, 0.7, 1.4), "inconclusive"),
        (Estimate(0.9, 0.8, 0.95), Estimate(1, 0.9, 1.1), "inconclusive"),
        (Estimate(0.97, 0.96, 0.99), Estimate(0.9, 0.8, 0.95), "inconclusive"),
        (Estimate(1.03, 1.01, 1.04), Estimate(1.1, 1.05, 1.2), "inconclusive"),
        (Estimate(1.3, 1.05, 1.5), Estimate(1, 0.9, 1.1), "inconclusive"),
        (Estimate(0.7, 0.5, 0.95), Estimate(1, 0.9, 1.1), "inconclusive"),
    ],
)
def test_a_verdict_must_stand_out_of_the_noise(
    speedup: Estimate, floor: Estimate, expected: str
) -> None:
    assert verdict(speedup, floor) == expected
