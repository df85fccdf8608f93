"""How much one render may do.

A chat template is a program that comes with a model. One that doubles a text thirty times, or
that nests loops, would take all memory or hours. So a template runs with two limits, in
transformers' own environment: the plain call, which is the reference, has them as well. A
render within the limits gives the same text as without them.

`limiting` keeps what is left to a render, `operations` checks each operation before it is done,
and `preparing` makes Jinja2 ask.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from strategies.errors import InputError

MAX_RENDER_STEPS = 50_000_000
"""Items of loops in one render, and calls of macros, each of which counts as ten. Published
templates take a few for each message; one that looks at all messages again for each takes 50
million at 7,000 messages."""

MAX_RENDER_CHARACTERS = 2**27
"""Characters of a prompt, and of every text that a template makes on the way to it. That is
over 100 times the longest context of a model."""

MAX_BITS = 2**16
"""Size of an integer that a template makes. Python prints none of more than 4,300 digits."""

STEPS_VARIABLE = "ISL_BENCH_MAX_RENDER_STEPS"
CHARACTERS_VARIABLE = "ISL_BENCH_MAX_RENDER_CHARACTERS"
"""Environment variables that set other limits."""


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """How much one render may do.

    Parameters
    ----------
    steps
        Items of loops, and ten for each call of a macro.
    characters
        Length of a text.
    """

    steps: int
    characters: int


def render_limits() -> RenderLimits:
    """Return the limits of this process: the defaults, or what the environment says.

    Raises
    ------
    InputError
        If a variable of the environment holds no whole number above 0.
    """
    return RenderLimits(
        _from_environment(STEPS_VARIABLE, MAX_RENDER_STEPS),
        _from_environment(CHARACTERS_VARIABLE, MAX_RENDER_CHARACTERS),
    )


def _from_environment(variable: str, default: int) -> int:
    text = os.environ.get(variable)
    if text is None:
        return default
    if not re.fullmatch(r"0*[1-9][0-9]{0,17}", text):
        raise InputError(f"must be a whole number from 1 on, not {text!r}", field=variable)
    return int(text)
