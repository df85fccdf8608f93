"""Requests that share their beginning, as turns of one conversation."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from strategies.conversations.conversation import Conversation
from strategies.conversations.direct import outlines_of
from strategies.words import many

LOOKED_AT = 256
"""How many conversations of a file are looked at to see whether they are requests of a log."""

MAX_LOOKED_AT = 1 << 21
"""Characters of their messages after which no more are looked at."""

MAX_MESSAGES = 400
"""Messages of the first conversation that is too long to be looked at."""


@dataclass(slots=True)
class _Open:
    """A conversation that a later request may go on with."""

    longest: Conversation
    line: int | None
    turns: list[int] = field(default_factory=list)
    continued: set[int] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)

    def add(self, request: Conversation) -> None:
        self.longest = request
        self.turns += request.turns
        self.continued |= request.continued
        self.requests += request.requests or ()


def join_requests(requests: Iterable[Conversation]) -> list[Conversation]:
    """Return conversations that hold what requests share once.

    A request is the next turn of a conversation if it begins with all messages of the request
    before it, and has more; tools, kwargs and the name of the conversation must be the same.
    The work grows with the size of the requests and not with their number.

    Parameters
    ----------
    requests
        Conversations of one turn each. If the name of one is not that of its request, the data
        name a conversation, and no other is joined with it.

    Returns
    -------
    list of Conversation
        In the order of their first requests, each named like its first one.
    """
    opened: list[_Open] = []
    ends: dict[bytes, list[_Open]] = {}
    for request in requests:
        named = None if request.requests == (request.id,) else request.id
        digests = _digests(request, named)
        # The longest beginning is the latest request of the conversation.
        known = (digest for digest in reversed(digests[:-1]) if digest in ends)
        begins = next(known, None)
        if begins is None:
            going = _Open(request, request.line)
            opened.append(going)
        else:
            going = ends[begins].pop()
            if not ends[begins]:
                del ends[begins]
        going.add(request)
        ends.setdefault(digests[-1], []).append(going)
    return [_closed(each) for each in opened]


@dataclass(slots=True)
class Beginnings:
    """What the first conversations of a file begin with, to see whether they are requests of a log.

    In a log of requests, each record repeats the ones before it. Read as a conversation, a record
    has a turn for each of its requests, and turns are counted many times.
    """

    _digests: list[tuple[bool, list[bytes]]] = field(default_factory=list)
    _size: int = 0
    _enough: bool = False
    _warning: str | None = None

    def add(self, conversations: Sequence[Conversation]) -> None:
        """Look at the next conversations of the file. Only the first ones are looked at.

        Parameters
        ----------
        conversations
            What the core has read is converted only as far as it is looked at.
        """
        if self._enough or not conversations:
            return
        for place, (_, turns) in enumerate(outlines_of(conversations)):
            self._enough = (
                len(self._digests) >= LOOKED_AT
                or self._size > MAX_LOOKED_AT
                or turns[-1] > MAX_MESSAGES
            )
            if self._enough:
                break
            conversation = conversations[place]
            self._size += sum(len(json.dumps(each)) for each in conversation.messages)
            self._digests.append((len(turns) > 1, _digests(conversation, None)))
        self._warning = self._found()

    @property
    def warning(self) -> str | None:
        """A warning if the conversations seem to be requests of a log.

        It is None if fewer than two, or than one of four, go on from another one, each from one of
        its own.
        """
        return self._warning

    def _found(self) -> str | None:
        ends: Counter[bytes] = Counter()
        grown = 0
        # The order in a log may be any.
        for repeats, (*beginnings, whole) in sorted(self._digests, key=lambda found: len(found[1])):
            begins = next((each for each in reversed(beginnings) if ends[each]), None)
            if begins is not None and repeats:
                ends[begins] -= 1
                grown += 1
            ends[whole] += 1
        if grown < 2 or 4 * grown < len(self._digests):
            return None
        return (
            f"{grown} of the first {many(len(self._digests), 'record')} begin with all messages of "
            "another one, as requests of a log do; if each record is one request, count it with "
            "--records request"
        )


def _closed(going: _Open) -> Conversation:
    first, last = going.requests[0], going.longest
    own = last.requests is not None and last.id != last.requests[0]
    return Conversation(
        last.id if own else first,
        last.messages,
        last.tools,
        tuple(going.turns),
        template_kwargs=last.template_kwargs,
        continued=frozenset(going.continued),
        tool_arguments=last.tool_arguments,
        requests=tuple(going.requests),
        line=going.line,
    )


def _digests(request: Conversation, named: str | None) -> list[bytes]:
    """Return a digest of each beginning of the messages, with all that must be the same."""
    state = hashlib.blake2b(digest_size=20)
    digests = []
    for part in ([named, request.tools, request.template_kwargs], *request.messages):
        # The order of keys shows in prompts, so it counts. A line end cannot be in the text.
        state.update(json.dumps(part).encode() + b"\n")
        digests.append(state.digest())
    return digests
