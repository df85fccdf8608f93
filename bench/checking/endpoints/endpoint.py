"""What an endpoint is: a way to ask how many tokens a prompt has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bench.checking.client import Client, UnansweredError
from bench.checking.requests import Request

_MOST_TOKENS = 1 << 31


@dataclass(frozen=True, slots=True)
class Seen:
    """The prompt as a server sees it.

    Parameters
    ----------
    count
        Number of its tokens.
    text
        The prompt, if the server shows it.
    ids
        Its token ids, if the server shows them.
    cached
        How many of the tokens the server took from its cache, if it says so.
    """

    count: int
    text: str | None = None
    ids: tuple[int, ...] | None = None
    cached: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A way to ask.

    Parameters
    ----------
    name
        As `--endpoint` takes it.
    summary
        What it asks, and what it shows.
    ask
        Asks a server. It raises what `Client.post` raises, and `UnansweredError` if the answer
        has no count.
    counts_what_it_ran
        Whether the count is that of a prompt that the model has read, so that a cache may have
        changed it.
    """

    name: str
    summary: str
    ask: Callable[[Client, Request], Awaitable[Seen]]
    counts_what_it_ran: bool = False


def count_in(value: Any, path: str, field: str) -> int:
    """Return a count that a server answered.

    Parameters
    ----------
    value
        As it stands in the answer.
    path, field
        Where it stands, for the error.

    Raises
    ------
    UnansweredError
        If it is no count.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _MOST_TOKENS:
        what = "holds no" if value is None else "holds a wrong"
        raise UnansweredError(f"{path}: the answer {what} {field}")
    return value


def ids_in(value: Any, path: str, field: str) -> tuple[int, ...]:
    """Return token ids that a server answered.

    Parameters
    ----------
    value
        As they stand in the answer.
    path, field
        Where they stand, for the error.

    Raises
    ------
    UnansweredError
        If they are no token ids.
    """
    if not isinstance(value, list) or not value:
        raise UnansweredError(f"{path}: the answer holds no {field}")
    for each in value:
        if isinstance(each, bool) or not isinstance(each, int) or not 0 <= each < _MOST_TOKENS:
            raise UnansweredError(f"{path}: the answer holds wrong {field}")
    return tuple(value)


def field_of(document: Any, *names: str) -> Any:
    """Return what stands in a JSON object under names, one in the other; None if it is not there.

    Parameters
    ----------
    document
        Any JSON value.
    *names
        From the outside to the inside.
    """
    for name in names:
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document
