"""Requests that share their beginning, as turns of one conversation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from strategies.conversations.conversation import Conversation


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
        digests = _digests(request)
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


def _digests(request: Conversation) -> list[bytes]:
    """Return a digest of each beginning of the messages, with all that must be the same."""
    named = None if request.requests == (request.id,) else request.id
    state = hashlib.blake2b(digest_size=20)
    digests = []
    for part in ([named, request.tools, request.template_kwargs], *request.messages):
        # The order of keys shows in prompts, so it counts. A line end cannot be in the text.
        state.update(json.dumps(part).encode() + b"\n")
        digests.append(state.digest())
    return digests
