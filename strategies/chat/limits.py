"""How much one render may do.

A chat template is a program that comes with a model. One that doubles a text thirty times, or
that nests loops, would take all memory or hours. So a template runs with two limits, in
transformers' own environment: the plain call, which is the reference, has them as well. A
render within the limits gives the same text as without them.

`operations` checks each operation before it is done, and `preparing` makes Jinja2 ask.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import jinja2

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


class RenderLimitError(jinja2.TemplateRuntimeError):
    """A render that went beyond a limit; the turn has no ISL."""


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


class _Running(threading.local):
    """What is left to the render that runs in this thread; nothing limits other renders."""

    steps: int | None = None
    limits: RenderLimits | None = None


running = _Running()
"""The render of each thread. A step or a text is looked at only while it has limits."""


@contextmanager
def limited(limits: RenderLimits | None = None) -> Iterator[None]:
    """Limit the renders inside, in this thread, of templates that `preparing.limit` has prepared.

    Parameters
    ----------
    limits
        By default those of `render_limits`.
    """
    limits = limits or render_limits()
    before = running.steps, running.limits
    running.steps, running.limits = limits.steps, limits
    try:
        yield
    finally:
        running.steps, running.limits = before


def too_long(limits: RenderLimits) -> RenderLimitError:
    """Return the error of a text that is too long."""
    return RenderLimitError(
        f"the template makes a text of more than {limits.characters:,} characters "
        f"({CHARACTERS_VARIABLE} sets another limit)"
    )


def check_length(length: int) -> None:
    """Raise if a text of this length is too long; called before it is made."""
    limits = running.limits
    if limits is not None and length > limits.characters:
        raise too_long(limits)


def check_bits(bits: int) -> None:
    """Raise if a number of this many bits is too large; called before it is made."""
    if bits > MAX_BITS and running.limits is not None:
        raise RenderLimitError(f"the template makes a number of more than {MAX_BITS:,} bits")


def too_many_steps() -> RenderLimitError:
    """Return the error of a render that has no steps left."""
    limits = running.limits or render_limits()
    return RenderLimitError(
        f"the template takes more than {limits.steps:,} steps in its loops and macros "
        f"({STEPS_VARIABLE} sets another limit)"
    )
