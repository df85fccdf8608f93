"""Render the prompts of a conversation without preparing its history again for each.

`apply_chat_template` copies, cleans and aliases every message at every call. The result for a
message depends on that message alone. So it is called once per conversation here, to get the
variables that the template sees, and every turn renders a slice of them.
"""

from __future__ import annotations

from contextvars import ContextVar
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import nodes

from strategies.chat.clock import frozen_clock
from strategies.chat.failures import turn_error
from strategies.chat.kwargs import CAPTURE_NAME
from strategies.chat.library import without_advice
from strategies.chat.limiting import limited
from strategies.chat.preparing import check_constants, limit
from strategies.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from strategies.conversations.conversation import Conversation

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
        self._tokenizer = tokenizer
        self._conversation = conversation
        self._template = template
        self._template_kwargs = template_kwargs
        self._clock = clock
        try:
            self._compiled = compile_template(template)
            self.variables = _capture(tokenizer, conversation, template_kwargs)
        except Exception as error:
            # This failure is one of every turn, so the error names the first.
            raise turn_error(conversation, 0, error) from error
        self._fresh = may_change_its_data(template)

    def render(self, index: int) -> str:
        """Return the prompt of the turn at `index`, counted from 0.

        Raises
        ------
        TurnError
            With the template's own message, if it raises.
        InputError
            If it writes the address of an object.
        """
        k = self._conversation.turns[index]
        if k in self._conversation.continued:
            return self._continued(index)
        variables = {**self.variables, "messages": self.variables["messages"][:k]}
        if self._fresh:
            # A turn must leave no trace in the turns after it, not even if it fails.
            variables = deepcopy(variables)
        try:
            with frozen_clock(self._clock), limited():
                return self._compiled.render(**variables)
        except InputError:
            raise
        except Exception as error:
            raise turn_error(self._conversation, index, error) from error

    def _continued(self, index: int) -> str:
        """Return the prompt of a turn that continues its last message, by the plain call.

        transformers marks that message and cuts the prompt there. Such turns are rare, so
        they are not worth a way of their own.
        """
        conversation = self._conversation
        try:
            with frozen_clock(self._clock), limited():
                prompt: str = self._tokenizer.apply_chat_template(
                    list(conversation.messages[: conversation.turns[index]]),
                    tools=None if conversation.tools is None else list(conversation.tools),
                    chat_template=self._template,
                    tokenize=False,
                    add_generation_prompt=False,
                    continue_final_message=True,
                    **self._template_kwargs,
                )
        except InputError:
            raise
        except Exception as error:
            raise turn_error(conversation, index, error) from error
        return prompt


@lru_cache(maxsize=64)
def may_change_its_data(template: str) -> bool:
    """Whether a template may change messages, tools or kwargs while it renders.

    Templates run in a sandbox that lets them call no method that changes a list or an object.
    Filters are outside that sandbox, and one of Jinja2's changes a list: ``indent`` extends it
    before it raises (jinja2 3.1, ``filters.do_indent``). A filter that is named by a variable
    could be any.

    Raises
    ------
    jinja2.TemplateSyntaxError
        If it is no template.
    """
    tree = parse_template(template)
    return any(
        not LEAVES_ITS_DATA_ALONE.issuperset(filters_named(node))
        for node in tree.find_all(nodes.Filter)
    )


def filters_named(node: nodes.Filter) -> tuple[str | None, ...]:
    """Return the filters that a filter node applies; None for one that is no literal name."""
    if node.name != "map":
        return (node.name,)
    if not node.args:
        # It takes an attribute of each item, by keyword.
        return ("map",)
    named = node.args[0]
    return ("map", named.value if isinstance(named, nodes.Const) else None)


LEAVES_ITS_DATA_ALONE = frozenset(
    {
        *("abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort"),
        *("e", "escape", "filesizeformat", "first", "float", "forceescape", "format", "groupby"),
        *("int", "items", "join", "last", "length", "list", "lower", "map", "max", "min"),
        *("pprint", "random", "reject", "rejectattr", "replace", "reverse", "round", "safe"),
        *("select", "selectattr", "slice", "sort", "string", "striptags", "sum", "title"),
        *("tojson", "trim", "truncate", "unique", "upper", "urlencode", "urlize", "wordcount"),
        *("wordwrap", "xmlattr"),
    }
)
"""Filters of Jinja2 3.1 and transformers that change nothing that they are given."""


@lru_cache(maxsize=64)
def parse_template(template: str) -> nodes.Template:
    """Return the syntax tree of a template. It is shared, so nobody may change it.

    The environment holds the extensions and filters that a template may use.

    Raises
    ------
    jinja2.TemplateSyntaxError
        If it is no template.
    """
    return compile_template("").environment.parse(template)


def compile_template(template: str) -> jinja2.Template:
    """Return the compiled template in transformers' own sandboxed environment.

    Inside `limited`, its renders are limited. transformers keeps it and renders it in its own
    calls, too.

    Raises
    ------
    RenderLimitError
        If it holds an operation on constants beyond the limits.
    jinja2.TemplateSyntaxError
        If it is no template.
    """
    _check_constants(template)
    compiled = _compiled(template)
    limit(compiled, template)
    return compiled


def _compiled(template: str) -> jinja2.Template:
    # transformers has no public way to this environment, and a copy of it could drift from
    # the one that the reference uses.
    without_advice()
    from transformers.utils.chat_template_utils import _compile_jinja_template

    compiled: jinja2.Template = _compile_jinja_template(template)
    return compiled


@lru_cache(maxsize=64)
def _check_constants(template: str) -> None:
    check_constants(_compiled("").environment, template)


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
