"""Ctrl-C and SIGTERM, once or twice, at any moment: nothing hangs, and nothing is left."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from bench.bundled import tokenizer_path
from bench.reporting.report import read_report
from bench.samples import sample_bytes
from tests.conftest import BENCH, eventually, is_alive
from tests.datasets import read_records

TOKENIZER = str(tokenizer_path("bpe-chatml"))
NOTHING_WRITTEN = "bench: interrupted; nothing was written\n"
ENDS_WITHIN = 120
"""Seconds until a test takes a command for one that hangs."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command with the places where it could leave something.

    Parameters
    ----------
    arguments
        What to run.
    out
        Folder for its output.
    temporary
        Folder for its temporary files.
    started
        Its runs, so that none outlives the test.
    """

    arguments: tuple[str, ...]
    out: Path
    temporary: Path
    started: list[subprocess.Popen[str]]

    def start(self) -> Running:
        """Run it in a process group of its own, as a terminal does."""
        process = subprocess.Popen(
            [*BENCH, *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(self.temporary)},
        )
        self.started.append(process)
        return Running(process, self, set(), {})


@dataclass(slots=True)
class Running:
    """A command that runs, with the processes and the semaphores that it was seen to have."""

    process: subprocess.Popen[str]
    command: Command
    semaphores: set[str]
    family: dict[int, psutil.Process]

    def look(self) -> None:
        """Note which processes and semaphores it has now."""
        try:
            members = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return
        self.family |= {member.pid: member for member in members}
        for member in members:
            try:
                maps = Path(f"/proc/{member.pid}/maps").read_text(encoding="utf-8")
            except OSError:
                continue
            self.semaphores |= {line.split()[-1] for line in maps.splitlines() if "/sem." in line}

    def send(self, *numbers: signal.Signals, gap: float = 0, group: bool = True) -> None:
        """Send signals with a gap of some seconds between them, to the group or the process."""
        self.look()
        for number in numbers[:1]:
            self._send(number, group)
        for number in numbers[1:]:
            time.sleep(gap)
            self._send(number, group)

    def _send(self, number: signal.Signals, group: bool) -> None:
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.process.pid, number)

    def end(self) -> tuple[int, str, str]:
        """Wait for its end, and check that nothing is left. Returns code, output and errors."""
        out, error = self.process.communicate(timeout=ENDS_WITHIN)
        assert eventually(lambda: not any(map(is_alive, self.family.values())))
        assert eventually(lambda: not any(map(os.path.exists, self.semaphores)))
        assert list(self.command.temporary.iterdir()) == []
        return self.process.returncode, out, error

    def end_interrupted(self) -> None:
        """Wait for its end, and check that it was interrupted and left nothing."""
        assert self.end() == (130, "", NOTHING_WRITTEN)
        assert list(self.command.out.iterdir()) == []


Make = Callable[..., Command]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a command of the command line, with data to work on."""
    dataset = tmp_path / "data.jsonl"
    dataset.write_bytes(sample_bytes("small", shapes=["short-chat"]))
    started: list[subprocess.Popen[str]] = []

    def build(name: str, *options: str) -> Command:
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        arguments = [name, "--tokenizer", TOKENIZER, "--quiet"]
        if name != "growth":
            arguments += [str(dataset), "--workers", "2"]
        arguments += ["--out", str(out / "isl.csv" if name == "count" else out)]
        return Command((*arguments, *options), out, temporary, started)

    # A short path, because the path of a socket in it has a limit.
    with TemporaryDirectory() as short:
        temporary = Path(short)
        yield build
        for process in started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


COUNT = ("count", "--strategy", "process-pool")
COMPARE = ("compare", "--strategies", "process-pool,rust", "--rounds", "500")
GROWTH = ("growth", "--strategy", "process-pool", "--rounds", "500")


@pytest.mark.parametrize(
    ("command", "gap"),
    [(COUNT, 0.05), (COMPARE, 0), (COMPARE, 0.05), (COMPARE, 0.5), (GROWTH, 0.05)],
    ids=lambda value: value[0] if isinstance(value, tuple) else str(value),
)
def test_a_command_that_is_interrupted_twice_ends(
    command: Sequence[str], gap: float, make: Make
) -> None:
    running = make(*command).start()
    # A comparison has a resource tracker, a server of jobs and a job, the others have a resource
    # tracker, a fork server and workers.
    assert eventually(lambda: len(psutil.Process(running.process.pid).children(True)) >= 3, 60)
    running.send(signal.SIGINT, signal.SIGINT, gap=gap)
    running.end_interrupted()


def test_sigterm_ends_a_comparison_that_was_interrupted(make: Make) -> None:
    running = make(*COMPARE).start()
    assert eventually(lambda: len(psutil.Process(running.process.pid).children(True)) >= 3, 60)
    running.send(signal.SIGINT, signal.SIGTERM, gap=0.05)
    running.end_interrupted()


def test_a_job_that_has_to_be_killed_leaves_no_file_and_no_semaphore(make: Make) -> None:
    running = make("compare", "--strategies", "process-pool", "--rounds", "500").start()

    def job_has_a_pool() -> bool:
        running.look()
        return len(running.semaphores) >= 5

    assert eventually(job_has_a_pool, 60)
    server = next(
        child
        for child in psutil.Process(running.process.pid).children()
        if any("spawn_main" in word for word in child.cmdline())
    )
    # Its only child is the job, which now cannot hear that it is to end.
    server.children()[0].suspend()
    running.send(signal.SIGINT)
    running.end_interrupted()


# --- interruptions that nobody hears ----------------------------------------------------

DEAF = """
import hashlib, multiprocessing, os, sys, time
from pathlib import Path
from bench import cli, interruption
from bench.cli.commands import commands
from bench.reporting.output import write_whole
interruption.SAME_INTERRUPTION_SECONDS = 0.5
def write(file):
    file.write(b"half")
    file.flush()
    print("ready", file=sys.stderr, flush=True)
    # It takes minutes, and does not return to Python.
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
def work(*_):
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,)).start()
    write_whole(Path(sys.argv[1]), write)
if __name__ == "__main__":
    commands.make_context = work
    cli.main()
"""
LOSES = """
import os, signal, sys
from pathlib import Path
from bench import cli
from bench.cli.commands import commands
from bench.reporting.output import write_bytes
def work(*_):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except BaseException:
        "A library that catches everything."
    write_bytes(Path(sys.argv[1]), b"whole")
commands.make_context = work
cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_hears_nothing_is_ended_with_all_that_it_has(
    number: signal.Signals, tmp_path: Path
) -> None:
    out = tmp_path / "file"
    process = subprocess.Popen(
        [sys.executable, "-c", DEAF, out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    deaf = psutil.Process(process.pid)
    (child,) = deaf.children()
    # Only the long call uses the processor now.
    used = deaf.cpu_times().user
    assert eventually(lambda: deaf.cpu_times().user > used + 0.2)
    process.send_signal(number)
    try:
        stdout, stderr = process.communicate(timeout=ENDS_WITHIN)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, stdout, stderr) == (130, "", NOTHING_WRITTEN)
    assert list(tmp_path.iterdir()) == []
    assert eventually(lambda: not is_alive(child))


def test_an_interruption_that_a_library_lost_counts_before_anything_is_written(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOSES, tmp_path / "file"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", NOTHING_WRITTEN)
    assert list(tmp_path.iterdir()) == []


# --- reading ----------------------------------------------------------------------------


def blank_lines(path: Path, mebibytes: int) -> Path:
    """Write a gzip file of blank lines."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(mebibytes):
            file.write(b"\n" * (1 << 20))
    return path


@pytest.mark.parametrize("place", range(1, 5))
def test_an_interruption_while_a_gzip_file_is_read_is_no_other_error(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = blank_lines(tmp_path / "blank.jsonl.gz", 2)
    asked = 0

    def interrupted(file: gzip.GzipFile) -> bool:
        nonlocal asked
        asked += 1
        if asked == place:
            signal.raise_signal(signal.SIGINT)
        return file.fileobj is None

    monkeypatch.setattr(gzip.GzipFile, "closed", property(interrupted))
    with pytest.raises(KeyboardInterrupt):
        list(read_records(blank))


def test_ctrl_c_while_a_gzip_file_is_read(make: Make, tmp_path: Path) -> None:
    blank = blank_lines(tmp_path / "blank.jsonl.gz", 64)
    command = make("count", "--strategy", "sequential")
    arguments = [str(blank) if each.endswith("data.jsonl") else each for each in command.arguments]
    running = Command(tuple(arguments), command.out, command.temporary, command.started).start()

    assert eventually(lambda: takes_signals(running.process.pid))
    # The imports take a second, and the lines ten.
    time.sleep(2)
    running.send(signal.SIGINT, signal.SIGINT, gap=0.05)
    running.end_interrupted()


# --- random signals ---------------------------------------------------------------------

ATTACKED: dict[str, list[tuple[str, ...]]] = {
    "count": [
        ("count", "--strategy", name)
        for name in ("auto", "process-pool", "thread-pool", "sequential")
    ],
    "compare": [
        ("compare", "--strategies", names, "--rounds", "1")
        for names in ("process-pool,rust", "thread-pool", "rust")
    ],
}


Whole = dict[tuple[str, ...], tuple[float, list[str]]]
"""Seconds that a command takes if it is left alone, and the files that it writes."""


def attack(name: str, number: int, make: Make, known: Whole) -> int:
    """Send one or two random signals at a random moment. Returns the exit code.

    Parameters
    ----------
    name
        The command.
    number
        Seed of the choice.
    make
        Makes the command.
    known
        What is known about commands; it is added to.
    """
    dice = random.Random(f"{name} {number}")  # noqa: S311  # no secret
    command = make(*dice.choice(ATTACKED[name]), "--json")
    first, second = dice.choices((signal.SIGINT, signal.SIGTERM), k=2)
    signals = (first, second) if dice.random() < 0.5 else (first,)
    gap = dice.choice([0, 0.05, dice.random()])
    group = first == signal.SIGINT
    if command.arguments not in known:
        began = time.monotonic()
        code, out, _ = command.start().end()
        assert code == 0
        assert json.loads(out)
        known[command.arguments] = time.monotonic() - began, files(command.out)
    seconds, whole = known[command.arguments]
    for path in command.out.iterdir():
        path.unlink()

    running = command.start()
    # Until then signals are handled by the interpreter, which is still starting.
    assert eventually(lambda: takes_signals(running.process.pid))
    moment = time.monotonic() + dice.random() * seconds
    while time.monotonic() < moment:
        running.look()
        time.sleep(min(0.05, max(0, moment - time.monotonic())))
    running.send(*signals, gap=gap, group=group)
    code, out, error = running.end()
    written = files(command.out)
    if code == 0:
        assert written == whole
        assert json.loads(out)
    elif written:
        # A comparison keeps the settings that are measured.
        report = command.out / "report.json"
        kept = f"bench: interrupted; {report} has 1 of 1 setting; --resume goes on\n"
        assert (name, code, out, error, written) == ("compare", 130, "", kept, [report.name])
        assert read_report(report).unfinished == []
    else:
        assert (code, out, error) == (130, "", NOTHING_WRITTEN)
    return code


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def takes_signals(pid: int) -> bool:
    """Whether a process has a handler for SIGTERM, or has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return True
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return bool(int(fields.get("SigCgt", "-1"), 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("name", ATTACKED)
def test_random_signals_end_a_command_or_change_nothing(name: str, make: Make) -> None:
    attack(name, 0, make, {})


@pytest.mark.attack
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", ATTACKED)
def test_a_hundred_random_signals_end_a_command_or_change_nothing(name: str, make: Make) -> None:
    known: Whole = {}
    codes = Counter(attack(name, number, make, known) for number in range(100))
    # Seen with -s.
    print(f"{name}: exit codes {dict(codes)}")
