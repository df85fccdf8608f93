"""Render the prompts of a conversation without preparing its history again for each.

`apply_chat_template` copies, cleans and aliases every message at every call. The result for a
message depends on that message alone. So it is called once per conversation here, to get the
variables that the template sees, and every turn renders a slice of them.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import jinja2

from strategies.chat.clock import frozen_clock
from strategies.errors import TurnError, one_line

if TYPE_CHECKING:
    from datetime import datetime

    from strategies.conversations.conversation import Conversation

CAPTURE_NAME = "isl_bench_capture"
"""Name of the function that the capturing template calls. No template variable may hide it."""
_CAPTURE_TEMPLATE = f"{{{{ {CAPTURE_NAME}() }}}}"
_captured: ContextVar[dict[str, Any]] = ContextVar("isl_bench_captured")


class PromptRenderer:
    """Renders the turns of one conversation.

    Parameters
    ----------
    tokenizer
        A transformers tokenizer.
    conversation
        The conversation to render.
    template
        Text of the chat template that the tokenizer uses for this conversation.
    template_kwargs
        Variables for the template beyond transformers' own.
    clock
        The instant that ``strftime_now`` answers.

    Attributes
    ----------
    variables
        The variables that the template sees at the last turn, as transformers prepares
        them. ``messages`` holds all messages of the conversation.
    """

    def __init__(
        self,
        tokenizer: Any,
        conversation: Conversation,
        template: str,
        template_kwargs: dict[str, Any],
        clock: datetime,
    ) -> None:
        self._conversation = conversation
        self._clock = clock
        try:
            self._compiled = compile_template(template)
            self.variables = _capture(tokenizer, conversation, template_kwargs)
        except Exception as error:
            # This failure is one of every turn, so the error names the first.
            raise turn_error(conversation, 0, error) from error
        self._messages = self.variables["messages"]
        self._others = {k: v for k, v in self.variables.items() if k != "messages"}

    def render(self, index: int) -> str:
        """Return the prompt of the turn at `index`, counted from 0.

        Raises
        ------
        TurnError
            With the template's own message, if it raises.
        """
        k = self._conversation.turns[index]
        try:
            with frozen_clock(self._clock):
                return self._compiled.render(messages=self._messages[:k], **self._others)
        except Exception as error:
            raise turn_error(self._conversation, index, error) from error


def is_failure(error: BaseException) -> bool:
    """Whether an error means that a turn has no ISL, and not that the program must end.

    A panic inside the tokenizers library arrives as PyO3's `PanicException`, which derives
    from `BaseException`. A text that makes the library panic has no ISL either.
    """
    return isinstance(error, Exception) or type(error).__module__ == "pyo3_runtime"


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
    text = one_line(error)
    if not isinstance(error, jinja2.TemplateError) or not text:
        text = f"{type(error).__name__}: {text}"
    return TurnError(conversation.id, index + 1, conversation.turns[index], text)


def compile_template(template: str) -> jinja2.Template:
    """Return the compiled template in transformers' own sandboxed environment.

    Raises
    ------
    jinja2.TemplateSyntaxError
        If it is no template.
    """
    # transformers has no public way to this environment, and a copy of it could drift from
    # the one that the reference uses.
    from transformers.utils.chat_template_utils import _compile_jinja_template

    compiled: jinja2.Template = _compile_jinja_template(template)
    return compiled


def _capture(
    tokenizer: Any, conversation: Conversation, template_kwargs: dict[str, Any]
) -> dict[str, Any]:
    # Set at every use: transformers keeps compiled templates in a bounded cache.
    environment = compile_template(_CAPTURE_TEMPLATE).environment
    environment.globals[CAPTURE_NAME] = _store_variables
    holder: dict[str, Any] = {}
    token = _captured.set(holder)
    try:
        tokenizer.apply_chat_template(
            list(conversation.messages),
            tools=None if conversation.tools is None else list(conversation.tools),
            chat_template=_CAPTURE_TEMPLATE,
            tokenize=False,
            add_generation_prompt=True,
            **template_kwargs,
        )
    finally:
        _captured.reset(token)
    return holder


@jinja2.pass_context
def _store_variables(context: jinja2.runtime.Context) -> str:
    own = context.environment.globals
    values = context.get_all()
    _captured.get().update(
        {name: value for name, value in values.items() if own.get(name, _ABSENT) is not value}
    )
    return ""


_ABSENT = object()
