from __future__ import annotations

import ast
import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.recorded.results import Row, latest, read_history
from strategies import InputError

RECORDED = Path(__file__).parent / "data" / "asv"
"""Two commits of a small suite, as asv itself wrote them."""

FIRST = "virtual-machine/9360abe1-virtualenv-py3.11-asv_runner0.3.2-jinja23.1.6.json"
SECOND = "virtual-machine/4aba69f6-virtualenv-py3.11-asv_runner0.3.2-jinja23.1.6.json"

Change = Callable[[str, Callable[[Any], object]], Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RECORDED, tmp_path / "history"))


@pytest.fixture
def change(folder: Path) -> Change:
    """Change what a file of the recorded results holds, and return the folder."""

    def apply(name: str, edit: Callable[[Any], object]) -> Path:
        path = folder / name
        data = json.loads(path.read_text())
        edit(data)
        path.write_text(json.dumps(data))
        return folder

    return apply


def of(rows: list[Row], benchmark: str, commit: str = "4aba69f6") -> list[Row]:
    return [row for row in rows if row.benchmark == benchmark and row.commit.startswith(commit)]


def test_the_history_of_this_project_can_be_read_and_is_exact() -> None:
    rows = read_history(Path(__file__).parents[1] / "bench" / "history")
    assert len({row.commit for row in rows}) >= 5
    checks = [row for row in rows if row.benchmark == "correctness.Exact.track_mismatches"]
    assert {row.value for row in checks if row.status == "ok"} == {0}
    assert not [row for row in rows if row.status == "failed"]
    # A commit that is older than a strategy has no number for it.
    before = [row for row in rows if row.commit.startswith("0762f7e")]
    assert {row.status for row in before if row.params.get("strategy") == "rust"} == {"n/a"}
    assert {row.status for row in before if row.params.get("strategy") == "spliced"} >= {"ok"}


def test_a_recorded_row_has_everything_asv_wrote() -> None:
    row, *_ = of(read_history(RECORDED), "warm.Warm.time_count")
    samples = (0.035254722000900074, 0.02009352900131489, 0.02011232699987886, 0.020097685999644455)
    assert row == Row(
        machine="virtual-machine",
        commit="4aba69f6c33371debcea1a53da51d590974f6762",
        commit_date=datetime(2026, 1, 2, tzinfo=UTC),
        environment={"python": "3.11", "asv_runner": "0.3.2", "jinja2": "3.1.6"},
        benchmark="warm.Warm.time_count",
        version="1",
        current=True,
        params={
            "strategy": "sequential",
            "family": "byte-level BPE",
            "cores": 1,
            "shape": "short-chat",
        },
        unit="seconds",
        kind="time",
        status="ok",
        value=0.020105006499761657,
        interval=(0.0084646, 0.039315),
        quartiles=(0.020097, 0.023898),
        samples=samples,
        started=datetime.fromtimestamp(1795352845.346, UTC),
        duration=1.432,
    )


def test_skipped_failed_and_infinite_are_told_apart() -> None:
    rows = read_history(RECORDED)
    warm = of(rows, "warm.Warm.time_count")
    assert {row.status for row in warm if row.params["cores"] == 1} == {"ok"}
    assert {row.status for row in warm if row.params["cores"] == 16} == {"n/a"}
    (failed,) = of(rows, "repetition.track_amplification", "9360abe1")
    (infinite,) = of(rows, "repetition.track_amplification")
    assert (failed.status, failed.value, failed.params) == ("failed", None, {})
    assert (infinite.status, infinite.value) == ("ok", math.inf)
    # Its version was raised later, so asv does not show it any more.
    assert not failed.current
    assert infinite.current


def test_params_are_those_of_the_result_in_product_order() -> None:
    """The first commit had two strategies; the present suite has three."""
    rows = of(read_history(RECORDED), "correctness.Exact.track_mismatches", "9360abe1")
    assert [tuple(row.params.values()) for row in rows] == [
        ("sequential", "byte-level BPE"),
        ("sequential", "Unigram"),
        ("rust", "byte-level BPE"),
        ("rust", "Unigram"),
    ]
    assert [row.value for row in rows] == [0.0] * 4


def test_the_latest_commit_is_the_one_with_the_latest_date() -> None:
    rows = read_history(RECORDED)
    (last,) = latest(rows)
    assert {row.commit[:8] for row in last} == {"4aba69f6"}
    assert len(last) < len(rows)


def test_machines_and_environments_have_a_latest_commit_each(change: Change) -> None:
    folder = change(FIRST, lambda data: data["requirements"].update(jinja2="3.1.5"))
    other = Path(shutil.copytree(folder / "virtual-machine", folder / "other"))
    for path in other.iterdir():
        path.write_text(path.read_text().replace("virtual-machine", "other"))
    last = latest(read_history(folder))
    assert [(rows[0].machine, rows[0].environment["jinja2"], rows[0].commit[:4]) for rows in last]
    assert sorted((rows[0].machine, rows[0].environment["jinja2"]) for rows in last) == [
        ("other", "3.1.5"),
        ("other", "3.1.6"),
        ("virtual-machine", "3.1.5"),
        ("virtual-machine", "3.1.6"),
    ]


def test_commits_of_one_date_are_told_apart_by_when_they_were_measured(change: Change) -> None:
    folder = change(FIRST, lambda data: data.update(date=1767312000000))
    (last,) = latest(read_history(folder))
    assert {row.commit[:8] for row in last} == {"4aba69f6"}


def test_what_asv_dropped_from_the_end_is_empty(change: Change) -> None:
    def shorten(data: Any) -> None:
        results = data["results"]
        del results["warm.Warm.time_count"][4:]
        del results["correctness.Exact.track_mismatches"][0][4:]
        results["repetition.track_amplification"] = []

    rows = read_history(change(SECOND, shorten))
    row, *_ = of(rows, "warm.Warm.time_count")
    assert (row.status, row.interval, row.samples, row.duration) == ("ok", None, None, None)
    statuses = [row.status for row in of(rows, "correctness.Exact.track_mismatches")]
    assert statuses == ["ok"] * 4 + ["failed"] * 2
    (row,) = of(rows, "repetition.track_amplification")
    assert (row.status, row.version, row.started) == ("failed", None, None)


def test_a_benchmark_that_left_the_suite_is_read_but_not_current(change: Change) -> None:
    name = "correctness.Exact.track_mismatches"
    rows = of(read_history(change("benchmarks.json", lambda data: data.pop(name))), name)
    assert {(row.current, row.unit, row.kind) for row in rows} == {(False, None, None)}
    assert list(rows[0].params) == ["param1", "param2"]


def test_parameters_that_are_no_literals_stay_as_they_are_written(change: Change) -> None:
    def edit(data: Any) -> None:
        data["results"]["repetition.track_amplification"][:2] = [
            [1, 2, 3, 4],
            [["<class 'int'>", "'a' (0)", "None", "(1, 'b')"]],
        ]

    rows = of(read_history(change(SECOND, edit)), "repetition.track_amplification")
    assert [row.params["param1"] for row in rows] == ["<class 'int'>", "'a' (0)", None, (1, "b")]


def test_other_files_beside_the_results_do_no_harm(folder: Path) -> None:
    (folder / "README.md").write_text("notes")
    (folder / "virtual-machine" / "notes.txt").write_text("notes")
    (folder / "empty").mkdir()
    assert read_history(folder) == read_history(RECORDED)


# --- what cannot be read ----------------------------------------------------------------


def _set(*path: str | int, to: object) -> Callable[[Any], None]:
    def edit(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = to

    return edit


def _drop(key: str) -> Callable[[Any], None]:
    return lambda data: data.pop(key)


WARM = ("results", "warm.Warm.time_count")


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        (SECOND, _set("version", to=3), "has format 3, 2 is understood"),
        (SECOND, _set("version", to=1), "has format 1, 2 is understood"),
        (SECOND, _drop("version"), "has format None"),
        (SECOND, _drop("result_columns"), "result_columns: is missing"),
        (SECOND, _drop("results"), "results: is missing"),
        (SECOND, _drop("params"), "params: is missing"),
        (SECOND, _drop("commit_hash"), "commit_hash: is missing"),
        (SECOND, _drop("requirements"), "requirements: is missing"),
        (SECOND, _drop("date"), "date: is no date"),
        (SECOND, _set("date", to=1e300), "date: is no date"),
        (SECOND, _set("date", to="today"), "date: is no number"),
        (SECOND, _set("python", to=None), "python: is no str"),
        (SECOND, _set("requirements", "jinja2", to=3), "jinja2: is no str"),
        (SECOND, _set("result_columns", 0, to=1), "result_columns: is no str"),
        (SECOND, _set("result_columns", to=["result"]), "more values than result_columns"),
        (SECOND, _set("params", "machine", to="other"), "is of 'other', in the folder of"),
        (SECOND, _set(*WARM, to=1), "is no list"),
        (SECOND, _set(*WARM, 0, to=1), "result: is no list"),
        (SECOND, _set(*WARM, 0, 0, to="1"), "is no number: '1'"),
        (SECOND, _set(*WARM, 0, 0, to=10**400), "too large"),
        (SECOND, _set(*WARM, 1, to="x"), "params: is no list"),
        (SECOND, _set(*WARM, 1, 0, to="x"), "params: is no list"),
        (SECOND, _set(*WARM, 1, 0, 0, to=1), "params: is no str"),
        (SECOND, _set(*WARM, 2, to=[]), "version: is no str"),
        (SECOND, _set(*WARM, 5, 0, to={}), "is no number"),
        (SECOND, _set(*WARM, 11, 0, to=1), "is no list"),
        ("benchmarks.json", _set("version", to=1), "has format 1"),
        ("benchmarks.json", _set("warm.Warm.time_count", to=1), "is no dict"),
        ("benchmarks.json", _set("warm.Warm.time_count", "unit", to=1), "unit: is no str"),
        (
            "benchmarks.json",
            _set("warm.Warm.time_count", "param_names", to="ab"),
            "param_names: is no list",
        ),
        (
            "benchmarks.json",
            _set("warm.Warm.time_count", "param_names", 0, to=1),
            "param_names: is no str",
        ),
        ("virtual-machine/machine.json", _set("version", to=2), "has format 2"),
        ("virtual-machine/machine.json", _drop("machine"), "machine: is missing"),
    ],
)
def test_what_cannot_be_understood_is_one_line_with_its_file(
    change: Change, name: str, edit: Callable[[Any], object], said: str
) -> None:
    folder = change(name, edit)
    with pytest.raises(InputError) as caught:
        read_history(folder)
    assert str(caught.value).startswith(f"{folder / name}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [SECOND, "benchmarks.json", "virtual-machine/machine.json"])
@pytest.mark.parametrize("left", ["", "[]", "null", '{"version": ', "\xff", "[" * 100_000])
def test_a_damaged_file_is_named(folder: Path, name: str, left: str) -> None:
    (folder / name).write_bytes(left.encode("latin-1"))
    with pytest.raises(InputError, match=r"not JSON|no JSON object") as caught:
        read_history(folder)
    assert caught.value.file == str(folder / name)


@pytest.mark.parametrize("size", range(0, 3000, 100))
def test_a_file_that_ends_early_is_named(folder: Path, size: int) -> None:
    path = folder / SECOND
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match="not JSON") as caught:
        read_history(folder)
    assert caught.value.file == str(path)


@pytest.mark.parametrize("missing", ["benchmarks.json", "virtual-machine/machine.json"])
def test_a_missing_description_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(InputError, match="cannot be read: No such file") as caught:
        read_history(folder)
    assert caught.value.file == str(folder / missing)


def test_a_folder_without_results_is_said(folder: Path) -> None:
    shutil.rmtree(folder / "virtual-machine")
    with pytest.raises(InputError, match="holds no results of asv"):
        read_history(folder)


def test_asv_is_not_imported() -> None:
    program = (
        "import sys, bench.recorded.results;sys.exit(any(m.startswith('asv') for m in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# --- against asv itself -----------------------------------------------------------------

_literals = st.text(max_size=8) | st.integers() | st.booleans() | st.none()
_outcomes = st.one_of(
    st.none(),
    st.just(math.nan),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False),
    # For a timing benchmark, asv computes the value from samples.
    st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=5),
)


@st.composite
def _suites(draw: st.DrawFn) -> list[tuple[dict[str, Any], list[Any]]]:
    """Benchmarks, each with an outcome for each combination of its parameters."""
    suites = []
    names = draw(st.lists(st.text("abc._", min_size=1), unique=True, min_size=1, max_size=4))
    for name in names:
        params = draw(
            st.lists(st.lists(_literals.map(repr), min_size=1, max_size=3, unique=True), max_size=3)
        )
        benchmark = {
            "name": name,
            "params": params,
            "param_names": [f"p{i}" for i in range(len(params))],
            "version": draw(st.text(max_size=5)),
            "unit": draw(st.text(max_size=5)),
            "type": draw(st.sampled_from(["time", "track"])),
        }
        size = math.prod(map(len, params))
        outcomes = st.lists(_outcomes, min_size=size, max_size=size)
        suites.append((benchmark, draw(outcomes)))
    return suites


@settings(max_examples=60)
@given(
    suites=_suites(),
    requirements=st.dictionaries(st.text("abc", min_size=1), st.text(max_size=5), max_size=2),
    variables=st.dictionaries(st.text("ABC", min_size=1), st.text(max_size=5), max_size=2),
    keep_samples=st.booleans(),
    duration=st.none() | st.floats(0, 1000).map(lambda seconds: float(f"{seconds:.5g}")),
)
def test_what_asv_writes_is_read_as_asv_reads_it(
    suites: list[tuple[dict[str, Any], list[Any]]],
    requirements: dict[str, str],
    variables: dict[str, str],
    keep_samples: bool,
    duration: float | None,
) -> None:
    asv_results = pytest.importorskip("asv.results")
    asv_runner = pytest.importorskip("asv.runner")
    started = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    written = asv_results.Results(
        {"machine": "m"}, requirements, "c" * 40, 1767312000000, "3.11", "env", variables
    )
    for benchmark, outcomes in suites:
        timed = [isinstance(outcome, list) for outcome in outcomes]
        result = asv_runner.BenchmarkResult(
            [0.0 if t else o for o, t in zip(outcomes, timed, strict=True)],
            [o if t else None for o, t in zip(outcomes, timed, strict=True)],
            [1 if t else None for t in timed],
            0,
            "",
            None,
        )
        written.add_result(
            benchmark, result, started_at=started, duration=duration, record_samples=keep_samples
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written.save(folder)
        (folder / "m" / "machine.json").write_text('{"machine": "m", "version": 1}')
        described = {benchmark["name"]: benchmark for benchmark, _ in suites}
        (folder / "benchmarks.json").write_text(json.dumps({**described, "version": 2}))
        rows = read_history(folder)
        (path,) = set((folder / "m").iterdir()) - {folder / "m" / "machine.json"}
        loaded = asv_results.Results.load(str(path))
    for benchmark, outcomes in suites:
        params = benchmark["params"]
        read = of(rows, benchmark["name"], "c" * 40)
        assert len(read) == len(outcomes)
        values = loaded.get_result_value(benchmark["name"], params)
        all_stats = loaded.get_result_stats(benchmark["name"], params)
        all_samples = loaded.get_result_samples(benchmark["name"], params)
        for row, outcome, value, stats, samples in zip(
            read, outcomes, values, all_stats, all_samples, strict=True
        ):
            skipped = isinstance(outcome, float) and math.isnan(outcome)
            assert row.status == ("failed" if outcome is None else "n/a" if skipped else "ok")
            assert row.value == (float(value) if row.status == "ok" else None)
            assert row.samples == (samples and tuple(samples))
            # asv keeps an empty description of benchmarks that were not timed.
            assert row.interval == ((stats["ci_99_a"], stats["ci_99_b"]) if stats else None)
            assert row.quartiles == ((stats["q_25"], stats["q_75"]) if stats else None)
            if isinstance(outcome, list):
                assert row.interval is not None
                assert row.samples == (tuple(outcome) if keep_samples else None)
            assert (row.version, row.unit, row.kind) == tuple(
                benchmark[key] for key in ("version", "unit", "type")
            )
            assert row.current
            assert row.started == started
            assert row.duration == duration
            assert row.environment == {
                "python": "3.11",
                **requirements,
                **{f"env-{key}": variable for key, variable in variables.items()},
            }
        combinations = [tuple(row.params.values()) for row in read]
        assert len(set(map(repr, combinations))) == len(read)
        assert [list(map(repr, c)) for c in combinations] == [
            [repr(ast.literal_eval(text)) for text in combination]
            for combination in _product(params)
        ]


def _product(params: list[list[str]]) -> list[tuple[str, ...]]:
    """Return the combinations; the last parameter changes fastest."""
    combinations: list[tuple[str, ...]] = [()]
    for choices in params:
        combinations = [(*left, choice) for left in combinations for choice in choices]
    return combinations
