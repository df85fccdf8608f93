"""A system that starts no thread, and numbers of workers that nobody can mean: one line each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.bundled import tokenizer_path
from bench.measuring.plan import Plan
from bench.samples import sample_bytes
from strategies import MAX_WORKERS, Conversation, InputError, chat_spec, count, verify
from tests.conftest import Bench, Result, bundled_chat
from tests.refusal import threads_can_be_refused

needs_refusal = pytest.mark.skipif(
    not threads_can_be_refused(), reason="the kernel takes no filter of system calls"
)
ROOT = Path(__file__).parents[1]
TOKENIZER = str(tokenizer_path("unigram"))
COMMAND = """
from tests.refusal import refuse_threads
from bench.cli import main
refuse_threads()
main()
"""
OPENED = """
from bench.bundled import tokenizer_path
from bench.samples import sample_bytes
from strategies import WorkerError, get, load_chat, parse_conversations
from tests.refusal import refuse_threads
chat = load_chat(tokenizer_path("unigram"))
data = parse_conversations(sample_bytes("small"), name="small.jsonl")[:2]
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A small dataset as a file."""
    path = tmp_path / "data.jsonl"
    path.write_bytes(sample_bytes("small", shapes=["short-chat"]))
    return path


def run(code: str, *arguments: object) -> Result:
    """Run code in a new interpreter that finds the tests."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@needs_refusal
@pytest.mark.parametrize(
    ("strategy", "whose"),
    [
        ("thread-pool", "3 threads of thread-pool"),
        ("process-pool", "3 processes of process-pool, or threads,"),
        ("batched", "threads of the tokenizers library"),
        ("spliced", "threads of the tokenizers library"),
        ("rust", "threads of rust"),
        ("auto", "threads of rust"),
    ],
)
def test_a_count_without_threads_is_one_line(strategy: str, whose: str, data: Path) -> None:
    out = data.with_name("isl.csv")
    command = ["count", data, "--tokenizer", TOKENIZER, "--strategy", strategy, "--workers", 3]
    result = run(COMMAND, *command, "--on-error", "skip", "--out", out)
    reason = f"bench: the {whose} cannot be started: can't start new thread\n"
    assert result == Result(3, "", reason)
    assert not out.exists()


@needs_refusal
def test_what_needs_no_thread_works_without(data: Path) -> None:
    command = ["count", data, "--tokenizer", TOKENIZER, "--strategy", "sequential", "--quiet"]
    assert run(COMMAND, *command) == Result(0, "", "")


@needs_refusal
def test_a_comparison_without_threads_is_one_line(data: Path) -> None:
    command = ["compare", data, "--tokenizer", TOKENIZER, "--rounds", 1, "--out", data.parent / "r"]
    reason = "bench: the thread that samples memory cannot be started: can't start new thread\n"
    assert run(COMMAND, *command) == Result(3, "", reason)


@needs_refusal
def test_threads_of_the_core_that_are_refused_in_a_call_are_an_error() -> None:
    code = f"""{OPENED}
with get("rust").open(chat, workers=2) as counter:
    refuse_threads()
    try:
        counter.count(data)
    except WorkerError as error:
        print(error)
"""
    result = run(code)
    assert (result.code, result.error) == (0, "")
    assert result.out.startswith("the threads of rust cannot be started: ")


@needs_refusal
@pytest.mark.parametrize("strategy", ["batched", "spliced"])
def test_a_library_that_panics_without_threads_skips_no_turn(strategy: str) -> None:
    code = f"""{OPENED}
from strategies.runtime.parallelism import library_threads
with library_threads(2):
    "Here the threads could still be started."
with get({strategy!r}).open(chat, workers=2) as counter:
    refuse_threads()
    try:
        print(counter.count(data, on_error="skip"))
    except WorkerError as error:
        print(error)
"""
    result = run(code)
    assert result.code == 0
    assert result.out.startswith("the threads of the tokenizers library cannot be started: ")


@needs_refusal
def test_a_worker_process_without_a_second_thread_is_an_error_and_no_hang() -> None:
    code = f"""{OPENED}
import os
from strategies.process_pool import ProcessPool
os.register_at_fork(after_in_child=refuse_threads)
try:
    with ProcessPool(start_method="fork").open(chat, workers=2):
        print("opened")
except WorkerError as error:
    print(error)
"""
    reason = "the 2 processes of process-pool cannot be started: one of them cannot start a thread"
    assert run(code) == Result(0, f"{reason}\n", "")


@needs_refusal
@pytest.mark.parametrize("first", ["refuse", "wait"])
def test_work_goes_on_without_the_thread_of_its_bar(first: str) -> None:
    code = f"""
import io, time
from rich.console import Console
from bench.cli import progress
from tests.refusal import refuse_threads
progress.SHOWN_AFTER_SECONDS = 0.2
console = Console(file=io.StringIO(), force_terminal=True, force_interactive=True)
if {first == "refuse"}:
    refuse_threads()
with progress.progress_bar(console, "working", 2) as advance:
    refuse_threads()
    advance(1)
    time.sleep(1)
    advance(1)
print("done")
"""
    assert run(code) == Result(0, "done\n", "")


# --- numbers of workers -----------------------------------------------------------------


@pytest.mark.parametrize("workers", [-1, MAX_WORKERS + 1, 70_000])
def test_a_number_of_workers_out_of_range_is_refused(
    workers: int, sample: list[Conversation]
) -> None:
    chat = bundled_chat("unigram")
    told = f"workers: {workers} is no number of workers; it is from 1 to 1024"
    with pytest.raises(InputError, match=told):
        count(sample, chat, workers=workers)
    with pytest.raises(InputError, match=told):
        verify("sequential", sample, chat, workers=workers)
    with pytest.raises(InputError, match=told):
        Plan((chat_spec(TOKENIZER),), ("rust",), (1,), (1, workers), 1, 1, 0, "raise")


@pytest.mark.parametrize("command", ["count", "compare", "growth"])
def test_each_command_refuses_it_in_one_line(command: str, data: Path, bench: Bench) -> None:
    dataset = [] if command == "growth" else [data]
    result = bench(command, *dataset, "--tokenizer", TOKENIZER, "--workers", 70_000)
    assert (result.code, result.out) == (3, "")
    assert len(result.error.splitlines()) == 1
    assert "70000" in result.error
    assert "1024" in result.error
