"""What tests share: bundled and real tokenizers, conversations, the choice of strategies."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, settings
from jinja2 import Template

# Set before anything imports the hub's client, so that a test that tries to download fails.
os.environ["HF_HUB_OFFLINE"] = "1"
# A test that is about what is kept between runs names a folder of its own.
os.environ["ISL_BENCH_CACHE"] = "off"

# transformers would say at its first import that PyTorch is not installed. The programs that tests
# start do not get the variable, since tests check what those print.
os.environ["TRANSFORMERS_NO_ADVISORY_WARNINGS"] = "1"
from transformers.utils import chat_template_utils

del os.environ["TRANSFORMERS_NO_ADVISORY_WARNINGS"]

from bench import cli
from bench.bundled import tokenizer_names, tokenizer_path
from bench.samples import sample_bytes
from strategies import (
    ChatTokenizer,
    Conversation,
    TurnError,
    get,
    is_control,
    is_peer,
    load_chat,
    names,
    parse_conversations,
    read_conversations,
)
from strategies.runtime.cores import available_cores

# Tests read the output of commands as plain text, so no variable may ask for colors.
for variable in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(variable, None)

# Every run has the same examples, so that only a change of the code can change the result. To
# search for new examples: --hypothesis-profile=explore.
# How long an example takes says nothing on a busy machine.
UNTIMED: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", derandomize=True, **UNTIMED)
settings.register_profile("explore", max_examples=5000, **UNTIMED)
settings.load_profile("default")

# If a script runs the tests in the background, its shell makes them ignore Ctrl-C. Programs that
# are started here would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

BENCH = [sys.executable, "-c", "from bench.cli import main; main()"]
"""The command line as a process of its own."""


@dataclass(frozen=True, slots=True)
class Result:
    """The exit code, standard output and standard error of a command."""

    code: int
    out: str
    error: str


Bench = Callable[..., Result]

TESTED = pytest.StashKey[list[str]]()
"""The tested strategies: those of --strategies, or all except controls and peers."""

REAL = Path(__file__).parents[2] / "shared" / "real"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strategies", default="", help="Test only these strategies, separated by commas."
    )


def pytest_configure(config: pytest.Config) -> None:
    exact = [name for name in names() if not (is_control(get(name)) or is_peer(get(name)))]
    chosen = config.getoption("--strategies")
    for name in chosen.split(",") if chosen else ():
        if name not in exact:
            raise pytest.UsageError(
                f"--strategies: there is no exact strategy {name!r}; there are {', '.join(exact)}"
            )
    config.stash[TESTED] = chosen.split(",") if chosen else exact


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes ``-n auto`` starts: one more than processors that may be used.

    pytest-xdist would count whole cores, even those that this process may not use. Many a test
    waits for a program that it starts. Each process loads the libraries and tokenizers for
    itself, so more than a few gain little.
    """
    return min(available_cores() + 1, 8)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "strategy_name" in metafunc.fixturenames:
        tested = metafunc.config.stash[TESTED]
        metafunc.parametrize("strategy_name", tested, scope="module")
    if "bundled_name" in metafunc.fixturenames:
        metafunc.parametrize("bundled_name", tokenizer_names(), scope="module")


def real_path(*parts: str) -> Path:
    """Return a path under the real inputs; skip the test if it is absent."""
    path = REAL.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the real inputs are not there: {'/'.join(('shared', 'real', *parts))}")
    return path


@cache
def bundled_chat(name: str, template: str | None = None, messages: str = "vllm") -> ChatTokenizer:
    """Return a bundled tokenizer, loaded once per run."""
    return load_chat(tokenizer_path(name), template=template, messages=messages)


@cache
def real_chat(name: str, template: Path | None = None) -> ChatTokenizer:
    """Return a real tokenizer, loaded once per run."""
    return load_chat(real_path("tokenizers", name), template=template)


@cache
def real_conversations(name: str) -> tuple[Conversation, ...]:
    """Return a real dataset, read once per run."""
    return tuple(read_conversations(real_path("datasets", f"{name}.jsonl")))


@pytest.fixture(scope="session")
def sample() -> list[Conversation]:
    """The small bundled sample."""
    return parse_conversations(sample_bytes("small"), name="small.jsonl")


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Wait until something happens in another process. The limit is generous, not a measure."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def plain_counts(
    chat: ChatTokenizer, conversations: Sequence[Conversation]
) -> list[list[int | None]]:
    """Count by transformers alone, without code of the strategies.

    Only the frozen clock and the messages profile are from this project. Both have tests of their
    own.
    """
    counts: list[list[int | None]] = []
    for given in conversations:
        counts.append([])
        try:
            conversation = chat.serve(given).conversation
        except TurnError:
            # It has no template.
            counts[-1] = [None] * len(given.turns)
            continue
        for k in conversation.turns:
            try:
                ids = chat.tokenizer.apply_chat_template(
                    list(conversation.messages[:k]),
                    tools=None if conversation.tools is None else list(conversation.tools),
                    chat_template=chat.spec.template,
                    tokenize=True,
                    add_generation_prompt=True,
                    return_dict=False,
                    **chat.template_kwargs,
                )
            except BaseException as error:
                # A panic inside the library derives from BaseException.
                if not isinstance(error, Exception) and "Panic" not in type(error).__name__:
                    raise
                counts[-1].append(None)
            else:
                counts[-1].append(len(ids))
        counts[-1] += [None] * (len(given.turns) - len(conversation.turns))
    return counts


def unprepared_template(text: str) -> Template:
    """Return a template as transformers compiles it, before this project gives it limits.

    transformers keeps the prepared ones in a cache, and has no public way around it.
    """
    compiled: Template = chat_template_utils._cached_compile_jinja_template(text)
    return compiled


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Bench]:
    """Run the command line in this process, which has already imported the libraries."""
    # The command sets this for itself. It must not stay for other tests.
    monkeypatch.setenv("RAYON_NUM_THREADS", "1")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONWARNINGS", "ignore:resource_tracker")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # Whatever terminal the tests run in.
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exited:
            cli.main()
        captured = capsys.readouterr()
        assert isinstance(exited.value.code, int)
        return Result(exited.value.code, captured.out, captured.err)

    yield run
    signal.set_wakeup_fd(-1)
    for number, handler in handlers.items():
        signal.signal(number, handler)
