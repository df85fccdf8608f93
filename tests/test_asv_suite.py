"""The asv suite: its literal parameters are right, its data are checked, and n/a means n/a."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import json5
import pytest

import bench.benchmarks
from bench.benchmarks import correctness, parts, workloads
from bench.bundled import TOKENIZERS
from bench.samples import SHAPES
from strategies import _native, get, is_control, is_peer, open_available
from strategies.registry import BUILTIN

ROOT = Path(__file__).parents[1]
CONFIG = json5.loads((ROOT / "asv.conf.json").read_text(encoding="utf-8"))
FOLDER = Path(bench.benchmarks.__file__).parent
BENCHMARK = re.compile(r"(time|timeraw|track)_\w+")


def benchmark_classes() -> Iterator[type[Any]]:
    """Every class with something that asv would run."""
    for path in sorted(FOLDER.glob("[!_]*.py")):
        module = __import__(f"bench.benchmarks.{path.stem}", fromlist=["*"])
        for _, found in inspect.getmembers(module, inspect.isclass):
            if found.__module__ == module.__name__ and any(map(BENCHMARK.fullmatch, vars(found))):
                yield found


CLASSES = list(benchmark_classes())
CONTROLS = [name for name in BUILTIN if is_control(get(name))]
PEERS = [name for name in BUILTIN if is_peer(get(name))]
EXACT = [name for name in BUILTIN if name not in {*CONTROLS, *PEERS}]


def to_change(module: ModuleType, literal: str, wanted: Sequence[str]) -> str:
    """Return what to change in a literal list of the suite, one line for each value."""
    path = Path(str(module.__file__))
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next(i for i, line in enumerate(lines, 1) if line.startswith(f"{literal} = "))
    place = f"{literal} in {path.relative_to(ROOT)}:{number}"
    written: list[str] = getattr(module, literal)
    changes = [f"add {name!r} to {place}" for name in wanted if name not in written]
    changes += [f"take {name!r} out of {place}" for name in written if name not in wanted]
    if not changes and list(wanted) != written:
        changes = [f"order {place} like this: {wanted}"]
    return "\n".join(changes)


@cache
def reported_parts(name: str) -> tuple[str, ...]:
    """Return the parts of its time that a strategy reports."""
    with open_available(get(name), workloads.chat("Unigram"), 1) as counter:
        counter.count(workloads.conversations("multilingual"))
        return tuple(getattr(counter, "parts", {}))


@pytest.mark.parametrize(
    ("literal", "wanted"),
    [
        ("STRATEGIES", EXACT),
        ("CONTROLS", CONTROLS),
        ("PEERS", PEERS),
        ("FAMILIES", list(TOKENIZERS)),
    ],
)
def test_the_literals_are_the_registry_and_the_bundled_data(
    literal: str, wanted: list[str]
) -> None:
    changes = to_change(workloads, literal, wanted)
    assert not changes, changes


def test_the_parameters_are_the_literals() -> None:
    assert {*workloads.SHAPES, *workloads.CHECKED} == set(SHAPES)
    assert {shape for _, shape, _ in workloads.SAMPLES.values()} == set(SHAPES)
    known: dict[str, set[Any]] = {
        "peer": set(workloads.PEERS),
        "strategy": {*workloads.STRATEGIES, *workloads.CONTROLS},
        "family": set(workloads.FAMILIES),
        "cores": set(workloads.CORES),
        "shape": set(workloads.SHAPES),
        "part": {part for name in parts.IN_PARTS for part in reported_parts(name)},
        "workers per core": set(range(1, 17)),
    }
    for found in CLASSES:
        for name, values in zip(found.param_names, found.params, strict=True):
            assert set(values) <= known[name], f"{name} of {found.__name__}"


@pytest.mark.parametrize("name", workloads.DIGESTS)
def test_the_data_are_those_of_the_series(name: str) -> None:
    assert workloads.digest(name) == workloads.DIGESTS[name], (
        f"the data of {name} changed: write its new digest into DIGESTS, and its series starts anew"
    )


def test_every_subject_is_there() -> None:
    assert {found.__name__ for found in CLASSES} == {
        "Cold", "Control", "Exact", "Growth", "Memory", "Oversubscription", "Parts",
        "Peers", "Repetition", "Scaling", "Throughput", "Warm",
    }  # fmt: skip


@pytest.mark.parametrize("found", CLASSES)
def test_benchmarks_name_their_parameters_and_depend_on_the_data(found: type[Any]) -> None:
    assert len(found.params) == len(found.param_names)
    assert all(type(values) is list for values in found.params)
    literals = {str(value) for values in found.params for value in values}
    source = inspect.getsource(sys.modules[found.__module__]) + inspect.getsource(workloads)
    assert all(re.search(rf"\b{re.escape(value)}\b", source) for value in literals)
    assert found.version.split("-")[1] == workloads.version(0).split("-")[1]


def test_a_changed_dataset_starts_a_new_series(monkeypatch: pytest.MonkeyPatch) -> None:
    before = workloads.version(1)
    monkeypatch.setitem(workloads.DIGESTS, "agentic", "0" * 16)
    assert workloads.version(1) != before
    workloads.checked.cache_clear()
    with pytest.raises(NotImplementedError, match="other data for agentic"):
        workloads.checked("agentic")
    workloads.checked.cache_clear()


def test_what_a_commit_or_machine_lacks_is_not_available() -> None:
    for family in workloads.FAMILIES:
        with pytest.raises(NotImplementedError, match="no strategy teleport"):
            workloads.require("teleport", family)
    with pytest.raises(NotImplementedError, match="no tokenizers backend"):
        workloads.require("batched", "sentencepiece library")
    with pytest.raises(NotImplementedError, match="cores asked for"):
        workloads.use_cores(len(workloads.available()) + 1)
    with pytest.raises(NotImplementedError, match=r"no bench\.teleport"):
        workloads.project("bench.teleport")


@pytest.mark.parametrize("found", CLASSES)
def test_other_data_are_not_available_rather_than_failed(
    found: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """asv shows n/a for a NotImplementedError in setup only."""
    others = {**workloads.DIGESTS, **dict.fromkeys(workloads.SAMPLES, "other")}
    monkeypatch.setattr(workloads, "DIGESTS", others)
    # setup may change these before it finds out.
    monkeypatch.setenv("RAYON_NUM_THREADS", "1")
    cores = os.sched_getaffinity(0)
    for cached in (workloads.checked, workloads.conversations):
        cached.cache_clear()
    try:
        with pytest.raises(NotImplementedError, match="this commit has other data"):
            found().setup(*(values[0] for values in found.params))
    finally:
        os.sched_setaffinity(0, cores)


def test_a_debug_build_is_never_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "build_profile", "debug")
    with pytest.raises(RuntimeError, match="debug build"):
        workloads.require("sequential", "Unigram")


# Auto reports the parts of the strategy that it picks, so it is left out.
@pytest.mark.parametrize("name", [name for name in EXACT if name != "auto"])
def test_every_part_that_a_strategy_reports_is_tracked(name: str) -> None:
    reported = reported_parts(name)
    unknown = [part for part in reported if part not in parts.PARTS]
    changes = to_change(parts, "PARTS", [*parts.PARTS, *unknown]) if unknown else ""
    if reported and name not in parts.IN_PARTS:
        changes += "\n" + to_change(parts, "IN_PARTS", [*parts.IN_PARTS, name])
    if not reported and name in parts.IN_PARTS:
        others = [other for other in parts.IN_PARTS if other != name]
        changes += "\n" + to_change(parts, "IN_PARTS", others)
    assert not changes, changes


def test_the_control_is_caught_where_it_is_wrong() -> None:
    assert correctness.Control().track_wrong_turns("spliced-alone", "SentencePiece BPE") > 0
    assert correctness.Exact().track_mismatches("spliced", "SentencePiece BPE") == 0


def test_the_environments_are_pinned_to_the_tested_set() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w-]+)==(\S+)", lock, re.MULTILINE))
    main = CONFIG["matrix"]["req"]
    for name, versions in main.items():
        assert versions == [locked[name.replace("_", "-")]]
    (install,) = CONFIG["install_command"]
    for name, version in re.findall(r"([\w-]+)==(\S+)", install):
        assert version == locked[name]
    swept = [entry["req"] for entry in CONFIG["include"]]
    assert all(set(entry) == set(main) for entry in swept)
    for library in ("tokenizers", "transformers"):
        assert {entry[library] for entry in swept} - set(main[library])


def test_asv_itself_runs_the_suite(tmp_path: Path) -> None:
    chosen = "correctness.Exact.*'(spliced|rust|batched)', '(Unigram|sentencepiece library)'"
    config = tmp_path / "asv.conf.json"
    # asv writes descriptions of the suite and the machine even if it records no results.
    places = {
        "repo": str(ROOT),
        "benchmark_dir": str(FOLDER),
        "results_dir": str(tmp_path / "history"),
    }
    config.write_text(json.dumps({**CONFIG, **places}))
    command = ["--config", str(config), "run", "--python=same", "--quick", "--dry-run"]
    command += ["--bench", chosen, "--machine", "here"]
    command += ["--bench", r"warm.*'spliced', 'Unigram', (1|16), 'agentic'"]
    (tmp_path / ".asv-machine.json").write_text('{"here": {"machine": "here"}, "version": 1}')
    done = subprocess.run(
        [sys.executable, "-m", "asv", *command],
        cwd=ROOT,
        env={
            "HOME": str(tmp_path),
            # asv looks for git, wherever that is.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["spliced", "Unigram", "0"] in rows
    assert ["rust", "Unigram", "0"] in rows
    assert ["rust", "sentencepiece", "library", "0"] in rows
    assert ["batched", "sentencepiece", "library", "n/a"] in rows
    assert any(row[:3] == ["spliced", "Unigram", "1"] and row[-1].endswith("ms") for row in rows)
    if len(workloads.available()) < 16:
        assert ["spliced", "Unigram", "16", "agentic", "n/a"] in rows
