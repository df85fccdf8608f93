"""The strategies by name: the built-in ones, and those of other packages.

A built-in strategy is one line in `BUILTIN`. Another package registers its strategies under
the entry point group `isl_bench.strategies`; each entry is a strategy, or a callable without
arguments that makes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from strategies.contract import Counter, Strategy
from strategies.errors import UnavailableError, one_line
from strategies.plugins import Plugins
from strategies.runtime.workers import checked_workers

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from strategies.chat.tokenizer import ChatTokenizer

GROUP = "isl_bench.strategies"

# In the order in which tables show them. Named by module, so that listing imports nothing.
BUILTIN = {
    "sequential": "strategies.sequential:Sequential",
    "thread-pool": "strategies.thread_pool:ThreadPool",
    "process-pool": "strategies.process_pool:ProcessPool",
    "batched": "strategies.batched:Batched",
    "spliced": "strategies.spliced:Spliced",
    "rust": "strategies.native:Rust",
    "auto": "strategies.auto:Auto",
    "gigatoken": "strategies.peers.gigatoken:gigatoken",
    "fastokens": "strategies.peers.fastokens:fastokens",
    "snaptokens": "strategies.peers.snaptokens:snaptokens",
    "tokie": "strategies.peers.tokie:tokie",
    "kitoken": "strategies.peers.kitoken:kitoken",
    "splintr-rs": "strategies.peers.splintr_rs:splintr_rs",
    "iree-tokenizer": "strategies.peers.iree_tokenizer:iree_tokenizer",
    "tokenizers-1.0": "strategies.peers.tokenizers_1:Tokenizers1",
    "spliced-alone": "strategies.spliced:SplicedAlone",
}


_STRATEGIES: Plugins[Strategy] = Plugins(
    "strategy",
    GROUP,
    BUILTIN,
    lambda thing: isinstance(thing, Strategy),
    "name, summary, availability or open",
)


def names() -> tuple[str, ...]:
    """Return the names of all strategies, with controls, the built-in ones first."""
    return _STRATEGIES.names()


@cache
def get(name: str) -> Strategy:
    """Return the strategy of that name.

    Raises
    ------
    InputError
        If there is none, with a list of those that exist. Also if its line in `BUILTIN`
        is wrong, or the package that brings it cannot be loaded.
    """
    return _STRATEGIES.get(name)


def is_control(strategy: Strategy) -> bool:
    """Whether the strategy is wrong on purpose, so that checks can be seen to fail."""
    return bool(getattr(strategy, "control", False))


def is_peer(strategy: Strategy) -> bool:
    """Whether the strategy stands for another library, whose counts nothing proves right."""
    return bool(getattr(strategy, "peer", False))


def availability(strategy: Strategy, chat: ChatTokenizer) -> str | None:
    """Return the strategy's own answer; if it raises, the exception is the reason."""
    try:
        return strategy.availability(chat)
    except Exception as error:
        return f"its availability raises {type(error).__name__}: {one_line(error)}"


@contextmanager
def open_available(strategy: Strategy, chat: ChatTokenizer, workers: int) -> Iterator[Counter]:
    """Open a strategy after asking whether it can run.

    Parameters
    ----------
    strategy
        The strategy.
    chat
        The tokenizer to count with.
    workers
        Threads or processes.

    Raises
    ------
    UnavailableError
        With the strategy's reason, if it cannot.
    InputError
        If it is less than one worker, or more than `MAX_WORKERS`.
    """
    workers = checked_workers(workers)
    reason = availability(strategy, chat)
    if reason is not None:
        raise UnavailableError(f"{strategy.name} cannot run with {chat.name}: {reason}")
    opened: AbstractContextManager[Counter] = strategy.open(chat, workers=workers)
    with opened as counter:
        yield counter
