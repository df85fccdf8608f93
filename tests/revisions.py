"""A git repository with revisions of a small project that has the names of this one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

BACKEND = """
import zipfile
from pathlib import Path


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "tiny-1-py3-none-any.whl"
    info = "tiny-1.dist-info"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        for path in sorted(Path("strategies").glob("*.py")):
            wheel.write(path)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        )
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny"
version = "1"
"""

STRATEGIES = """
import os
import time
from contextlib import contextmanager
from types import SimpleNamespace

from strategies import _native

# A clock that only counting moves, so that no test depends on how busy the machine is.
now = [0.0]
time.perf_counter = lambda: now[0]

WORK, WRONG, TOKENS, UNAVAILABLE, FAILS = {work}, {wrong}, {tokens}, {unavailable!r}, {fails!r}


class Counter:
    note = "noted"

    def count(self, conversations):
        print("a library prints")
        if FAILS == "dies":
            os._exit(3)
        now[0] += WORK
        return [[TOKENS + WRONG] * 2 for _ in conversations]


class Strategy:
    def availability(self, chat):
        return UNAVAILABLE

    @contextmanager
    def open(self, chat, *, workers):
        yield Counter()


def load_chat(name, **options):
    if FAILS == "raises":
        raise ValueError("cannot load it")
    if FAILS == "hangs":
        time.sleep(600)
    return SimpleNamespace(fingerprint={{"family": "a kind"}})


def read_conversations(path):
    with open(path) as file:
        return file.read().split()


def get(name):
    return Strategy()


def verify(name, conversations, chat, workers):
    return ["turn 1: expected 3, got 4"] * WRONG
"""


class Repository:
    """A repository whose commits differ in what a count costs and gives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "strategies").mkdir(parents=True)
        (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
        (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *arguments: str) -> str:
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "a"), ("EMAIL", "a@b"))
        }
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],  # noqa: S607
            env={**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(
        self,
        *,
        work: float = 0.002,
        wrong: int = 0,
        tokens: int = 5,
        unavailable: str | None = None,
        fails: str | None = None,
        profile: str = "release",
        broken: bool = False,
    ) -> str:
        """Commit a revision, and return its hash."""
        source = STRATEGIES.format(
            work=work, wrong=wrong, tokens=tokens, unavailable=unavailable, fails=fails
        )
        (self.folder / "strategies" / "__init__.py").write_text(source, encoding="utf-8")
        native = f"build_profile = {profile!r}\n"
        (self.folder / "strategies" / "_native.py").write_text(native, encoding="utf-8")
        backend = "raise RuntimeError('error: no compiler')\n" if broken else BACKEND
        (self.folder / "backend.py").write_text(backend, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a revision")
        return self.git("rev-parse", "HEAD")

    def worktrees(self) -> int:
        """How many worktrees the repository knows, its own folder left out."""
        return self.git("worktree", "list", "--porcelain").count("worktree ") - 1
