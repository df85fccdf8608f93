"""The pytest plugin adds a test for each case, and is in nobody's way if it is not asked for."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from bench.conformance.corpus import chosen_cases

ROOT = Path(__file__).parents[1]

CUTTER = """
from tokenizers import Tokenizer

def whole(path, text):
    return len(Tokenizer.from_file(path).encode(text, add_special_tokens=False))

def no_markers(path, text):
    if "refuse" in text:
        raise RuntimeError("the cutter broke")
    return len(text)

def none(path, text):
    raise NotImplementedError("not yet")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of somebody else, with a test of its own."""
    (tmp_path / "cutter.py").write_text(CUTTER)
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    return tmp_path


def run(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """Run pytest in a folder, and return its exit code and its lines."""
    plugins = ["-p", "isl_bench_pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "--no-header", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        # Other plugins of the environment would only take time.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_each_case_is_a_test_beside_the_project_s_own(project: Path) -> None:
    code, lines = run(project, "-v", "--isl-conformance=cutter.py:whole", "--isl-cases=line_ends")
    assert code == 0
    for case in chosen_cases(["line_ends"]):
        assert any(line.startswith(f"line_ends.json::{case.name} PASSED") for line in lines)
    assert any(line.startswith("test_own.py::test_own PASSED") for line in lines)


def test_a_wrong_case_shows_what_it_is(project: Path) -> None:
    arguments = ["--isl-conformance", "cutter.py:no_markers", "--isl-cases", "overlap::laguna-eos"]
    code, lines = run(project, *arguments)
    assert code == 1
    place = lines.index("counted 7, not 1")
    assert lines[place + 1] == "about: the end token contains two shorter ones"
    assert lines[place + 2] == r"text: '\u3008|EOS|\u3009'"
    assert lines[place + 3].startswith("expected ids: [")
    assert lines[place + 4].startswith("tokenizer: {'markers'")
    assert lines[place + 5] == "shows: dynamo#12846"


def test_what_a_function_raises_has_a_traceback(project: Path) -> None:
    (project / "cutter.py").write_text("def broken(path, text):\n    return 1 // 0\n")
    code, lines = run(project, "--isl-conformance", "cutter.py:broken", "--isl-cases", "*::crlf-*")
    assert code == 1
    assert any("return 1 // 0" in line for line in lines)
    assert any("ZeroDivisionError" in line for line in lines)


def test_a_refused_text_passes_if_the_function_raises(project: Path) -> None:
    code, lines = run(project, "--isl-conformance", "cutter.py:whole", "--isl-cases", "surrogates")
    assert code == 0
    assert lines[-1].split()[1:3] == ["11", "passed"]


def test_unavailable_cases_are_skipped(project: Path) -> None:
    code, lines = run(
        project, "-rs", "--isl-conformance", "cutter.py:none", "--isl-cases", "overlap::laguna-eos"
    )
    assert code == 0
    assert any("not yet" in line for line in lines)
    assert "1 passed, 1 skipped" in lines[-1]


def test_cases_are_chosen_by_keyword_and_left_by_a_first_failure(project: Path) -> None:
    arguments = ["--isl-conformance", "cutter.py:no_markers", "-k", "laguna-eos or own"]
    code, lines = run(project, *arguments)
    assert code == 1
    assert "1 failed, 1 passed" in lines[-1]
    assert "deselected" in lines[-1]


def test_a_command_is_asked_once_for_all_that_is_chosen(project: Path) -> None:
    (project / "answer.py").write_text(
        "import json, sys\n"
        "open('starts', 'a').write('x')\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps({'id': json.loads(line)['id'], 'unavailable': 'a stub'}))\n"
    )
    command = f"command:{shlex.quote(sys.executable)} answer.py"
    code, lines = run(project, "--isl-conformance", command, "--isl-cases", "overlap", "-k", "json")
    assert code == 0
    assert "29 skipped" in lines[-1]
    assert (project / "starts").read_text() == "x"


def test_no_temporary_folder_is_left(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(place))
    run(project, "--isl-conformance", "cutter.py:whole", "--isl-cases", "overlap::laguna-eos")
    assert list(place.glob("isl-bench-*")) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--isl-conformance", "nothing"], "--isl-conformance: target: 'nothing' is neither"),
        (["--isl-conformance", "cutter.py:whole", "--isl-cases", "x"], "--isl-cases: fits no case"),
        (["--isl-conformance", "cutter.py:whole", "--isl-timeout", "nan"], "more than 0"),
    ],
)
def test_bad_usage_is_told(arguments: list[str], said: str, project: Path) -> None:
    code, lines = run(project, *arguments)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert any(said in line for line in lines)
    assert not any("Traceback" in line for line in lines)


def test_another_package_of_that_name_is_named(project: Path) -> None:
    (project / "bench").mkdir()
    (project / "bench" / "__init__.py").write_text("OWN = True\n")
    code, lines = run(project, "--isl-conformance", "cutter.py:whole")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert any(str(project / "bench" / "__init__.py") in line for line in lines)


def test_tests_of_another_package_of_that_name_find_it(project: Path) -> None:
    (project / "bench").mkdir()
    (project / "bench" / "__init__.py").write_text("OWN = True\n")
    (project / "test_own.py").write_text(
        "def test_own():\n    import bench\n    assert bench.OWN\n"
    )
    assert run(project)[0] == 0


def test_the_plugin_imports_nothing_unless_it_is_asked_to() -> None:
    program = (
        "import sys, isl_bench_pytest; "
        "print(sys.modules.keys() & {'bench', 'strategies', 'tokenizers', 'pytest', 'json'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "set()"


def test_the_package_registers_it() -> None:
    (plugin,) = (point for point in entry_points(group="pytest11", name="isl_bench_pytest"))
    assert plugin.load().__name__ == "isl_bench_pytest"
    (target,) = entry_points(group="isl_bench.conformance", name="tokenizers")
    assert callable(target.load())
