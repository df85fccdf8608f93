"""What the first page of the dashboard is told: the newest environment, noise, changes, steps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bench.recorded.overview import newest_environment, noise, overview
from bench.recorded.results import Row

COMMITS = ["a" * 40, "b" * 40, "c" * 40]
TIME = "warm.Warm.time_count"


def row(
    value: float | None,
    commit: str = COMMITS[0],
    *,
    tokenizers: str = "0.23.3",
    benchmark: str = TIME,
    strategy: str = "sequential",
) -> Row:
    return Row(
        machine="machine",
        commit=commit,
        commit_date=datetime(2026, 1, 1, tzinfo=UTC),
        environment={"python": "3.11", "tokenizers": tokenizers},
        benchmark=benchmark,
        version="1",
        current=True,
        params={"strategy": strategy},
        unit="seconds",
        kind="time",
        status="ok" if value is not None else "n/a",
        value=value,
        interval=None,
        quartiles=None,
        samples=None,
        started=None,
        duration=None,
    )


def index(*tokenizers: str) -> dict[str, Any]:
    return {
        "revision_to_hash": dict(zip("012", COMMITS, strict=True)),
        "revision_to_date": dict.fromkeys("012", 0),
        "params": {"python": ["3.11"], "tokenizers": list(tokenizers)},
        "graph_param_list": [
            {"machine": "machine", "python": "3.11", "tokenizers": each} for each in tokenizers
        ],
        "benchmarks": {
            TIME: {"unit": "seconds", "param_names": ["strategy"], "params": [["'a'", "'b'"]]}
        },
    }


def described(rows: list[Row], *tokenizers: str) -> Mapping[str, Any]:
    return overview(rows, index(*(tokenizers or ("0.23.3",))), {"regressions": []}, None)


def chosen(rows: list[Row], *tokenizers: str) -> object:
    found = newest_environment(rows, index(*tokenizers))
    return None if found is None else found[0]["tokenizers"]


def test_versions_are_compared_as_numbers_and_not_by_commit() -> None:
    rows = [
        row(1, tokenizers="0.10.0"),
        row(1, COMMITS[2], tokenizers="0.9.2"),
        row(1, COMMITS[1], tokenizers="0.22.2"),
    ]
    assert chosen(rows[:2], "0.9.2", "0.10.0") == "0.10.0"
    assert chosen(rows, "0.10.0", "0.22.2", "0.9.2") == "0.22.2"


def test_an_environment_without_values_is_never_the_newest() -> None:
    rows = [row(1, tokenizers="0.22.2"), row(None, COMMITS[2], tokenizers="0.23.3")]
    assert chosen(rows, "0.22.2", "0.23.3") == "0.22.2"
    outdated = dataclasses.replace(row(1, tokenizers="0.23.3"), current=False)
    assert chosen([*rows, outdated], "0.22.2", "0.23.3") == "0.22.2"
    assert chosen([rows[1]], "0.22.2", "0.23.3") is None


def test_nothing_recorded_is_said_and_no_error() -> None:
    said = described([row(None)])
    assert (said["label"], said["benchmarks"]) == ("nothing was recorded", [])


def test_noise_is_what_the_plain_call_differs_by() -> None:
    rows = [row(value, commit) for value, commit in zip((1, 3, 2), COMMITS, strict=True)]
    rows += [row(1, commit, strategy="rust") for commit in COMMITS]
    rows.append(row(9, COMMITS[2], strategy="rust"))
    assert "by 3.00 times (median) and by up to 3.00 times." in noise(rows, None)
    assert noise(rows, "abc").endswith(" asv looks for regressions only after abc.")
    unknown = noise(rows[:1] + rows[3:], None)
    assert "it is not known how much a time differs" in unknown


def test_a_change_is_a_mean_of_ratios_and_names_the_series_that_changed_most() -> None:
    before = [row(100.0, strategy="a"), row(1.0, strategy="b"), row(5.0, strategy="gone")]
    after = [row(100.0, COMMITS[1], strategy="a"), row(4.0, COMMITS[1], strategy="b")]
    (said,) = described([*after, *before])["benchmarks"]
    assert (said["low"], said["high"], said["series"]) == (4.0, 100.0, 2)
    change = said["change"]
    # The mean of the values would be 2 % higher, and hide that one series takes four times as long.
    assert math.isclose(change["mean"], 2.0)
    assert (change["most"], change["params"]) == (4.0, {"strategy": "'b'"})
    assert (change["before"], change["series"]) == (COMMITS[0], 2)


def test_a_change_from_nothing_is_the_largest_and_has_no_ratio() -> None:
    before = [row(0.0, strategy="a"), row(1.0, strategy="b")]
    after = [row(3.0, COMMITS[1], strategy="a"), row(9.0, COMMITS[1], strategy="b")]
    (said,) = described(before + after)["benchmarks"]
    assert said["change"]["most"] is None
    assert said["change"]["params"] == {"strategy": "'a'"}
    (said,) = described([row(0.0), row(0.0, COMMITS[1])])["benchmarks"]
    assert said["change"]["params"] is None


def test_each_step_of_a_regression_has_its_ratio_and_its_commits() -> None:
    name = f"{TIME}('b')"
    jumps = [[None, 1, 1.0, 1.5], [1, 2, 1.5, 6.0]]
    regressions = {"regressions": [[name, "graph", {"python": "3.11"}, 1, 6.0, 1.0, jumps]]}
    steps = overview([row(1)], index("0.23.3"), regressions, None)["regressions"]
    assert [(step["ratio"], step["commits"]) for step in steps] == [
        (4.0, COMMITS[1:]),
        (1.5, [COMMITS[1]]),
    ]
    assert {step["params"]["strategy"] for step in steps} == {"'b'"}
    assert {step["shown"] for step in steps} == {name}
