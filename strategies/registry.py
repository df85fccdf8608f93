"""The strategies by name: the built-in ones, and those of other packages.

A built-in strategy is one line in `BUILTIN`. Another package registers its strategies under
the entry point group `isl_bench.strategies`; each entry is a strategy, or a callable without
arguments that makes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from strategies.contract import Counter, Strategy
from strategies.errors import InputError, UnavailableError, one_line
from strategies.runtime.workers import checked_workers

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from importlib.metadata import EntryPoint

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


def names() -> tuple[str, ...]:
    """Return the names of all strategies, with controls, the built-in ones first."""
    return (*BUILTIN, *(name for name in _plugins() if name not in BUILTIN))


@cache
def get(name: str) -> Strategy:
    """Return the strategy of that name.

    Raises
    ------
    InputError
        If there is none, with a list of those that exist. Also if its line in `BUILTIN`
        is wrong, or the package that brings it cannot be loaded.
    """
    if name in BUILTIN:
        return _load_builtin(name, BUILTIN[name])
    if name not in _plugins():
        raise InputError(f"unknown strategy {name!r}; there are {', '.join(names())}")
    return _load_plugin(_plugins()[name])


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


def _plugins() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def _load_builtin(name: str, where: str) -> Strategy:
    """Return the strategy of a line in `BUILTIN`, or say what is wrong with the line."""
    module, _, attribute = where.partition(":")
    wrong = f"strategy {name!r} is registered as {where!r}, but "
    try:
        made = getattr(import_module(module), attribute)()
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            # The module is there; something that it imports is not.
            raise
        raise InputError(f"{wrong}there is no module {module}") from error
    except AttributeError as error:
        if error.name != attribute:
            raise
        raise InputError(f"{wrong}{module} has no {attribute!r}") from error
    if not _is_strategy(made):
        raise InputError(f"{wrong}it lacks name, summary, availability or open")
    strategy = cast("Strategy", made)
    if strategy.name != name:
        raise InputError(f"{wrong}it calls itself {strategy.name!r}")
    return strategy


def _load_plugin(point: EntryPoint) -> Strategy:
    brought_by = point.dist.name if point.dist else "an unknown package"
    try:
        loaded = point.load()
        strategy = loaded() if isinstance(loaded, type) or not _is_strategy(loaded) else loaded
    except Exception as error:
        raise InputError(
            f"strategy {point.name!r} of {brought_by} cannot be loaded: "
            f"{type(error).__name__}: {one_line(error)}"
        ) from error
    if not _is_strategy(strategy):
        raise InputError(
            f"strategy {point.name!r} of {brought_by} lacks name, summary, availability or open"
        )
    return cast("Strategy", strategy)


def _is_strategy(thing: object) -> bool:
    return isinstance(thing, Strategy)
