"""What the suite runs, by name: strategies, tokenizers, cores and conversations.

asv runs today's version of this folder on the project at each commit. Three rules follow:

- Every list here is a literal, because asv hands a benchmark the index of a parameter, not its
  value.
- If a commit lacks something, the cell is n/a. Nothing else stands in for it.
- Data are checked against their digests before they are timed.

Benchmarks ask for everything in `setup`. asv shows n/a for what is missing there, and failed for
what is missing later.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
# Imported once, in the process from which asv forks each measurement.
from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: F401

if TYPE_CHECKING:
    from strategies import ChatTokenizer, Conversation, Counter

STRATEGIES = ["sequential", "thread-pool", "process-pool", "batched", "spliced", "rust", "auto"]
CONTROLS = ["spliced-alone"]
PEERS = [
    "gigatoken",
    "fastokens",
    "snaptokens",
    "tokie",
    "kitoken",
    "splintr-rs",
    "iree-tokenizer",
    "tokenizers-1.0",
]
FAMILIES = ["byte-level BPE", "SentencePiece BPE", "Unigram", "sentencepiece library"]
CORES = [1, 2, 4, 8, 16]
SHAPES = ["short-chat", "agentic", "long"]

CHECKED = ["short-chat", "agentic", "multilingual", "adversarial"]
"""The samples whose counts are checked. The long chat is left out: it is like the short ones,
and its reference takes time that grows with the square of the turns."""

SAMPLES = {
    "short-chat": ("regular", "short-chat", (0,)),
    "agentic": ("small", "agentic", (0, 1, 2, 3)),
    "agentic, large": ("large", "agentic", (0, 1, 2, 3)),
    "long": ("regular", "long", (0,)),
    "multilingual": ("small", "multilingual", (0,)),
    "adversarial": ("small", "adversarial", (0,)),
}
"""Size, shape and seeds of bundled samples. Long is one chat of 94 turns."""

DIGESTS = {
    "short-chat": "345f81be0dbc0b5b",
    "agentic": "2b83c825967c790e",
    "agentic, large": "69ef64afd7a41de3",
    "long": "b25e47d78d2dde1c",
    "multilingual": "b0edb3948301e147",
    "adversarial": "8055205222dcd78c",
    "byte-level BPE": "522e745b3f5c6fcc",
    "SentencePiece BPE": "22c743a9de48f7e9",
    "Unigram": "b6358fee2887a84b",
    "sentencepiece library": "b281654ddf0db7ce",
}
"""SHA-256, shortened, of the conversations of each sample and the tokenizer of each family."""

TIMED_SECONDS = 0.15
"""A call is repeated so often that a sample takes about this long. Samples of less than 0.1 s
give false alarms."""


def version(what_is_timed: int) -> str:
    """Return the version of a benchmark. New data or a raised number start a new series."""
    data = hashlib.sha256(repr(sorted(DIGESTS.items())).encode()).hexdigest()[:12]
    return f"{what_is_timed}-{data}"


def sample(name: str) -> bytes:
    """Return the conversations of a sample as JSON Lines."""
    size, shape, seeds = SAMPLES[name]
    made: Callable[..., bytes] = project("bench.samples").sample_bytes
    return b"".join(made(size, shapes=[shape], seed=seed) for seed in seeds)


def tokenizer(family: str) -> Path:
    """Return the folder of the bundled tokenizer of a family."""
    bundled = project("bench.bundled")
    if family not in bundled.TOKENIZERS:
        raise NotImplementedError(f"no bundled tokenizer of the family {family}")
    path: Path = bundled.tokenizer_path(bundled.TOKENIZERS[family])
    return path


def digest(name: str) -> str:
    """Return the digest of a sample's conversations or of a family's tokenizer."""
    if name in SAMPLES:
        return hashlib.sha256(sample(name)).hexdigest()[:16]
    files = sorted(path for path in tokenizer(name).iterdir() if path.is_file())
    content = b"".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)
    return hashlib.sha256(content).hexdigest()[:16]


def project(*names: str) -> Any:
    """Import a module of the project by the first of its names that this commit has.

    Parameters
    ----------
    names
        Dotted names of one module: first the present one, then older ones.

    Raises
    ------
    NotImplementedError
        If this commit has none of them, which asv shows as n/a.
    """
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            # If the module lacks a library that it needs, that is no sign of an old commit.
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
    raise NotImplementedError(f"this commit has no {' or '.join(names)}")


@cache
def checked(name: str) -> None:
    """Make sure that this commit has the sample or tokenizer that the series is about.

    Raises
    ------
    NotImplementedError
        If this commit has other data under that name.
    """
    if digest(name) != DIGESTS[name]:
        raise NotImplementedError(f"this commit has other data for {name}")


@cache
def conversations(name: str) -> list[Conversation]:
    """Return the conversations of a sample."""
    checked(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.jsonl"
        path.write_bytes(sample(name))
        read: list[Conversation] = project("strategies").read_conversations(path)
    return read


@cache
def chat(family: str) -> ChatTokenizer:
    """Return the tokenizer of a family, loaded."""
    checked(family)
    loaded: ChatTokenizer = project("strategies").load_chat(tokenizer(family))
    return loaded


def require(strategy: str, family: str) -> None:
    """Make sure that a strategy exists at this commit and can run with a tokenizer.

    Raises
    ------
    NotImplementedError
        If it does not exist or cannot run.
    RuntimeError
        If the extension is a debug build, which is never timed.
    """
    strategies = project("strategies")
    if strategy not in strategies.names():
        raise NotImplementedError(f"this commit has no strategy {strategy}")
    profile = project("strategies._native").build_profile
    if profile != "release":
        raise RuntimeError(f"the extension is a {profile} build: nothing it does is timed")
    reason = strategies.get(strategy).availability(chat(family))
    if reason is not None:
        raise NotImplementedError(reason)


def use_cores(count: int) -> None:
    """Keep this process, and all that it starts, on that many cores.

    Raises
    ------
    NotImplementedError
        If the machine has fewer.
    """
    if count > len(available()):
        raise NotImplementedError(f"{count} cores asked for, there are {len(available())}")
    os.sched_setaffinity(0, available()[:count])


_AVAILABLE = os.sched_getaffinity(0)


def available() -> tuple[int, ...]:
    """Return the numbers of the processors that this machine lets the suite use."""
    return tuple(sorted(_AVAILABLE))


def all_cores() -> int:
    """Return the largest of `CORES` that this machine has."""
    return max(count for count in CORES if count <= len(_AVAILABLE))


@cache
def opened(strategy: str, family: str, workers: int) -> Counter:
    """Return an open counter. It stays open until the process of the measurement ends.

    Parameters
    ----------
    strategy, family
        Names of the strategy and of the family of the tokenizer.
    workers
        Threads or processes.
    """
    require(strategy, family)
    # The library reads this when its thread pool starts, at its first use.
    os.environ["RAYON_NUM_THREADS"] = str(workers)
    strategies = project("strategies")
    try:
        counter: Counter = _open.enter_context(
            strategies.get(strategy).open(chat(family), workers=workers)
        )
    except strategies.UnavailableError as error:
        # Some reasons show only when the strategy is opened.
        raise NotImplementedError(str(error)) from error
    return counter


_open = ExitStack()


@cache
def calls_to_time(call: Callable[[], object]) -> int:
    """Warm up, and return how many calls take `TIMED_SECONDS`."""
    taken = seconds(call)
    if taken < 2 * TIMED_SECONDS:
        taken = seconds(call)
    return max(1, math.ceil(TIMED_SECONDS / taken))


def seconds(call: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = perf_counter()
    call()
    return perf_counter() - started


def seconds_per_call(call: Callable[[], object], samples: int = 3) -> float:
    """Return the smallest mean over samples of `TIMED_SECONDS`: it has the least noise."""
    calls = calls_to_time(call)
    means = []
    for _ in range(samples):
        started = perf_counter()
        for _ in range(calls):
            call()
        means.append((perf_counter() - started) / calls)
    return min(means)
