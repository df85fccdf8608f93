"""The renderers by name: the built-in ones, and those of other packages.

A built-in renderer is one line in `BUILTIN`. Another package registers its renderers under the
entry point group `isl_bench.renderers`.
"""

from __future__ import annotations

from functools import cache

from strategies.errors import InputError
from strategies.plugins import Plugins
from strategies.renderers.contract import Renderer

GROUP = "isl_bench.renderers"

BUILTIN = {
    "harmony": "strategies.renderers.harmony:Harmony",
    "mistral-common": "strategies.renderers.mistral:MistralCommon",
}

_RENDERERS: Plugins[Renderer] = Plugins(
    "renderer",
    GROUP,
    BUILTIN,
    lambda thing: isinstance(thing, Renderer),
    "name, summary, conversion, kwargs, splices, availability or open",
)


def renderer_names() -> tuple[str, ...]:
    """Return the names of all renderers, the built-in ones first."""
    return _RENDERERS.names()


@cache
def renderer_named(name: str) -> Renderer:
    """Return the renderer of that name.

    Raises
    ------
    InputError
        If there is none, with a list of those that exist, or if it cannot be loaded.
    """
    return _RENDERERS.get(name)


def installed_renderer(name: str) -> Renderer:
    """Return the renderer of that name, if what it needs is installed.

    Raises
    ------
    InputError
        With what to install. Also as `renderer_named` does.
    """
    renderer = renderer_named(name)
    reason = renderer.availability()
    if reason is not None:
        raise InputError(reason, field=f"renderer {name}")
    return renderer
