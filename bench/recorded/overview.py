"""What the first page of the dashboard says: newest values, noise, regressions with their steps.

asv's own first page draws one curve for each benchmark, the mean of all environments and
parameters, and nothing for a benchmark with one commit. So it says neither what the newest numbers
are, nor which series changed, nor how far to trust that.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.recorded.results import Row

PLAIN = "sequential"
"""The strategy that is the library's own call. Its time changes with the machine, not with us."""

Series = tuple[str, str]
"""A benchmark and its parameters."""


def newest_environment(
    rows: Iterable[Row], index: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Row]] | None:
    """Return the environment with the newest libraries, and its rows; None if none has values.

    A newer commit that was measured with older libraries does not count: its numbers belong to
    another series.

    Parameters
    ----------
    rows
        Everything that was recorded.
    index
        What asv published as `index.json`. The environment is one of its `graph_param_list`.
    """
    published = {commit: int(rev) for rev, commit in index["revision_to_hash"].items()}
    found = []
    for params in index["graph_param_list"]:
        own = [row for row in rows if row.commit in published and _belongs(row, params)]
        if any(row.status == "ok" for row in own):
            last = max(published[row.commit] for row in own if row.status == "ok")
            found.append((_age(params, index["graph_param_list"]), last, params, own))
    if not found:
        return None
    *_, params, own = max(found, key=lambda each: each[:2])
    return params, own


def _belongs(row: Row, params: Mapping[str, Any]) -> bool:
    named = {**row.environment, "machine": row.machine}
    # asv publishes null for a requirement that may have any version.
    return row.current and all((params.get(name) or "") == value for name, value in named.items())


def _age(params: Mapping[str, Any], of: Sequence[Mapping[str, Any]]) -> int:
    """Return a number that is larger for newer versions."""
    total = 0
    for name, value in params.items():
        versions = {_version(each.get(name)) for each in of}
        total += sorted(versions).index(_version(value))
    return total


def _version(value: object) -> tuple[tuple[int, ...], str]:
    return tuple(int(number) for number in re.findall(r"\d+", str(value))), str(value)


def overview(
    rows: Iterable[Row], index: Mapping[str, Any], regressions: Mapping[str, Any], since: str | None
) -> dict[str, Any]:
    """Return what the first page shows.

    Parameters
    ----------
    rows
        Everything that was recorded.
    index, regressions
        What asv published as `index.json` and `regressions.json`.
    since
        The commit after which asv looks for regressions; None if it looks at all.
    """
    newest = newest_environment(list(rows), index)
    params, own = newest or ({}, [])
    several = {name for name, values in index["params"].items() if len(values) > 1}
    return {
        "environment": {name: value for name, value in params.items() if name in several},
        "label": _label(params),
        "noise": noise(own, since),
        "benchmarks": [
            _benchmark(name, own, index)
            for name in sorted(index["benchmarks"])
            if any(row.benchmark == name and row.status == "ok" for row in own)
        ],
        "regressions": _steps(regressions, index),
    }


def _label(params: Mapping[str, Any]) -> str:
    if not params:
        return "nothing was recorded"
    libraries = [
        f"{name} {params[name]}" for name in ("tokenizers", "transformers") if name in params
    ]
    return ", ".join([str(params["machine"]), f"Python {params['python']}", *libraries])


def noise(rows: Iterable[Row], since: str | None) -> str:
    """Return how far to trust a step in time, from how much the plain call differs by itself.

    Parameters
    ----------
    rows
        Of one environment.
    since
        The commit after which asv looks for regressions; None if it looks at all.
    """
    times: dict[Series, list[float]] = {}
    for row in rows:
        plain = row.kind == "time" and row.params.get("strategy") == PLAIN
        if plain and row.status == "ok" and row.value:
            times.setdefault(_series(row), []).append(row.value)
    ratios = [max(each) / min(each) for each in times.values() if len(each) > 1]
    before = f" asv looks for regressions only after {since}." if since else ""
    if not ratios:
        return (
            "Noise: it is not known how much a time differs without a change of the code. Measure "
            f"again before you trust a step.{before}"
        )
    return (
        f"Noise: the plain call, which no commit changes, differs from commit to commit by "
        f"{statistics.median(ratios):.2f} times (median) and by up to {max(ratios):.2f} times. A "
        f"smaller step says nothing; measure again with asv continuous.{before}"
    )


def _series(row: Row) -> Series:
    return row.benchmark, repr(row.params)


def _benchmark(name: str, rows: Iterable[Row], index: Mapping[str, Any]) -> dict[str, Any]:
    """Return the newest values of a benchmark, and how they differ from the commit before."""
    revisions = {commit: int(rev) for rev, commit in index["revision_to_hash"].items()}
    values: dict[str, dict[str, float]] = {}
    shown: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row.benchmark == name and row.value is not None:
            values.setdefault(row.commit, {})[repr(row.params)] = row.value
            shown[repr(row.params)] = row.params
    *_, last = commits = sorted(values, key=lambda commit: revisions[commit])
    now = values[last]
    described = index["benchmarks"][name]
    said: dict[str, Any] = {
        "name": name,
        "unit": described.get("unit"),
        "series": len(now),
        "low": min(now.values()),
        "high": max(now.values()),
        "commit": last,
        "by_strategy": "strategy" in described.get("param_names", []),
        "change": None,
    }
    if len(commits) > 1:
        said["change"] = _change(now, values[commits[-2]], shown) | {"before": commits[-2]}
    return said


def _change(
    now: Mapping[str, float], before: Mapping[str, float], shown: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return how the series that two commits have in common differ.

    Parameters
    ----------
    now, before
        The values of two commits by series.
    shown
        The parameters of each series.
    """
    # A ratio from 0 has no size. It is larger than any other.
    ratios = {
        key: now[key] / before[key] if before[key] else (math.inf if now[key] else 1.0)
        for key in now
        if key in before
    }
    finite = [ratio for ratio in ratios.values() if 0 < ratio < math.inf]
    changed = {key: abs(math.log(ratio)) if ratio else math.inf for key, ratio in ratios.items()}
    most = max(changed, key=lambda key: changed[key], default=None)
    said: dict[str, Any] = {"series": len(ratios), "mean": None, "most": None, "params": None}
    if finite:
        # The mean of ratios, as the parameters make some series a hundred times as long.
        said["mean"] = math.exp(statistics.fmean(map(math.log, finite)))
    if most is not None and changed[most]:
        said["most"] = None if ratios[most] == math.inf else ratios[most]
        said["params"] = {key: repr(value) for key, value in shown[most].items()}
    return said


def _steps(regressions: Mapping[str, Any], index: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each step of each regression that asv found, the largest ratio first."""
    hashes = index["revision_to_hash"]
    found = []
    for entry in regressions["regressions"]:
        name, _, params, idx, *_, jumps = entry
        benchmark = name.partition("(")[0]
        described = index["benchmarks"].get(benchmark, {})
        for first, last, before, after in jumps:
            found.append(
                {
                    "name": benchmark,
                    "shown": name,
                    "environment": params,
                    "params": _selected(described, idx),
                    "unit": described.get("unit"),
                    "before": before,
                    "after": after,
                    "ratio": after / before if before else None,
                    # A range if asv did not measure every commit.
                    "commits": [hashes[str(rev)] for rev in (first, last) if rev is not None],
                    "date": index["revision_to_date"][str(last)],
                }
            )
    return sorted(found, key=lambda each: -(each["ratio"] or math.inf))


def _selected(described: Mapping[str, Any], idx: int | None) -> dict[str, str]:
    """Return the parameters of the combination with a number, in product order."""
    if idx is None:
        return {}
    chosen: dict[str, str] = {}
    names, params = described.get("param_names", []), described.get("params", [])
    for name, values in reversed(list(zip(names, params, strict=True))):
        idx, position = divmod(idx, len(values))
        chosen[name] = values[position]
    return dict(reversed(chosen.items()))
