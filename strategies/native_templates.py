"""Chat templates for the native core, each compared with Jinja2 before it is used."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from strategies import _native
from strategies.chat.limits import render_limits
from strategies.chat.syntax import template_tree
from strategies.conversations.conversation import Conversation
from strategies.errors import TurnError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strategies.chat.tokenizer import ChatTokenizer

MAX_TEMPLATES = 64
"""Compiled templates that are kept: one for each text and each set of template kwargs."""

_CALL = {"id": "call12345", "type": "function", "function": {"name": "f", "arguments": {"a": 1.0}}}
_TOOL = {
    "type": "function",
    "function": {
        "name": "f",
        "description": "<b>&\"'\n",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "number", "description": "Zürich", "enum": [1, None]}},
            "required": ["a"],
        },
    },
}
_PROBES: tuple[tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...] | None], ...] = (
    (({"role": "user", "content": " Hello\n"},), None),
    (
        (
            {"role": "system", "content": "é <b>"},
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": "<think>a</think>\n\nTwo", "reasoning_content": "r"},
            {"role": "user", "content": ""},
        ),
        None,
    ),
    (
        (
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": "", "reasoning_content": "r", "tool_calls": [_CALL]},
            {"role": "tool", "content": "{}", "name": "f", "tool_call_id": "call12345"},
            {"role": "assistant", "content": "Two"},
            {"role": "user", "content": [{"type": "text", "text": "Three"}]},
        ),
        (_TOOL,),
    ),
    (
        (
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "content": "1", "name": "f", "tool_call_id": "call12345"},
        ),
        (_TOOL,),
    ),
)
"""Conversations that both engines render when a template is compiled."""


@dataclass(slots=True)
class Templates:
    """The templates of a tokenizer, compiled when a conversation first needs them.

    Parameters
    ----------
    chat
        The tokenizer.
    compiled
        Templates so far, by their text and the template kwargs of a conversation; a text says
        why Jinja2 renders instead.
    """

    chat: ChatTokenizer
    compiled: dict[tuple[str, str], _native.Template | str] = field(default_factory=dict)

    def of(self, conversation: Conversation) -> _native.Template | str:
        """Return the compiled template of a conversation, or why Jinja2 renders it."""
        if conversation.continued:
            return "a turn continues its last message"
        own = conversation.template_kwargs
        key = self.chat.template_text(conversation), json.dumps(own) if own else ""
        if key not in self.compiled:
            if len(self.compiled) >= MAX_TEMPLATES:
                return f"there are more than {MAX_TEMPLATES} sets of template kwargs"
            self.compiled[key] = _compiled(self.chat, key[0], own)
        return self.compiled[key]

    def compile_usual(self) -> None:
        """Compile the templates that conversations without and with tools use."""
        for messages, tools in _PROBES[1:3]:
            # A model with several templates may have none for one of them.
            with suppress(ValueError):
                self.of(Conversation("probe", messages, tools, (1,)))


def _compiled(
    chat: ChatTokenizer, text: str, kwargs: Mapping[str, Any] | None
) -> _native.Template | str:
    """Return a template for the core, or why Jinja2 has to render it."""
    messages, _ = _PROBES[0]
    try:
        probe = Conversation("probe", messages, None, (1,), kwargs)
        variables = dict(chat.renderer(probe).variables)
        for own in ("messages", "tools"):
            variables.pop(own, None)
        limits = render_limits()
        template = _native.Template(
            template_tree(text),
            variables,
            chat.spec.clock.strftime,
            max_steps=limits.steps,
            max_bytes=limits.characters,
        )
    except _native.RefusedError as error:
        return f"the template uses {one_line(error)}"
    except Exception as error:
        return f"the template does not compile: {one_line(error)}"
    agrees, refusal = False, ""
    for probe in _probes(chat, kwargs):
        try:
            if chat.template_text(probe) != text:
                continue
        except ValueError:
            continue
        try:
            expected = chat.renderer(probe).render(0)
        except TurnError:
            expected = None
        try:
            got = template.render(probe.messages, probe.tools)
        except _native.TemplateRaisedError:
            got = None
        except _native.RefusedError as error:
            refusal = one_line(error)
            continue
        if got != expected:
            return "the template renders another text than Jinja2 does in a check"
        agrees = agrees or got is not None
    if refusal and not agrees:
        # Rendering with Jinja2 costs less than leaving every turn to the plain call.
        return f"the template uses {refusal}"
    return template


def _probes(chat: ChatTokenizer, kwargs: Mapping[str, Any] | None) -> Iterator[Conversation]:
    """Yield the probes as they are written here, and as the profile gives them to a template."""
    for messages, tools in _PROBES:
        written = Conversation("probe", messages, tools, (len(messages),), kwargs)
        yield replace(written, profile=chat.profile.label)
        with suppress(TurnError):
            served = chat.serve(written).conversation
            if served.messages != messages or served.tools != tools:
                yield served
