"""Programs that count by turns: each waits until it is asked, so only one runs at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.deciding import counting_server
from bench.deciding.builds import SHORT, Build
from bench.measuring.ending import kill_tree
from strategies import InputError
from strategies.errors import one_line
from strategies.runtime.signals import interruptions_held


@dataclass(frozen=True, slots=True)
class Task:
    """What the programs count.

    Parameters
    ----------
    tokenizer, dataset
        A folder or a name on the hub, and a file.
    strategy
        Name of the strategy.
    cores
        Numbers of the processors. There are as many workers.
    options
        For `load_chat`.
    """

    tokenizer: str
    dataset: Path
    strategy: str
    cores: tuple[int, ...]
    options: Mapping[str, Any]

    def argument(self, *, verify: bool) -> str:
        """Return the argument of a program that counts it."""
        return json.dumps(
            {
                "tokenizer": self.tokenizer,
                "dataset": str(self.dataset),
                "strategy": self.strategy,
                "cores": self.cores,
                "workers": len(self.cores),
                "options": dict(self.options),
                "verify": verify,
            }
        )


class Counting:
    """A program that runs a build.

    Parameters
    ----------
    name
        Its own; several may run the same build.
    build, task
        What it runs, and what it counts.
    folder
        A folder for its messages.
    verify
        Whether to verify every turn first.

    Attributes
    ----------
    ready : dict
        What it said when it had counted once.
    """

    def __init__(self, name: str, build: Build, task: Task, folder: Path, *, verify: bool) -> None:
        self._name = f"{build.name} ({build.commit[:SHORT]})"
        self._errors = folder / f"{name}.errors"
        environment = {
            **os.environ,
            # Before the packages that are installed, and before the project itself.
            "PYTHONPATH": str(build.folder),
            "RAYON_NUM_THREADS": str(len(task.cores)),
        }
        with interruptions_held(), self._errors.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603  # a list, so no shell reads it
                # -P: the folder of the script is not searched for modules.
                [sys.executable, "-P", counting_server.__file__, task.argument(verify=verify)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=environment,
                text=True,
            )
        try:
            self.ready = self._answer()
            self._check(build)
        except BaseException:
            self.close()
            raise

    def count(self) -> float:
        """Count everything once, and return the seconds it took."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101  # for the type checker
        try:
            stdin.write("\n")
            stdin.flush()
        except BrokenPipeError:
            raise InputError(self._died()) from None
        return float(self._answer()["seconds"])

    def close(self) -> None:
        """End it, with all that it has started."""
        with interruptions_held():
            kill_tree(self._process.pid)
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    try:
                        stream.close()
                    except BrokenPipeError:
                        continue
            self._process.wait()

    def _answer(self) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101  # for the type checker
        line = stdout.readline()
        if not line:
            raise InputError(self._died())
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            raise InputError(f"{self._name}: {one_line(said['error'])}")
        return said

    def _died(self) -> str:
        lines = self._errors.read_text(encoding="utf-8", errors="replace").split("\n")
        last = [line for line in lines if line.strip()][-1:]
        return f"{self._name}: its process ended before it answered: {one_line(''.join(last))}"

    def _check(self, build: Build) -> None:
        """Make sure that it runs the build and no other code, in release mode."""
        if "unavailable" in self.ready:
            return
        file, profile = self.ready["file"], self.ready["build_profile"]
        if not Path(file).resolve().is_relative_to(build.folder.resolve()):
            raise InputError(f"{self._name}: {file} was imported in place of its build")
        if profile != "release":
            raise InputError(f"{self._name}: the native core is a {profile} build, not release")


@contextmanager
def counting(
    builds: Mapping[str, Build], task: Task, folder: Path, *, verify: Sequence[str]
) -> Iterator[dict[str, Counting]]:
    """Yield a program for each name, and leave none behind.

    Parameters
    ----------
    builds
        What each runs.
    task
        What they count.
    folder
        A folder for their messages.
    verify
        Names of those that verify every turn first.

    Raises
    ------
    InputError
        If one of them cannot count.
    """
    running: dict[str, Counting] = {}
    try:
        # One after the other, so that none disturbs the start of another one.
        for name, build in builds.items():
            running[name] = Counting(name, build, task, folder, verify=name in verify)
        yield running
    finally:
        for each in running.values():
            each.close()
