"""What a measurement ran on: the machine, the versions, the cores it may use."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import psutil

import strategies
from bench.measuring.recordable import LATER
from strategies import InputError
from strategies.runtime.cores import processors

GIT_SECONDS = 10.0

REPORTED_LIBRARIES = (
    "isl-bench",
    "transformers",
    "tokenizers",
    "sentencepiece",
    "jinja2",
    "numpy",
    "scipy",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a comparison ran on.

    Parameters
    ----------
    name, processor, system
        As the machine reports them.
    cores, cores_available
        Processors of the machine, and those that this process may use.
    memory_bytes
        Main memory of the machine.
    load_average
        Over the last 1, 5 and 15 minutes, before the first measurement.
    frequency
        Of each core, as the system reports it; None if it does not.
    configuration
        Driver, governor and idle states of the cores, likewise.
    """

    name: str
    processor: str
    cores: int
    cores_available: int
    memory_bytes: int
    system: str
    load_average: tuple[float, ...]
    frequency: str | None = field(default=None, metadata=LATER)
    configuration: str | None = field(default=None, metadata=LATER)


def describe_machine() -> Machine:
    """Return processor, cores, memory, system and load of this machine."""
    import pyperf

    usable = len(available())
    # A run of pyperf collects what it can find out. The value of the run means nothing.
    known = pyperf.Run([1.0], collect_metadata=True).get_metadata()
    return Machine(
        name=platform.node(),
        processor=known.get("cpu_model_name") or platform.processor() or platform.machine(),
        cores=os.cpu_count() or usable,
        cores_available=usable,
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        load_average=os.getloadavg(),
        frequency=known.get("cpu_freq"),
        configuration=known.get("cpu_config"),
    )


def describe_versions() -> dict[str, str]:
    """Return the versions of Python, this project and the libraries under it."""
    from strategies import _native

    return {
        "python": platform.python_version(),
        **{name: version(name) for name in REPORTED_LIBRARIES},
        "native_build_profile": _native.build_profile,
    }


def describe_commit() -> str | None:
    """Return the commit of the code that runs, with a ``+`` if files were changed since.

    Returns
    -------
    str or None
        None if the code is in no git repository, as when it is installed.
    """
    folder = Path(strategies.__file__).parent
    # An installed package may lie in a folder of somebody else's repository.
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit and f"{commit}{'+' if changed else ''}"


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  # the arguments are this file's own
            ["git", "-C", folder, *arguments],  # noqa: S607  # whichever git the user has
            capture_output=True,
            text=True,
            check=True,
            timeout=GIT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def available() -> tuple[int, ...]:
    """Return the numbers of the processors that this process may use."""
    return processors()


def first_cores(count: int) -> tuple[int, ...]:
    """Return the processors for a run on `count` cores.

    Raises
    ------
    InputError
        If there are not that many.
    """
    cores = available()
    if not 1 <= count <= len(cores):
        raise InputError(
            f"{count} cores asked for, 1 to {len(cores)} can be used here", field="--cores"
        )
    return cores[:count]


def check_cores(count: int) -> None:
    """Check that something can be measured on `count` cores.

    Raises
    ------
    InputError
        If there are not that many, or this system cannot keep a program on fewer than all.
    """
    most = len(available())
    if len(first_cores(count)) < most and not hasattr(os, "sched_setaffinity"):
        raise InputError(
            f"{count} cores asked for, this system runs a program on all {most}", field="--cores"
        )


def pin(cores: Sequence[int]) -> None:
    """Keep this process, and all that it starts, on these processors, if the system can."""
    # macOS cannot; what is measured has passed `check_cores`.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
