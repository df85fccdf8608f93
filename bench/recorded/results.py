"""Read the result files of asv as rows. asv itself is not needed.

A results folder holds `benchmarks.json`, which describes the suite as it was last run. It also
holds a folder for each machine, with a file for each commit and environment. In such a file, a
benchmark is a list of values in the order of `result_columns`; empty values at its end are left
out. Each value is itself a list with one entry per combination of parameters, in product order.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from bench.reporting.json_file import read_json
from strategies import InputError

Status = Literal["ok", "n/a", "failed"]

RESULTS_VERSION = 2
BENCHMARKS_VERSION = 2
MACHINE_VERSION = 1
"""The formats that asv writes since 0.4."""

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class Row:
    """One benchmark with one combination of parameters, at one commit on one machine.

    Parameters
    ----------
    machine
        The name that asv was given for it.
    commit, commit_date
        Full hash and date.
    environment
        `python` and the requirements by name, each with its version; variables as `env-NAME`.
    benchmark, version
        Full name, and the version that the source had when it ran.
    current
        Whether `benchmarks.json` has this benchmark in this version. If not, the row belongs to
        another series.
    params
        Values by name, in the order of the benchmark. A value that is no literal stays a string.
    unit, kind
        The unit and asv's type, from `benchmarks.json`; None if it lacks the benchmark.
    status, value
        `ok` with a value, `n/a` if the benchmark was skipped, `failed` if it raised.
    interval, quartiles
        Bounds of the 99 % confidence interval (which may be infinite) and of the middle half.
    samples
        The means whose median is the value, if they were recorded.
    started, duration
        When the benchmark began, and how many seconds all its combinations took.
    """

    machine: str
    commit: str
    commit_date: datetime
    environment: Mapping[str, str]
    benchmark: str
    version: str | None
    current: bool
    params: Mapping[str, Any]
    unit: str | None
    kind: str | None
    status: Status
    value: float | None
    interval: tuple[float, float] | None
    quartiles: tuple[float, float] | None
    samples: tuple[float, ...] | None
    started: datetime | None
    duration: float | None


def read_history(folder: Path) -> list[Row]:
    """Read everything that asv recorded in a folder, ordered by machine, date and benchmark.

    Raises
    ------
    InputError
        If there is nothing, or if a file cannot be understood.
    """
    benchmarks = {
        name: description
        for name, description in _read(folder / "benchmarks.json", BENCHMARKS_VERSION).items()
        if name != "version"
    }
    for name, description in benchmarks.items():
        _check_description(folder / "benchmarks.json", name, description)
    rows = [
        row
        for machine in _listed(folder)
        for path in _result_files(machine)
        for row in _rows(path, _machine_name(machine), benchmarks)
    ]
    if not rows:
        raise InputError("holds no results of asv", file=folder)
    return sorted(rows, key=lambda row: (row.machine, row.commit_date, row.benchmark))


def latest(rows: Iterable[Row]) -> list[list[Row]]:
    """Return the rows of the last commit, by its date, of each machine and environment."""
    groups: dict[object, list[Row]] = {}
    for row in rows:
        groups.setdefault((row.machine, tuple(sorted(row.environment.items()))), []).append(row)
    last = [max(group, key=_recency).commit for group in groups.values()]
    return [
        [row for row in group if row.commit == commit]
        for group, commit in zip(groups.values(), last, strict=True)
    ]


def _recency(row: Row) -> tuple[datetime, datetime]:
    # Commits may have the same date, as after a rebase. Then the one measured last counts.
    return row.commit_date, row.started or datetime.min.replace(tzinfo=UTC)


# --- folders and files ------------------------------------------------------------------


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=folder) from None


def _result_files(machine: Path) -> list[Path]:
    if not machine.is_dir():
        return []
    described = {"benchmarks.json", "machine.json"}
    return [p for p in _listed(machine) if p.suffix == ".json" and p.name not in described]


def _machine_name(machine: Path) -> str:
    path = machine / "machine.json"
    return _get(path, _read(path, MACHINE_VERSION), "machine", str)


def _read(path: Path, version: int) -> dict[str, Any]:
    """Return the object in a JSON file of asv."""
    data = read_json(path)
    if not isinstance(data, dict):
        raise InputError("is no JSON object, so no file of asv", file=path)
    found = data.get("version")
    if found != version:
        raise InputError(f"has format {found!r}, {version} is understood", file=path)
    return data


def _get(path: Path, data: Mapping[str, Any], key: str, kind: type[_Kind]) -> _Kind:
    if key not in data:
        raise InputError("is missing", file=path, field=key)
    return _checked(path, key, data[key], kind)


def _checked(path: Path, field: str, value: object, kind: type[_Kind]) -> _Kind:
    if not isinstance(value, kind):
        raise InputError(f"is no {kind.__name__}: {value!r}", file=path, field=field)
    return value


def _check_description(path: Path, name: str, description: object) -> None:
    known = _checked(path, name, description, dict)
    for key in ("unit", "type", "version"):
        _checked(path, f"{name}: {key}", known.get(key, ""), str)
    for param in _checked(path, f"{name}: param_names", known.get("param_names", []), list):
        _checked(path, f"{name}: param_names", param, str)


# --- one file ---------------------------------------------------------------------------


def _rows(path: Path, machine: str, benchmarks: Mapping[str, Any]) -> Iterator[Row]:
    data = _read(path, RESULTS_VERSION)
    about = _get(path, data, "params", dict)
    if about.get("machine") != machine:
        # asv ignores such a file. An error says that it is in the wrong folder.
        raise InputError(f"is of {about.get('machine')!r}, in the folder of {machine!r}", file=path)
    columns = [
        _checked(path, "result_columns", column, str)
        for column in _get(path, data, "result_columns", list)
    ]
    commit = _get(path, data, "commit_hash", str)
    commit_date = _date(path, "date", data.get("date"))
    environment = _environment(path, data)
    for name, row in _get(path, data, "results", dict).items():
        # asv drops nulls from the end of a row.
        cells = dict(itertools.zip_longest(columns, _checked(path, name, row, list)))
        if None in cells:
            raise InputError("has more values than result_columns", file=path, field=name)
        description = benchmarks.get(name, {})
        version = _version(path, name, cells.get("version"))
        started = cells.get("started_at")
        reprs = _param_reprs(path, name, cells.get("params"))
        names = _param_names(description, len(reprs))
        combinations = list(itertools.product(*reprs))
        size = len(combinations)
        values = _column(path, name, cells, "result", size)
        low, high = (_column(path, name, cells, f"stats_ci_99_{end}", size) for end in "ab")
        q25, q75 = (_column(path, name, cells, f"stats_q_{end}", size) for end in (25, 75))
        samples = _column(path, name, cells, "samples", size)
        for i, combination in enumerate(combinations):
            value = _number(path, name, values[i])
            status: Status = "failed"
            if value is not None:
                status = "n/a" if math.isnan(value) else "ok"
            yield Row(
                machine=machine,
                commit=commit,
                commit_date=commit_date,
                environment=environment,
                benchmark=name,
                version=version,
                # asv decides it in the same way. Its older files have no versions.
                current=bool(description) and version in {None, description.get("version")},
                params=dict(zip(names, map(_literal, combination), strict=True)),
                unit=description.get("unit"),
                kind=description.get("type"),
                status=status,
                value=value if status == "ok" else None,
                interval=_pair(path, name, low[i], high[i]),
                quartiles=_pair(path, name, q25[i], q75[i]),
                samples=_samples(path, name, samples[i]),
                started=None if started is None else _date(path, name, started),
                duration=_number(path, name, cells.get("duration")),
            )


def _environment(path: Path, data: Mapping[str, Any]) -> dict[str, str]:
    requirements = _get(path, data, "requirements", dict)
    variables = _checked(path, "env_vars", data.get("env_vars", {}), dict)
    environment = {
        "python": _get(path, data, "python", str),
        # asv writes null for a requirement that may have any version.
        **{name: wanted or "" for name, wanted in sorted(requirements.items())},
        **{f"env-{name}": value for name, value in sorted(variables.items())},
    }
    return {name: _checked(path, name, value, str) for name, value in environment.items()}


def _param_reprs(path: Path, name: str, params: object) -> list[list[str]]:
    field = f"{name}: params"
    return [
        [_checked(path, field, choice, str) for choice in _checked(path, field, choices, list)]
        for choices in _checked(path, field, [] if params is None else params, list)
    ]


def _param_names(description: Mapping[str, Any], count: int) -> Sequence[str]:
    """Return a name for each parameter; asv's default names if the description does not fit."""
    names: list[str] = description.get("param_names", [])
    return names if len(set(names)) == count else [f"param{i + 1}" for i in range(count)]


def _literal(representation: str) -> Any:
    """Return the value of a literal that asv wrote, or its text if it is no literal."""
    try:
        return ast.literal_eval(representation)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return representation


def _column(
    path: Path, name: str, cells: Mapping[str, Any], column: str, size: int
) -> Sequence[Any]:
    """Return an entry per combination; None at the end if the column is too short."""
    entries = cells.get(column)
    found = _checked(path, f"{name}: {column}", [] if entries is None else entries, list)
    return [*found[:size], *[None] * (size - len(found))]


def _number(path: Path, name: str, value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise InputError(f"is no number: {value!r}", file=path, field=name)
    try:
        return float(value)
    except OverflowError:
        raise InputError("is too large a number", file=path, field=name) from None


def _pair(path: Path, name: str, low: object, high: object) -> tuple[float, float] | None:
    ends = _number(path, name, low), _number(path, name, high)
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])


def _samples(path: Path, name: str, samples: object) -> tuple[float, ...] | None:
    if samples is None:
        return None
    numbers = [_number(path, name, each) for each in _checked(path, name, samples, list)]
    return tuple(math.nan if number is None else number for number in numbers)


def _version(path: Path, name: str, version: object) -> str | None:
    return None if version is None else _checked(path, f"{name}: version", version, str)


def _date(path: Path, field: str, milliseconds: object) -> datetime:
    number = _number(path, field, milliseconds)
    try:
        return datetime.fromtimestamp((math.nan if number is None else number) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise InputError(f"is no date: {milliseconds!r}", file=path, field=field) from None
