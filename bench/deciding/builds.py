"""Builds of revisions of the project, each in a folder of its own, for as long as they are needed.

A revision is checked out into a temporary worktree and built from there, with the libraries that
are installed here. The folder of the build comes before all installed packages, so a program that
imports `strategies` from it runs that revision.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measuring.ending import kill_tree
from bench.measuring.watcher import Watcher
from strategies import InputError
from strategies.errors import one_line
from strategies.runtime.signals import interruptions_held

SHORT = 8
"""Characters of a commit that are shown."""


@dataclass(frozen=True, slots=True)
class Build:
    """A revision that was built.

    Parameters
    ----------
    name
        ``"base"`` or ``"head"``.
    commit
        Its full hash.
    folder
        Where its packages are.
    """

    name: str
    commit: str
    folder: Path


@contextmanager
def built(
    repository: Path, revisions: Mapping[str, str], folder: Path, watcher: Watcher
) -> Iterator[dict[str, Build]]:
    """Yield a build of each revision, by name. Two names of the same commit share a build.

    Parameters
    ----------
    repository
        A folder in the git repository of the project.
    revisions
        Names such as ``"base"``, each with what git calls the revision.
    folder
        An empty folder to work in.
    watcher
        Shows a person what goes on.

    Raises
    ------
    InputError
        If a revision does not exist or cannot be built. The error has one line with the reason.
    """
    commits = {name: resolved(repository, each) for name, each in revisions.items()}
    top = Path(_git(repository, "rev-parse", "--show-toplevel"))
    trees: list[Path] = []
    builds: dict[str, Build] = {}
    try:
        for name, commit in commits.items():
            same = [each for each in builds.values() if each.commit == commit]
            if same:
                builds[name] = Build(name, commit, same[0].folder)
                continue
            tree, target = folder / f"{name}-tree", folder / f"{name}-build"
            trees.append(tree)
            with watcher.working(f"building {name} ({commit[:SHORT]})"):
                _git(top, "worktree", "add", "--detach", "--force", str(tree), commit)
                _install(name, commit, tree, target, top)
            builds[name] = Build(name, commit, target)
        yield builds
    finally:
        with interruptions_held():
            for tree in trees:
                shutil.rmtree(tree, ignore_errors=True)
            if trees:
                # It forgets the worktrees whose folders are gone.
                subprocess.run(  # noqa: S603  # no text from outside
                    [_tool("git"), "-C", str(top), "worktree", "prune"],
                    check=False,
                    capture_output=True,
                )


def resolved(repository: Path, revision: str) -> str:
    """Return the full hash of the commit that a revision names.

    Raises
    ------
    InputError
        If the folder is in no repository, or there is no such commit.
    """
    try:
        return _git(
            repository,
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{revision}^{{commit}}",
        )
    except InputError as error:
        if error.file is not None:
            raise
        _git(repository, "rev-parse", "--git-dir")
        raise InputError(f"there is no revision {revision!r} in {repository}") from None


def _git(repository: Path, *arguments: str) -> str:
    """Run git without a shell, and return what it says."""
    if not repository.is_dir():
        raise InputError("no such folder", file=repository)
    return _run([_tool("git"), "-C", str(repository), *arguments], "git", os.environ)


def _install(name: str, commit: str, tree: Path, target: Path, top: Path) -> None:
    """Build a worktree into a folder. Builds share the compiled crates of the repository."""
    command = [
        *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
        *("--quiet", "--no-deps", "--target", str(target), str(tree)),
    ]
    crates = top / "strategies" / "rust" / "target"
    _run(
        command,
        f"{name} ({commit[:SHORT]}) cannot be built",
        {**os.environ, "CARGO_TARGET_DIR": str(crates)},
    )


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise InputError(f"{name} is needed, and is not on PATH")
    return found


def _run(command: Sequence[str], what: str, environment: Mapping[str, str]) -> str:
    """Run a program, and return its output. Nothing that it has started stays behind."""
    with interruptions_held():
        process = subprocess.Popen(  # noqa: S603  # a list, so no shell reads it
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
        )
    try:
        out, err = process.communicate()
    except BaseException:
        with interruptions_held():
            kill_tree(process.pid)
            process.communicate()
        raise
    if process.returncode:
        raise InputError(f"{what}: {_reason(err or out)}")
    return out.strip()


def _reason(output: str) -> str:
    """Return the line of a program's messages that says most: the first one that tells an error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [
        line
        for line in lines
        # pip frames what a build says, and its own lines only say that there was an error.
        if "error" in line.lower() and "subprocess-exited" not in line and "exit code" not in line
    ]
    return one_line((errors or lines or ["it says nothing"])[0])
