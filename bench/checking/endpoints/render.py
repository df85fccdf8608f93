"""vLLM's renderer: the token ids that its engine would get. It needs no model."""

from __future__ import annotations

from bench.checking.client import Client
from bench.checking.endpoints.endpoint import Endpoint, Seen, field_of, ids_in
from bench.checking.requests import Request

_PATH = "/v1/chat/completions/render"


async def _ask(client: Client, request: Request) -> Seen:
    answer = await client.post(_PATH, {**request.body(), "max_tokens": 1})
    ids = ids_in(field_of(answer, "token_ids"), _PATH, "token_ids")
    return Seen(len(ids), ids=ids)


RENDER = Endpoint("render", "vLLM's /v1/chat/completions/render: token ids", _ask)
