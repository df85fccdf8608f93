"""Which names a template kwarg may have."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from strategies.chat.library import without_advice
from strategies.errors import InputError
from strategies.runtime.collection import collection_paused

CAPTURE_NAME = "isl_bench_capture"
"""Name of the function that `rendering` puts into a template. No kwarg may hide it."""


def check_kwargs(kwargs: Mapping[str, Any], field: str) -> None:
    """Refuse template kwargs that the template would not see.

    Raises
    ------
    InputError
        With the field, if one is an argument of `apply_chat_template`.
    """
    reserved = _reserved_kwargs().intersection(kwargs) if kwargs else None
    if reserved:
        raise InputError(
            f"{min(reserved)!r} is an argument of apply_chat_template, not a template variable",
            field=field,
        )


@cache
def _reserved_kwargs() -> frozenset[str]:
    without_advice()
    with collection_paused():
        from transformers import PreTrainedTokenizerBase
        from transformers.utils.chat_template_utils import render_jinja_template

    taken = {"messages", CAPTURE_NAME}
    for function in (PreTrainedTokenizerBase.apply_chat_template, render_jinja_template):
        taken.update(inspect.signature(function).parameters)
    # `documents` is an argument that reaches the template unchanged.
    return frozenset(taken) - {"kwargs", "documents"}
