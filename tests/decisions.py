"""Reports with simulated rounds, for the tests of decisions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.measuring.estimates import Estimate
from bench.measuring.result import Entry, Group
from bench.reporting.report import Report

from .reports import entry, group, report

BASE, AGAIN = "sequential", "again"

SPEEDUPS: Mapping[str, float] = {"thread-pool": 1.02, "batched": 1.7, "spliced": 4.0, "rust": 15.0}
"""About those of real comparisons."""

COLD = {BASE: 2.0, "thread-pool": 2.1, "batched": 2.1, "spliced": 2.0, "rust": 2.05}


def simulated(
    speedups: Mapping[str, float], *, rounds: int, seed: int, noise: float = 0.03
) -> dict[str, list[float]]:
    """Return seconds as a shared machine gives them.

    A round is slow as a whole, each run scatters by itself, and one run in ten is disturbed.
    """
    random = np.random.default_rng(seed)
    slow = random.lognormal(0, 0.2, rounds)
    found = {}
    for name, speedup in {BASE: 1.0, AGAIN: 1.0, **speedups}.items():
        own = random.lognormal(0, noise, rounds)
        hit = 1 + (random.random(rounds) < 0.1) * random.exponential(0.5, rounds)
        found[name] = (slow * own * hit / speedup).tolist()
    return found


def timed(strategy: str, seconds: Sequence[float], **changes: Any) -> Entry:
    """Return the entry of an exact strategy with these seconds by round."""
    low, middle, high = np.quantile(seconds, [0.1, 0.5, 0.9]).tolist()
    facts: dict[str, Any] = {
        "seconds": Estimate(middle, low, high),
        "round_seconds": tuple(seconds),
        "tokens_per_second": 1e6 / middle,
        "turns_per_second": 1500 / middle,
        "cold_seconds": COLD.get(strategy, 2.5),
    }
    return entry(strategy, 1.0, **(facts | changes))


def timed_group(
    tokenizer: str = "bpe",
    speedups: Mapping[str, float] = SPEEDUPS,
    *,
    cores: int = 1,
    rounds: int = 15,
    seed: int = 0,
    noise: float = 0.03,
    more: Sequence[Entry] = (),
) -> Group:
    """Return a group with simulated rounds."""
    seconds = simulated(speedups, rounds=rounds, seed=seed, noise=noise)
    again = tuple(seconds.pop(AGAIN))
    entries = [timed(name, each) for name, each in seconds.items()]
    made = group(tokenizer, [*entries, *more], cores, cores)
    return replace(made, again_seconds=again, rounds=rounds, recommended=())


def changed(some: Group, strategy: str, **changes: Any) -> Group:
    """Return a group in which a strategy is different."""
    entries = [
        replace(each, **changes) if each.strategy == strategy else each for each in some.entries
    ]
    return replace(some, entries=tuple(entries))


def written(folder: Path, groups: Sequence[Group], name: str = "report.json") -> Path:
    """Write a report of some groups to a file."""
    return write(folder / name, report(groups))


def write(path: Path, made: Report) -> Path:
    """Write a report to a file."""
    path.write_text(json.dumps(made.as_dict()), encoding="utf-8")
    return path
