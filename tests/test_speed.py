"""The workloads of the asv suite for quick comparisons: `make bench`.

Every timed count is also checked, so that a fast but wrong strategy is found. `make test` runs one
workload once for each strategy, so that this file keeps working.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.benchmarks import workloads
from strategies import Conversation, Counter, Counts, available_cores, get, reference_counts


@cache
def workload(shape: str, step: int) -> list[Conversation]:
    """Return the conversations to time, with every `step`-th of their turns."""
    return [replace(c, turns=c.turns[::step]) for c in workloads.conversations(shape)]


@cache
def expected(family: str, shape: str, step: int) -> Counts:
    return reference_counts(workload(shape, step), workloads.chat(family))


def timed_alone(values: list[str]) -> list[Any]:
    """Return all values. `make test` runs only the first, because other tests cover the rest."""
    first, *others = values
    return [first, *(pytest.param(value, marks=pytest.mark.speed) for value in others)]


@pytest.fixture(scope="module", params=timed_alone(workloads.FAMILIES))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def counter(strategy_name: str, family: str) -> Iterator[Counter]:
    """A strategy, open on all cores."""
    try:
        workloads.require(strategy_name, family)
    except NotImplementedError as reason:
        pytest.skip(str(reason))
    with get(strategy_name).open(workloads.chat(family), workers=available_cores()) as opened:
        yield opened


@pytest.mark.parametrize("shape", timed_alone(workloads.SHAPES))
def test_warm_count(
    counter: Counter, strategy_name: str, family: str, shape: str, benchmark: BenchmarkFixture
) -> None:
    benchmark.group = f"{family}, {shape}"
    benchmark.name = strategy_name
    # If nothing is timed, some turns of each conversation are enough to check the counts.
    step = 6 if benchmark.disabled else 1
    conversations = workload(shape, step)
    benchmark.extra_info["turns"] = sum(len(c.turns) for c in conversations)
    assert benchmark(counter.count, conversations) == expected(family, shape, step)
