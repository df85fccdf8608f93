"""The messages profiles by name: each module of this folder with a `PROFILE` is one."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

import strategies.profiles as folder
from strategies.errors import InputError
from strategies.profiles.profile import Profile

DEFAULT_PROFILE = "vllm"
"""What a client of a server with OpenAI's interface sees: the server counts the messages after
its own rules, and vLLM is the server whose rules most others follow."""


@cache
def profiles() -> Mapping[str, Profile]:
    """Return the profiles by name."""
    names = [
        module.name for module in pkgutil.iter_modules(folder.__path__, "strategies.profiles.")
    ]
    found = [getattr(import_module(name), "PROFILE", None) for name in names]
    return {each.name: each for each in found if isinstance(each, Profile)}


def profile_named(name: str) -> Profile:
    """Return the profile of a name.

    Raises
    ------
    InputError
        If there is none; it names those that there are.
    """
    known = profiles()
    if name not in known:
        raise InputError(
            f"unknown profile {name!r}; known are {', '.join(known)}", field="messages"
        )
    return known[name]
