"""llama.cpp's /apply-template, then its /tokenize: the prompt and its token ids."""

from __future__ import annotations

from bench.checking.client import Client, UnansweredError
from bench.checking.endpoints.endpoint import Endpoint, Seen, field_of, ids_in
from bench.checking.requests import Request

_RENDER, _TOKENIZE = "/apply-template", "/tokenize"


async def _ask(client: Client, request: Request) -> Seen:
    prompt = field_of(await client.post(_RENDER, request.body()), "prompt")
    if not isinstance(prompt, str):
        raise UnansweredError(f"{_RENDER}: the answer holds no prompt")
    # As its chat completions tokenize a prompt: with the special tokens that the model asks for.
    body = {"content": prompt, "add_special": True, "parse_special": True}
    ids = ids_in(field_of(await client.post(_TOKENIZE, body), "tokens"), _TOKENIZE, "tokens")
    return Seen(len(ids), text=prompt, ids=ids)


LLAMA_CPP = Endpoint(
    "llama-cpp", "llama.cpp's /apply-template and /tokenize: the prompt and token ids", _ask
)
