"""docs/conformance.md is true: its programs run, its commands print what it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bench.conformance.corpus import chosen_cases, corpus_cases, corpus_files

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"```console\n\$ (.*?)\n(.*?)```", PAGE, re.DOTALL)
RUN = [each for each in COMMANDS if "conformance.make" not in each[0]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs of the page."""
    made = tmp_path_factory.mktemp("page")
    for name, program in zip(("cutter.py", "engine.py"), PROGRAMS, strict=True):
        (made / name).write_text(program, encoding="utf-8")
    return made


@pytest.mark.parametrize(("command", "shown"), RUN, ids=[command for command, _ in RUN])
def test_a_command_prints_what_the_page_shows(command: str, shown: str, folder: Path) -> None:
    python = shlex.quote(sys.executable)
    programs = {"bench": f"{python} -m bench", "python": python}
    command = re.sub(r"\.venv/bin/(bench|python)", lambda found: programs[found[1]], command)
    done = subprocess.run(
        shlex.split(command), cwd=folder, capture_output=True, text=True, check=False
    )
    printed = [line.strip() for line in done.stdout.splitlines()]
    place = 0
    for line in shown.splitlines():
        if line != "…":
            assert line in printed[place:], done.stdout + done.stderr
            place = printed.index(line, place) + 1
    assert done.returncode == (0 if "all of" in shown else 1)


def test_every_command_of_the_page_was_found() -> None:
    assert len(COMMANDS) == len(re.findall(r"^\$ ", PAGE, re.MULTILINE)) == 6


def test_the_table_of_subjects_is_the_corpus() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)
    sizes = Counter(case.subject for case in corpus_cases())
    assert rows == [
        (path.stem, str(sizes[path.stem]), json.loads(path.read_text(encoding="utf-8"))["about"])
        for path in corpus_files()
    ]


def test_every_named_case_is_there() -> None:
    named = set(re.findall(r"`'?([a-z_]+::[a-z0-9*-]+)'?`", PAGE)) - {"file::case"}
    assert len(named) > 15
    assert [name for name in named if not chosen_cases([name])] == []


def test_every_published_bug_is_on_the_page_with_its_cases() -> None:
    rows = re.findall(r"^\| ([a-z]+#\d+): .* \| (.*) \|$", PAGE, re.MULTILINE)
    listed = {
        bug: {case.id for name in re.findall(r"`(.*?)`", cases) for case in chosen_cases([name])}
        for bug, cases in rows
    }
    for bug in {bug for case in corpus_cases() for bug in case.shows}:
        assert listed[bug] == {case.id for case in corpus_cases() if bug in case.shows}


def test_the_named_cases_catch_the_cutter_of_the_page(folder: Path) -> None:
    from bench.conformance.runner import run
    from bench.conformance.targets import target_named

    mistakes = PAGE.partition("| mistake | cases |")[2].partition("\n\n")[0]
    named = re.findall(r"`([a-z_]+::[a-z0-9-]+)`", mistakes)
    outcomes = run(target_named(f"{folder / 'cutter.py'}:count"), chosen_cases(named))
    assert len(outcomes) == len(named) > 8
    assert {each.case.id for each in outcomes if each.status != "wrong"} == set()
