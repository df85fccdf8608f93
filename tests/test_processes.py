"""Worker processes may be killed, interrupted or orphaned: nothing hangs and no process stays."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import resource_tracker
from pathlib import Path

import psutil
import pytest

from bench.bundled import tokenizer_path
from bench.samples import sample_bytes
from strategies import Conversation, InputError, WorkerError, count, get, read_conversations
from strategies.process_pool import START_METHOD_VARIABLE, ProcessPool
from tests.conftest import BENCH, bundled_chat, eventually, is_alive


@pytest.fixture(scope="module")
def regular(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The regular sample as a file: seconds of work for a pool."""
    path = tmp_path_factory.mktemp("sample") / "regular.jsonl"
    path.write_bytes(sample_bytes("regular"))
    return path


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_every_start_method_counts_the_same(method: str, sample: list[Conversation]) -> None:
    chat = bundled_chat("unigram")
    some = sample[::6]
    with ProcessPool(start_method=method).open(chat, workers=2) as counter:
        assert getattr(counter, "note", None) == f"start method {method}"
        assert counter.count(some) == count(some, chat, "sequential")


def test_the_start_method_can_be_set_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(START_METHOD_VARIABLE, "teleport")
    with (
        pytest.raises(InputError, match="ISL_BENCH_START_METHOD: unknown start method 'teleport'"),
        get("process-pool").open(bundled_chat("unigram"), workers=1),
    ):
        pass


def test_a_killed_worker_is_a_clear_error_and_no_hang(regular: Path) -> None:
    before = {child.pid for child in descendants(os.getpid())}
    data = read_conversations(regular)
    killed: list[int] = []

    def kill_one(_done: int) -> None:
        if not killed:
            workers = [c for c in descendants(os.getpid()) if c.pid not in before and is_worker(c)]
            workers[0].send_signal(signal.SIGKILL)
            killed.append(workers[0].pid)

    with (
        pytest.raises(WorkerError, match="a worker process of process-pool died"),
        get("process-pool").open(bundled_chat("bpe-chatml"), workers=2) as counter,
    ):
        counter.count(data, progress=kill_one)
    assert killed
    assert eventually(
        lambda: not any(is_worker(c) for c in descendants(os.getpid()) if c.pid not in before)
    )


def test_the_last_worker_killed_while_it_starts_is_a_clear_error_and_no_hang(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_bytes(sample_bytes("small"))
    command = ["count", str(data), "--tokenizer", str(tokenizer_path("unigram"))]
    process = subprocess.Popen(
        [*BENCH, *command, "--strategy", "process-pool", "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, START_METHOD_VARIABLE: "spawn"},
    )
    # Resource tracker and two workers, in the order in which they were started.
    assert eventually(lambda: len(descendants(process.pid)) == 3)
    max(descendants(process.pid), key=lambda child: child.pid).kill()
    try:
        stdout, stderr = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, stdout) == (3, "")
    assert stderr.startswith("bench: a worker process of process-pool died before it answered")
    assert len(stderr.splitlines()) == 1


@pytest.mark.parametrize("free", [10, 30], ids=["none starts", "some start"])
def test_processes_that_the_system_refuses_are_an_error(free: int) -> None:
    chat = bundled_chat("unigram")
    # It may start with the first process, and then it stays.
    resource_tracker.ensure_running()
    before = {child.pid for child in descendants(os.getpid())}
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_free = os.dup(0)
    os.close(first_free)
    message = "the 20 processes of process-pool cannot be started: Too many open files"
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free + free, limits[1]))
    try:
        with (
            pytest.raises(WorkerError, match=message),
            ProcessPool(start_method="fork").open(chat, workers=20),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert eventually(lambda: not {c.pid for c in descendants(os.getpid())} - before)


def test_a_thread_that_the_system_refuses_is_an_error_and_no_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def start_one(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    chat = bundled_chat("unigram")
    monkeypatch.setattr(threading.Thread, "start", start_one)
    with (
        pytest.raises(WorkerError, match="the 2 threads of thread-pool cannot be started: can't"),
        get("thread-pool").open(chat, workers=2),
    ):
        pass
    assert not started[0].is_alive()


def is_worker(process: psutil.Process) -> bool:
    """Whether a process is a worker, and not the fork server or the resource tracker."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        parent = process.parent()
        return parent is not None and parent.pid != os.getpid()
    except psutil.NoSuchProcess:
        return False


def start_count(regular: Path, out: Path) -> subprocess.Popen[str]:
    """Start a count in a pool, in a process group of its own, and wait for its workers."""
    command = ["count", str(regular), "--tokenizer", str(tokenizer_path("bpe-chatml"))]
    command += ["--strategy", "process-pool", "--workers", "2", "--out", str(out)]
    process = subprocess.Popen(
        [*BENCH, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    # The fork server, the resource tracker, and two workers that load the tokenizer.
    assert eventually(lambda: len(descendants(process.pid)) >= 4)
    return process


@pytest.mark.parametrize("target", ["group", "parent"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_count_leaves_nothing(
    number: signal.Signals, target: str, regular: Path, tmp_path: Path
) -> None:
    out = tmp_path / "isl.parquet"
    process = start_count(regular, out)
    family = descendants(process.pid)
    # Ctrl-C in a terminal reaches the whole group, `kill` the parent alone.
    (os.killpg if target == "group" else os.kill)(process.pid, number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == "bench: interrupted; nothing was written\n"
    assert stdout == ""
    assert list(tmp_path.iterdir()) == []
    assert eventually(lambda: not any(map(is_alive, family)))


def test_workers_go_when_their_parent_is_killed(regular: Path, tmp_path: Path) -> None:
    process = start_count(regular, tmp_path / "isl.parquet")
    family = descendants(process.pid)
    process.kill()
    process.communicate(timeout=60)
    assert eventually(lambda: not any(map(is_alive, family)))


def test_an_interrupted_comparison_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "report"
    process = subprocess.Popen(
        [*BENCH, "compare", "--sample", "regular", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert eventually(lambda: len(descendants(process.pid)) >= 2)
    family = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == "bench: interrupted; nothing was written\n"
    assert list(out.iterdir()) == []
    assert eventually(lambda: not any(map(is_alive, family)))


@pytest.mark.parametrize("gap", [0.02, 0.1, 0.5])
def test_a_comparison_interrupted_twice_ends_and_leaves_nothing(gap: float, tmp_path: Path) -> None:
    out = tmp_path / "report"
    command = ["compare", "--strategies", "process-pool,rust", "--rounds", "1"]
    command += ["--tokenizer", str(tokenizer_path("bpe-chatml")), "--out", str(out)]
    process = subprocess.Popen(
        [*BENCH, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        # The resource tracker, the process that forks for jobs, a job, and its workers.
        assert eventually(lambda: len(descendants(process.pid)) >= 6, seconds=120)
        family = descendants(process.pid)
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(gap)
        _, stderr = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert stderr == "bench: interrupted; nothing was written\n"
    assert list(out.iterdir()) == []
    assert eventually(lambda: not any(map(is_alive, family)))


INTERRUPTED_TWICE = """
import atexit, os, signal
from bench import cli
from bench.cli.commands import commands
def interrupt(*_):
    raise KeyboardInterrupt
commands.make_context = interrupt
atexit.register(os.kill, os.getpid(), signal.SIGINT)
cli.main()
"""
INTERRUPTED_IN_A_DESTRUCTOR = """
import time
from bench import cli
from bench.cli.commands import commands
class Interrupted:
    def __del__(self):
        raise KeyboardInterrupt
commands.make_context = lambda *_: Interrupted() and None or time.sleep(10)
cli.main()
"""
TERMINATED_IN_THE_BACKGROUND_OF_A_SCRIPT = f"""
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
{INTERRUPTED_IN_A_DESTRUCTOR}"""
INTERRUPTED_IN_C_THAT_LOSES_IT = """
import os, signal
from bench import cli
from bench.cli.commands import commands
def lose(*_):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except KeyboardInterrupt:
        raise SystemError("returned NULL without setting an exception") from None
commands.make_context = lose
cli.main()
"""
INTERRUPTED_WHILE_IT_IMPORTS = """
import sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "click":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from bench.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "code",
    [
        INTERRUPTED_TWICE,
        INTERRUPTED_IN_A_DESTRUCTOR,
        TERMINATED_IN_THE_BACKGROUND_OF_A_SCRIPT,
        INTERRUPTED_IN_C_THAT_LOSES_IT,
        INTERRUPTED_WHILE_IT_IMPORTS,
    ],
)
def test_an_interruption_is_one_line_whenever_it_comes(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "bench: interrupted; nothing was written\n"


FINISHED = """
import os, signal, sys
from bench import cli
from bench.cli import count
from bench.reporting import output
number = signal.Signals[sys.argv.pop(1)]
place = sys.argv.pop(1)
def signalled(function):
    def call(*given):
        result = function(*given)
        os.kill(os.getpid(), number)
        return result
    return call
if place == "named":
    output.Path.replace = signalled(output.Path.replace)
elif place == "printed":
    count.click.echo = signalled(count.click.echo)
else:
    import atexit
    atexit.register(os.kill, os.getpid(), number)
cli.main()
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("place", ["named", "printed", "ended"])
def test_a_signal_changes_nothing_about_work_that_is_done(
    place: str, number: str, tmp_path: Path
) -> None:
    data, out = tmp_path / "data.jsonl", tmp_path / "isl.csv"
    data.write_text('{"messages": [{"role": "user", "content": "Hello"}]}')
    command = ["count", str(data), "--tokenizer", str(tokenizer_path("unigram")), "--json"]
    command += ["--strategy", "sequential"]
    done = subprocess.run(
        [sys.executable, "-c", FINISHED, number, place, *command, "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["turns"] == 1
    assert len(out.read_text().splitlines()) == 2


def test_a_late_signal_ends_a_command_whose_output_nobody_reads() -> None:
    code = """
import sys, time
from bench import cli
from bench import interruption
from bench.cli.commands import commands
interruption.SAME_INTERRUPTION_SECONDS = 0.5
def block(*_):
    interruption.INTERRUPTION.begin_output()
    print("begun", file=sys.stderr, flush=True)
    while True:
        time.sleep(0.1)
commands.make_context = block
cli.main()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, "bench: interrupted; output is not complete\n")
