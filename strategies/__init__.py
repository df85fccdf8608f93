"""Ways to compute the input sequence length (ISL) of every turn of a conversation.

A name is imported when it is first used, so that a program pays only for what it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strategies.batch_counter import CountTurns
    from strategies.chat.spec import ChatSpec, chat_spec
    from strategies.chat.tokenizer import ChatTokenizer, load_chat
    from strategies.contract import Counter, Strategy
    from strategies.conversations.assembly import Reject
    from strategies.conversations.conversation import (
        Conversation,
        Message,
        Tool,
        client_turns,
        count_turns,
    )
    from strategies.conversations.counts import Counts, OnError, Progress
    from strategies.conversations.datasets import (
        Conversations,
        parse_conversations,
        read_conversations,
    )
    from strategies.counting import count_with
    from strategies.errors import (
        InputError,
        IslError,
        IslWarning,
        TurnError,
        UnavailableError,
        WorkerError,
    )
    from strategies.hints import hinted
    from strategies.linting.lint import Lint, lint
    from strategies.plain import reference_counts
    from strategies.registry import availability, get, is_control, is_peer, names, open_available
    from strategies.repetition import Amplification, amplification
    from strategies.runtime.cores import available_cores
    from strategies.runtime.workers import MAX_WORKERS
    from strategies.sessions import Held, Session, session
    from strategies.streaming import Row, stream
    from strategies.traces import traceless
    from strategies.verification import Mismatch, Verification, verify

__all__ = [
    "MAX_WORKERS",
    "Amplification",
    "ChatSpec",
    "ChatTokenizer",
    "Conversation",
    "Conversations",
    "CountTurns",
    "Counter",
    "Counts",
    "Held",
    "InputError",
    "IslError",
    "IslWarning",
    "Lint",
    "Message",
    "Mismatch",
    "OnError",
    "Progress",
    "Reject",
    "Row",
    "Session",
    "Strategy",
    "Tool",
    "TurnError",
    "UnavailableError",
    "Verification",
    "WorkerError",
    "amplification",
    "availability",
    "available_cores",
    "chat_spec",
    "client_turns",
    "count",
    "count_turns",
    "count_with",
    "get",
    "hinted",
    "is_control",
    "is_peer",
    "lint",
    "load_chat",
    "names",
    "open_available",
    "parse_conversations",
    "read_conversations",
    "reference_counts",
    "session",
    "stream",
    "traceless",
    "verify",
]

_PLACES = {
    "Amplification": "strategies.repetition",
    "ChatSpec": "strategies.chat.spec",
    "ChatTokenizer": "strategies.chat.tokenizer",
    "Conversation": "strategies.conversations.conversation",
    "Conversations": "strategies.conversations.datasets",
    "CountTurns": "strategies.batch_counter",
    "Counter": "strategies.contract",
    "Counts": "strategies.conversations.counts",
    "Held": "strategies.sessions",
    "InputError": "strategies.errors",
    "IslError": "strategies.errors",
    "IslWarning": "strategies.errors",
    "MAX_WORKERS": "strategies.runtime.workers",
    "Lint": "strategies.linting.lint",
    "Message": "strategies.conversations.conversation",
    "Mismatch": "strategies.verification",
    "OnError": "strategies.conversations.counts",
    "Progress": "strategies.conversations.counts",
    "Reject": "strategies.conversations.assembly",
    "Row": "strategies.streaming",
    "Session": "strategies.sessions",
    "Strategy": "strategies.contract",
    "Tool": "strategies.conversations.conversation",
    "TurnError": "strategies.errors",
    "UnavailableError": "strategies.errors",
    "Verification": "strategies.verification",
    "WorkerError": "strategies.errors",
    "amplification": "strategies.repetition",
    "availability": "strategies.registry",
    "available_cores": "strategies.runtime.cores",
    "chat_spec": "strategies.chat.spec",
    "client_turns": "strategies.conversations.conversation",
    "count_turns": "strategies.conversations.conversation",
    "count_with": "strategies.counting",
    "get": "strategies.registry",
    "hinted": "strategies.hints",
    "is_control": "strategies.registry",
    "is_peer": "strategies.registry",
    "lint": "strategies.linting.lint",
    "load_chat": "strategies.chat.tokenizer",
    "names": "strategies.registry",
    "open_available": "strategies.registry",
    "parse_conversations": "strategies.conversations.datasets",
    "read_conversations": "strategies.conversations.datasets",
    "reference_counts": "strategies.plain",
    "session": "strategies.sessions",
    "stream": "strategies.streaming",
    "traceless": "strategies.traces",
    "verify": "strategies.verification",
}
"""The module of each name."""


def count(
    conversations: Iterable[Conversation],
    chat: ChatTokenizer,
    strategy: str | Strategy = "auto",
    workers: int | None = None,
    *,
    on_error: OnError = "raise",
    progress: Progress | None = None,
) -> Counts:
    """Return the ISL of every turn of every conversation.

    Content that the template leaves out is told by an `IslWarning`.

    Parameters
    ----------
    conversations
        From `read_conversations`, or made by hand. A generator is read once.
    chat
        From `load_chat`.
    strategy
        A strategy or its name. All give the same counts, except the controls (see
        `is_control`), which are wrong on purpose, and the peers (see `is_peer`), whose counts
        are those of another library.
    workers
        Threads or processes, at most `MAX_WORKERS`; by default one for each core that this
        process may use.
    on_error
        ``"raise"`` fails at a turn that has no ISL, ``"skip"`` counts it as None.
    progress
        Called with the number of turns done since the last call.

    Returns
    -------
    list of list of int or None
        For each conversation one count per turn, in tokens.

    Raises
    ------
    InputError
        If the strategy does not exist, or `workers` is less than 1 or more than `MAX_WORKERS`.
        Also if something else than conversations is given, or an iterator yields none.
    UnavailableError
        If it cannot run with this tokenizer.
    TurnError
        For a turn that the template or the tokenizer refuses.
    """
    import warnings

    from strategies.conversations.given import given_conversations
    from strategies.counting import count_with
    from strategies.errors import IslWarning, TurnError
    from strategies.hints import hinted
    from strategies.registry import get, open_available
    from strategies.runtime.cores import available_cores
    from strategies.traces import traceless

    if isinstance(strategy, str):
        strategy = get(strategy)
    conversations = given_conversations(conversations)
    for warning in traceless(conversations, chat):
        warnings.warn(f"{chat.name}: {warning}", IslWarning, stacklevel=2)
    try:
        with open_available(strategy, chat, workers or available_cores()) as counter:
            return count_with(counter, chat, conversations, progress=progress, on_error=on_error)
    except TurnError as error:
        raise hinted(error, conversations, chat) from error


if not TYPE_CHECKING:
    # A type checker would take it for a promise that every name is there.

    def __getattr__(name: str) -> Any:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        value = getattr(import_module(_PLACES[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_PLACES})
