"""The endpoints by name, and which of them a server has."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench.checking.client import Client, UnansweredError
from bench.checking.endpoints.chat import CHAT
from bench.checking.endpoints.endpoint import Endpoint, field_of
from bench.checking.endpoints.llama_cpp import LLAMA_CPP
from bench.checking.endpoints.render import RENDER
from bench.checking.endpoints.tokenize import TOKENIZE
from bench.checking.requests import Request
from strategies import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {endpoint.name: endpoint for endpoint in (RENDER, LLAMA_CPP, TOKENIZE, CHAT)}
)
"""In the order in which they are tried: first those that show the prompt, and run no model."""

AUTO = "auto"


async def endpoint_for(client: Client, name: str, model: str | None) -> Endpoint:
    """Return the endpoint to ask.

    Parameters
    ----------
    client
        Asks the server.
    name
        Of an endpoint, or `AUTO` for the first one that answers a small request.
    model
        Name of the server's model, or None.

    Raises
    ------
    InputError
        If the server cannot be reached, does not answer in time, or has no such endpoint.
    """
    tried = list(ENDPOINTS.values()) if name == AUTO else [ENDPOINTS[name]]
    request = Request([{"role": "user", "content": "a"}], model=model)
    said: list[UnansweredError] = []
    for endpoint in tried:
        try:
            await endpoint.ask(client, request)
        except UnansweredError as error:
            if error.timed_out:
                raise InputError(
                    f"{error.reason}; --timeout gives it more", file=client.address.root
                ) from None
            said.append(error)
        else:
            return endpoint
    if said[-1].is_missing:
        # What is there, and has answered something else, tells more than what is not there.
        there = next((error for error in said if not error.is_missing), None)
        if there is not None:
            reason = f"has no endpoint that answers as it should: {there.reason}"
            raise InputError(reason, file=client.address.root)
        raise InputError(f"has no such endpoint: {said[-1].reason}", file=client.address.root)
    # It is there, and may refuse the small request only. What it says of the turns is shown.
    return tried[-1]


async def model_for(client: Client) -> str | None:
    """Return the name of the server's only model; None if the server lists none.

    Raises
    ------
    InputError
        If it lists several, or its list cannot be read.
    """
    try:
        answer = await client.get("/v1/models")
    except UnansweredError as error:
        if error.is_missing:
            return None
        reason = f"does not say which models it has ({error.reason}); give --model"
        raise InputError(reason, file=client.address.root) from None
    names = _names(field_of(answer, "data"))
    if len(names) > 1:
        shown = client.shown(", ".join(names))
        raise InputError(
            f"has {len(names)} models; choose one with --model: {shown}", file=client.address.root
        )
    return names[0] if names else None


def _names(listed: Any) -> Sequence[str]:
    found = [field_of(each, "id") for each in listed] if isinstance(listed, list) else []
    return [name for name in found if isinstance(name, str)]
