"""Add an asv subject: one file, which asv then finds and runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import json5

ROOT = Path(__file__).parents[1]

SUBJECT = '''
"""How many turns a sample has."""

from __future__ import annotations

from . import workloads


class Turns:
    """The turns of a sample."""

    params = (["long"],)
    param_names = ("shape",)
    version = workloads.version(1)
    unit = "turns"

    def setup(self, shape: str) -> None:
        """Read the conversations."""
        self.conversations = workloads.conversations(shape)

    def track_turns(self, shape: str) -> int:
        """Return their turns."""
        return sum(len(conversation.turns) for conversation in self.conversations)
'''


def test_one_file_is_a_subject(tmp_path: Path) -> None:
    suite = tmp_path / "suite"
    shutil.copytree(
        ROOT / "bench" / "benchmarks", suite, ignore=shutil.ignore_patterns("__pycache__")
    )
    (suite / "turns.py").write_text(SUBJECT, encoding="utf-8")
    places = {
        "repo": str(ROOT),
        "benchmark_dir": str(suite),
        "results_dir": str(tmp_path / "history"),
    }
    settings = json5.loads((ROOT / "asv.conf.json").read_text(encoding="utf-8"))
    config = tmp_path / "asv.conf.json"
    config.write_text(json.dumps({**settings, **places}), encoding="utf-8")
    # asv asks about the machine unless the home folder describes it.
    machines = '{"here": {"machine": "here"}, "version": 1}'
    (tmp_path / ".asv-machine.json").write_text(machines, encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "asv", "--config", str(config), "run", "--python=same"),
            *("--quick", "--dry-run", "--bench", "turns", "--machine", "here"),
        ],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "turns.Turns.track_turns" in done.stdout
    assert ["long", "94"] in [line.split() for line in done.stdout.splitlines()]
