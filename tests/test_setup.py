"""The set-up says what each step does, and does nothing in a tree that is ready."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STEP = [sys.executable, str(ROOT / ".ci" / "step.py")]
PRINTS = (
    "print('one'); print('two', flush=True); import time; time.sleep(0.1); raise SystemExit({})"
)


def test_a_step_says_what_it_does_and_hides_what_went_well() -> None:
    command = [*STEP, "Doing it (seconds)", sys.executable, "-c", PRINTS.format(0)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "Doing it (seconds) ...\n"


def test_a_step_that_fails_shows_all_that_it_printed() -> None:
    command = [*STEP, "Doing it", sys.executable, "-c", PRINTS.format(7)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr == "Doing it ...\none\ntwo\nfailed: Doing it\n"


def test_a_terminal_is_shown_the_last_line_and_left_clean() -> None:
    reading, writing = pty.openpty()
    command = [*STEP, "Doing it", sys.executable, "-c", PRINTS.format(0)]
    done = subprocess.run(command, stdout=writing, stderr=writing, check=False)
    shown = os.read(reading, 65536).decode()
    os.close(reading)
    os.close(writing)
    assert done.returncode == 0
    assert shown.startswith("Doing it ...\r\n")
    assert " s  two" in shown
    assert shown.endswith("\r\x1b[K")


def test_a_tree_that_is_ready_has_nothing_to_do_and_says_nothing() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    # The tests may run under make, whose options are not meant for this one.
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [make, *arguments], cwd=ROOT, env=outside, capture_output=True, text=True, check=False
        )

    if run("--question", ".venv/.ready").returncode != 0:
        pytest.skip("this tree is not set up by make, or not since it changed: make setup")
    done = run("setup")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
