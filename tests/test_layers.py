"""Imports point one way: the layers of pyproject.toml hold, and a planted import breaks them.

The layers are contracts of import-linter, under ``[tool.importlinter]``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the packages in a folder against the contracts of its pyproject.toml."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder,
        # The folder comes before the installed packages. The width is fixed for all terminals.
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the Python files, in which an import can be planted."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("strategies", "bench", "isl_bench", "isl_bench_pytest"):
        for path in (ROOT / package).rglob("*.py"):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return tmp_path


def test_every_import_points_down() -> None:
    done = checked(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line", "named"),
    [
        pytest.param(
            "strategies/splicing.py",
            "from bench.measuring import machine",
            "strategies.splicing -> bench.measuring.machine",
            id="a strategy that measures",
        ),
        pytest.param(
            "strategies/conversations/reading.py",
            "from strategies.chat import spec",
            "strategies.conversations.reading -> strategies.chat.spec",
            id="a reader that knows tokenizers",
        ),
        pytest.param(
            "bench/measuring/machine.py",
            "from bench.reporting import report",
            "bench.measuring.machine -> bench.reporting.report",
            id="a room that looks up",
        ),
        pytest.param(
            "bench/measuring/machine.py",
            "def late() -> None:\n    from bench.measuring import compare",
            ".machine",
            id="a circle, closed inside a function",
        ),
        pytest.param(
            "bench/attic.py",
            "",
            "bench.attic",
            id="a file without a room",
        ),
    ],
)
def test_a_planted_import_is_found(copy: Path, file: str, line: str, named: str) -> None:
    with (copy / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    done = checked(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert named in done.stdout
