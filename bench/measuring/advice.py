"""What the seconds of the rounds say: speedups, verdicts, and which strategy to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.measuring.baseline import again
from bench.measuring.estimates import Estimate, Verdict, median_estimate, speedup_estimate, verdict
from bench.measuring.jobs import Round


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of a strategy over the rounds, and its speedup over the baseline.

    Parameters
    ----------
    seconds
        For one round.
    speedup, verdict
        Over the baseline, and whether it stands out from the noise floor.
    parts
        Median seconds of each part that the strategy reports.
    """

    seconds: Estimate
    speedup: Estimate
    verdict: Verdict
    parts: dict[str, float]


def timings(rounds: Sequence[Round], baseline: str, seed: int) -> dict[str, Timing]:
    """Return the timing of each strategy.

    Parameters
    ----------
    rounds
        Seconds of each strategy, and of the baseline a second time.
    baseline
        Name of the baseline. The speedup of its second run is the noise floor.
    seed
        Seed of the bootstrap.
    """
    if not rounds:
        return {}
    samples = {name: [r.seconds[name] for r in rounds] for name in rounds[0].seconds}
    reference = samples[baseline]
    floor = speedup_estimate(reference, samples[again(baseline)], seed)
    found = {}
    for name, seconds in samples.items():
        parts = {
            part: median_estimate([r.parts[name].get(part, 0.0) for r in rounds], seed).median
            for part in rounds[0].parts[name]
        }
        speedup = speedup_estimate(reference, seconds, seed)
        found[name] = Timing(
            median_estimate(seconds, seed), speedup, verdict(speedup, floor), parts
        )
    return found


def recommended(
    rankable: Sequence[str], rounds: Sequence[Round], floor: Estimate, seed: int
) -> tuple[str, ...]:
    """Return the fastest strategy, and those that may be as fast as it is.

    Parameters
    ----------
    rankable
        Names of the exact strategies, without controls.
    rounds
        Seconds of each of them, at least one round.
    floor
        Speedup of the baseline over itself.
    seed
        Seed of the bootstrap.
    """
    # `auto` runs one of the others, so advice names that one.
    samples = {name: [r.seconds[name] for r in rounds] for name in rankable if name != "auto"}
    if not samples:
        return ()
    best = min(samples, key=lambda name: median_estimate(samples[name], seed).median)
    others = [
        name
        for name, seconds in samples.items()
        if name != best
        and verdict(speedup_estimate(seconds, samples[best], seed), floor) != "faster"
    ]
    return (best, *others)
