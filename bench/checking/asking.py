"""Asks a server about a sample of turns, some at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.checking.address import Address
from bench.checking.client import Client, UnansweredError
from bench.checking.endpoints.endpoint import Endpoint, Seen
from bench.checking.endpoints.registry import endpoint_for, model_for
from bench.checking.requests import request_of
from bench.checking.strata import Turn
from strategies import InputError, Progress

_TIMES_OUT = 3
"""So many turns without an answer, one after the other, say that there will be none."""


@dataclass(frozen=True, slots=True)
class Server:
    """Whom to ask, and how.

    Parameters
    ----------
    address
        Where it is.
    endpoint
        Name of an endpoint, or ``"auto"``.
    model
        Name of its model; None for its only one.
    key
        Its key, or None.
    timeout
        Seconds that a request may take.
    concurrency
        Most requests at the same time.
    fields
        Template kwargs that are sent as fields of the request: this server has no template.
    """

    address: Address
    endpoint: str
    model: str | None
    key: str | None
    timeout: float
    concurrency: int
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a server said of a turn.

    Parameters
    ----------
    turn
        The turn.
    seen
        The prompt as the server sees it; None if it did not say.
    reason
        Why it did not say.
    again
        Its count when it was asked once more, if that was done.
    """

    turn: Turn
    seen: Seen | None
    reason: str | None = None
    again: int | None = None

    @property
    def difference(self) -> int:
        """Tokens that the server counts and we do not; 0 if it did not say."""
        return 0 if self.seen is None else self.seen.count - self.turn.isl


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of it.

    Parameters
    ----------
    endpoint
        The one that was asked.
    model
        The name that was sent, or None.
    outcomes
        One for each turn, in order.
    """

    endpoint: Endpoint
    model: str | None
    outcomes: tuple[Outcome, ...]


def ask_server(
    server: Server, turns: Sequence[Turn], kwargs: Mapping[str, Any], progress: Progress
) -> Asked:
    """Ask a server for the number of tokens of the prompt of each turn.

    Parameters
    ----------
    server
        Whom to ask.
    turns
        The turns.
    kwargs
        Variables for the template that all turns get.
    progress
        Called with 1 after each turn.

    Raises
    ------
    InputError
        If the server cannot be reached, has no such endpoint, or stops to answer.
    """
    return asyncio.run(_Asking(server, turns, kwargs, progress).run())


class _Asking:
    def __init__(
        self, server: Server, turns: Sequence[Turn], kwargs: Mapping[str, Any], progress: Progress
    ) -> None:
        self._server = server
        self._waiting: Iterator[tuple[int, Turn]] = iter(enumerate(turns))
        self._outcomes: list[Outcome | None] = [None] * len(turns)
        self._kwargs = kwargs
        self._progress = progress
        self._out_of_time = 0

    async def run(self) -> Asked:
        server = self._server
        async with Client(server.address, server.key, server.timeout, server.concurrency) as client:
            model = server.model or await model_for(client)
            endpoint = await endpoint_for(client, server.endpoint, model)
            asking = (self._ask(client, endpoint, model) for _ in range(server.concurrency))
            await asyncio.gather(*asking)
        return Asked(endpoint, model, tuple(each for each in self._outcomes if each is not None))

    async def _ask(self, client: Client, endpoint: Endpoint, model: str | None) -> None:
        for place, turn in self._waiting:
            self._outcomes[place] = await self._outcome(client, endpoint, turn, model)
            self._progress(1)

    async def _outcome(
        self, client: Client, endpoint: Endpoint, turn: Turn, model: str | None
    ) -> Outcome:
        request = request_of(turn, self._kwargs, model, self._server.fields)
        try:
            seen = await endpoint.ask(client, request)
        except UnansweredError as error:
            self._note(error, client)
            return Outcome(turn, None, error.reason)
        self._out_of_time = 0
        if seen.count == turn.isl or not endpoint.counts_what_it_ran:
            return Outcome(turn, seen)
        try:
            # A count that depends on the server's cache is another one now.
            again = await endpoint.ask(client, request)
        except UnansweredError as error:
            self._note(error, client)
            return Outcome(turn, seen)
        return Outcome(turn, seen, again=again.count)

    def _note(self, error: UnansweredError, client: Client) -> None:
        """Count turns that were not answered in time, and end with an error if they go on."""
        self._out_of_time = self._out_of_time + 1 if error.timed_out else 0
        if self._out_of_time >= _TIMES_OUT:
            raise InputError(
                f"{error.reason}, {_TIMES_OUT} times one after the other; --timeout gives it more",
                file=client.address.root,
            ) from None
