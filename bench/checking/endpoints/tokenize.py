"""vLLM's /tokenize with messages: a count and token ids."""

from __future__ import annotations

from bench.checking.client import Client, UnansweredError
from bench.checking.endpoints.endpoint import Endpoint, Seen, count_in, field_of, ids_in
from bench.checking.requests import Request

_PATH = "/tokenize"


async def _ask(client: Client, request: Request) -> Seen:
    answer = await client.post(_PATH, request.body())
    count = count_in(field_of(answer, "count"), _PATH, "count")
    tokens = field_of(answer, "tokens")
    ids = None if tokens is None else ids_in(tokens, _PATH, "tokens")
    if ids is not None and len(ids) != count:
        raise UnansweredError(f"{_PATH}: the answer has {len(ids):,} tokens and counts {count:,}")
    return Seen(count, ids=ids)


TOKENIZE = Endpoint("tokenize", "vLLM's /tokenize with messages: a count and token ids", _ask)
