"""A frozen clock for chat templates that write the date.

`strftime_now` of transformers' template environment asks ``datetime.now()``. So the same
prompt would differ from day to day, and between the two sides of a comparison at midnight.
transformers offers no way to set the clock: it replaces a value that a caller passes for it by
inert text. Therefore the name `datetime` in the module that renders is replaced once, by a
subclass. It answers a frozen instant if one is set in the current context, else the true time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, tzinfo
from functools import cache
from typing import Any

from strategies.chat.library import without_advice

_frozen: ContextVar[datetime | None] = ContextVar("isl_bench_frozen_clock", default=None)


class _FreezableDatetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # strftime needs a plain datetime
        return _frozen.get() or datetime.now(tz)


@contextmanager
def frozen_clock(instant: datetime) -> Iterator[None]:
    """Freeze the clock of chat templates rendered in this context.

    Raises
    ------
    RuntimeError
        If the installed transformers asks for the time in another way: freezing would
        silently do nothing.
    """
    _install()
    token = _frozen.set(instant)
    try:
        yield
    finally:
        _frozen.reset(token)


@cache
def _install() -> None:
    without_advice()
    from transformers.utils import chat_template_utils

    chat_template_utils.datetime = _FreezableDatetime  # type: ignore[attr-defined]  # a name that the module imports for itself
    probe = datetime(1999, 12, 31)  # noqa: DTZ001  # templates write local dates without a zone
    token = _frozen.set(probe)
    try:
        render: Callable[..., Any] = chat_template_utils.render_jinja_template
        (rendered,), _ = render(
            conversations=[[{"role": "user", "content": ""}]],
            chat_template="{{ strftime_now('%Y-%m-%d') }}",
        )
    finally:
        _frozen.reset(token)
    if rendered != "1999-12-31":
        raise RuntimeError(
            "this version of transformers does not let the clock of chat templates be frozen: "
            f"expected 1999-12-31, got {rendered}"
        )
