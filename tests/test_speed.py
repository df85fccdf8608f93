"""The workloads of the asv suite for the local loop: `make bench`.

`make test` runs one of them once for each strategy, so that the file stays true.

Every count that is timed is checked, so that nothing fast and wrong is ever compared.
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
    """The conversations that are timed, with every `step`-th of their turns."""
    return [replace(c, turns=c.turns[::step]) for c in workloads.conversations(shape)]


@cache
def expected(family: str, shape: str, step: int) -> Counts:
    return reference_counts(workload(shape, step), workloads.chat(family))


def timed_alone(values: list[str]) -> list[Any]:
    """Return all values; `make test` takes only the first, for the others repeat its tests."""
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
    # Where nothing is timed, some turns of each conversation show that the counts are right.
    step = 6 if benchmark.disabled else 1
    conversations = workload(shape, step)
    benchmark.extra_info["turns"] = sum(len(c.turns) for c in conversations)
    assert benchmark(counter.count, conversations) == expected(family, shape, step)
