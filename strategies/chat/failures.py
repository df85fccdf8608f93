"""Which errors mean that a turn has no ISL, and how such a turn is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strategies.errors import InputError, TurnError, one_line
from strategies.runtime.parallelism import is_refused_thread

if TYPE_CHECKING:
    from strategies.conversations.conversation import Conversation


def is_failure(error: BaseException) -> bool:
    """Whether an error means that a turn has no ISL, and not that the program must end.

    A panic inside the tokenizers library arrives as PyO3's `PanicException`, which derives
    from `BaseException`. A text that makes the library panic has no ISL either. But if it
    panics because it cannot start its threads, that says nothing about the text.

    An `InputError` is about the tokenizer or the template, and not about the turn.
    """
    if isinstance(error, InputError):
        return False
    if isinstance(error, Exception):
        return True
    return type(error).__module__ == "pyo3_runtime" and not is_refused_thread(error)


def turn_error(conversation: Conversation, index: int, error: BaseException) -> TurnError:
    """Return the `TurnError` of a turn.

    Parameters
    ----------
    conversation
        The conversation of the turn.
    index
        Place of the turn in the conversation, from 0.
    error
        The exception that rendering or encoding raised.
    """
    from jinja2 import TemplateError

    from strategies.renderers.contract import RefusedRequestError

    text = one_line(error)
    if isinstance(error, RecursionError):
        # Python adds what it was doing, which depends on how deep the caller already was.
        text = "maximum recursion depth exceeded"
    if not isinstance(error, (TemplateError, RefusedRequestError)) or not text:
        text = f"{type(error).__name__}: {text}"
    return TurnError(conversation.id, index + 1, conversation.turns[index], text)
