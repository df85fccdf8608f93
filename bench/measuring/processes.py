"""Two commands by turns, as whole processes: wall time, processor time and peak memory of each.

``python -m bench.measuring.processes --rounds 7 'BASE COMMAND' 'HEAD COMMAND'`` runs both in every
round, in a shuffled order, and says how many times as fast the second one is. Start-up counts, so
this is how a command is compared that a script calls.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.measuring.estimates import Estimate, speedup_estimate

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a command took.

    Parameters
    ----------
    wall_seconds
        From its start to its end.
    processor_seconds
        Of all its threads and of the processes that it waited for, in user and system mode.
    peak_bytes
        The most resident memory of the process or of one that it waited for.
    """

    wall_seconds: float
    processor_seconds: float
    peak_bytes: int


_LAUNCHER = """
import json, os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
wall = time.perf_counter() - started
code = process.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps([code, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""
"""Starts the command. Until a process runs its own program, its memory is that of the process that
started it, and Linux counts that into its peak; so it is started by a small one."""


def run(command: Sequence[str]) -> Run:
    """Run a command to its end; its output is dropped.

    Raises
    ------
    subprocess.CalledProcessError
        If its exit code is not 0.
    FileNotFoundError
        If there is no such command.
    """
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(f"there is no command {command[0]}")
    launcher = [sys.executable, "-S", "-c", _LAUNCHER, *command]
    said = subprocess.run(launcher, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603  # the caller's command
    code, wall, processor, peak = json.loads(said)
    if code:
        raise subprocess.CalledProcessError(code, command)
    # Linux says it in units of 1,024 bytes.
    return Run(wall, processor, peak * 1024)


def alternate(
    base: Sequence[str], head: Sequence[str], rounds: int, seed: int = 0
) -> tuple[list[Run], list[Run]]:
    """Run two commands once each in every round, in an order that is shuffled for each round.

    Parameters
    ----------
    base, head
        The commands.
    rounds
        How many.
    seed
        Decides the order.

    Raises
    ------
    subprocess.CalledProcessError
        If a command fails.
    """
    dice = random.Random(seed)  # noqa: S311  # no secret
    runs: tuple[list[Run], list[Run]] = ([], [])
    for _ in range(rounds):
        for which in dice.sample((0, 1), 2):
            runs[which].append(run((base, head)[which]))
    return runs


def _line(title: str, ratio: Estimate, base: float, head: float, unit: str) -> str:
    return (
        f"{title}: {ratio.median:.2f} times less [{ratio.low:.2f}, {ratio.high:.2f}] "
        f"(best of each: {base:.3g} and {head:.3g} {unit})"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare two commands, and print a line each for wall time, processor time and memory."""
    parser = argparse.ArgumentParser(prog="python -m bench.measuring.processes")
    parser.add_argument("base", help="a command, quoted as one argument")
    parser.add_argument("head", help="the command that it is compared with")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    try:
        bases, heads = alternate(
            shlex.split(options.base), shlex.split(options.head), options.rounds
        )
    except (subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"processes: {error}")
    for title, name, scale, unit in (
        ("wall time", "wall_seconds", 1, "s"),
        ("processor time", "processor_seconds", 1, "s"),
        ("peak memory", "peak_bytes", MB, "MB"),
    ):
        base = [getattr(each, name) / scale for each in bases]
        head = [getattr(each, name) / scale for each in heads]
        print(_line(title, speedup_estimate(base, head), min(base), min(head), unit))


if __name__ == "__main__":
    main()
