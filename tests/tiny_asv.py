"""A small project with a real asv suite, whose environments need no network.

asv's own environments install packages. The environment `here` is a plug-in of asv that runs the
suite in this interpreter, and copies the project's one file into its folder for each commit. The
suite brings its own clock, which the project's work sets forward. So a run is the same each time,
and a test of what asv says depends on no duration.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

HERE = """
import shutil
import sys
from pathlib import Path

from asv import environment


class Here(environment.Environment):
    tool_name = "here"

    def __init__(self, conf, python, requirements, tagged_env_vars):
        if python != "3":
            raise environment.EnvironmentUnavailable(f"No executable found for python {python}")
        self._python, self._requirements = python, requirements
        super().__init__(conf, python, requirements, tagged_env_vars)

    @classmethod
    def matches(cls, python):
        return python == "3"

    def check_presence(self):
        return Path(self._path).is_dir()

    def _setup(self):
        Path(self._path).mkdir(parents=True)

    def find_executable(self, executable):
        return sys.executable if executable == "python" else shutil.which(executable)

    def run(self, args, **kwargs):
        return self.run_executable("python", args, **kwargs)
"""

CONFIG = {
    "version": 1,
    "project": "tiny",
    "repo": ".",
    "branches": ["HEAD"],
    "plugins": [".here"],
    "environment_type": "here",
    "launch_method": "forkserver",
    "pythons": ["3"],
    "benchmark_dir": "suite",
    "results_dir": "results",
    "env_dir": ".asv/env",
    "html_dir": ".asv/html",
    "uninstall_command": [],
    "build_command": ["sh {build_dir}/build.sh"],
    "install_command": ["cp {build_dir}/tiny.py {env_dir}/tiny.py"],
}

SUITE = """
import os
import sys

sys.path.insert(0, os.environ["ASV_ENV_DIR"])
clock = [0.0]


class Work:
    params = ["a|b", "c"]
    param_names = ["kind"]
    version = "1"
    number = 1
    rounds = 1
    repeat = (4, 4, 0)
    min_run_count = 1
    warmup_time = 0
    timer = staticmethod(lambda: clock[0])

    def time_work(self, kind):
        import tiny

        clock[0] += tiny.seconds(kind)


class OneSample(Work):
    params = ["c"]
    repeat = (1, 1, 0)
"""

COMMITS = {
    "base": "def seconds(kind): return 0.2",
    "same": "def seconds(kind): return 0.2  # the same",
    "slow": "def seconds(kind): return {'a|b': 0.2, 'c': 0.6}[kind]",
    "fast": "def seconds(kind): return {'a|b': 0.1, 'c': 0.2}[kind]",
    "broken": "def seconds(kind): return {'a|b': 0.6}[kind]",
    "failing": "def seconds(kind): raise ValueError(kind)",
    "failing-too": "def seconds(kind): raise TypeError(kind)",
    "unbuilt": "def seconds(kind): return 0.2  # unbuilt",
}
"""Branches, each with one commit after `base`. Their work takes so many seconds of the clock."""


def git(root: Path, *arguments: str) -> str:
    """Run git without the settings of whoever runs the tests."""
    outside = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    nowhere = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],  # noqa: S607  # whichever git there is
        check=True,
        capture_output=True,
        text=True,
        env={**outside, **nowhere, **dict.fromkeys(names, "someone")},
    )
    return done.stdout.strip()


def make_project(root: Path, *, home: Path) -> dict[str, str]:
    """Make the project in an empty folder, and return the hash of each branch.

    Parameters
    ----------
    root
        The folder.
    home
        Where asv looks for its description of the machine. It would ask for one otherwise.
    """
    machine = {"arch": "", "cpu": "", "machine": "tiny", "num_cpu": "1", "os": "", "ram": ""}
    (home / ".asv-machine.json").write_text(json.dumps({"version": 1, "tiny": machine}))
    files = {
        "here.py": HERE,
        "asv.conf.json": json.dumps(CONFIG),
        "suite/__init__.py": "",
        "suite/work.py": SUITE,
        ".gitignore": "results\n.asv\n__pycache__\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(root, "init", "--quiet", "--initial-branch=main")
    hashes = {}
    for branch, source in COMMITS.items():
        if branch != "base":
            git(root, "checkout", "--quiet", "-b", branch, "base")
        (root / "tiny.py").write_text(source)
        broken = "echo no compiler here\nexit 1" if branch == "unbuilt" else ""
        (root / "build.sh").write_text(broken)
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", branch)
        if branch == "base":
            git(root, "branch", "base")
        hashes[branch] = git(root, "rev-parse", "HEAD")
    git(root, "checkout", "--quiet", "main")
    return hashes
