"""What a measurement ran on: the machine, the versions, the cores it may use."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import psutil

from bench.measuring.recordable import LATER
from strategies import InputError

TOLERATED_LOAD = 0.2
"""Cores. A quiet system keeps about a tenth of a core busy."""

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


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the machine was while a setting was timed.

    Parameters
    ----------
    before
        Load average of the last minute when the rounds began, this program included.
    elsewhere
        Cores that other programs kept busy during the rounds, on average.
    left_free
        Cores that this setting left to other programs.
    """

    before: float
    elsewhere: float
    left_free: int

    @property
    def disturbed(self) -> bool:
        """Whether other programs were busier than the cores that were left to them."""
        return self.elsewhere > self.left_free + TOLERATED_LOAD


def describe_machine() -> Machine:
    """Return processor, cores, memory, system and load of this machine."""
    usable = len(available())
    return Machine(
        name=platform.node(),
        processor=_processor(),
        cores=os.cpu_count() or usable,
        cores_available=usable,
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        load_average=os.getloadavg(),
    )


def describe_versions() -> dict[str, str]:
    """Return the versions of Python, this project and the libraries under it."""
    from strategies import _native

    return {
        "python": platform.python_version(),
        **{name: version(name) for name in REPORTED_LIBRARIES},
        "native_build_profile": _native.build_profile,
    }


def available() -> tuple[int, ...]:
    """Return the numbers of the processors that this process may use."""
    return tuple(sorted(os.sched_getaffinity(0)))


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


def pin(cores: Sequence[int]) -> None:
    """Keep this process, and all that it starts, on these processors."""
    os.sched_setaffinity(0, cores)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
