"""What is left to the render that runs, and the errors of one that has nothing left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import jinja2

from strategies.chat.limits import (
    CHARACTERS_VARIABLE,
    MAX_BITS,
    STEPS_VARIABLE,
    RenderLimits,
    render_limits,
)


class RenderLimitError(jinja2.TemplateRuntimeError):
    """A render that went beyond a limit; the turn has no ISL."""


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
