"""OpenAI's chat completions: the server runs the prompt, and says its count in ``usage``."""

from __future__ import annotations

from bench.checking.client import Client
from bench.checking.endpoints.endpoint import Endpoint, Seen, count_in, field_of
from bench.checking.requests import Request

_PATH = "/v1/chat/completions"


async def _ask(client: Client, request: Request) -> Seen:
    answer = await client.post(_PATH, {**request.body(), "max_tokens": 1})
    count = count_in(field_of(answer, "usage", "prompt_tokens"), _PATH, "usage.prompt_tokens")
    cached = field_of(answer, "usage", "prompt_tokens_details", "cached_tokens")
    return Seen(count, cached=cached if isinstance(cached, int) else None)


CHAT = Endpoint(
    "chat",
    "/v1/chat/completions with max_tokens 1: usage.prompt_tokens",
    _ask,
    counts_what_it_ran=True,
)
