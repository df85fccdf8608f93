"""Chat templates for the native core, each compared with Jinja2 before it is used."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from strategies import _native
from strategies.chat.limits import render_limits
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


PART = "templates"
"""Name under which the templates are kept."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a template is compiled from by the core.

    Parameters
    ----------
    tree
        Jinja2's syntax tree, as JSON.
    variables
        The variables that all conversations share.
    """

    tree: str
    variables: dict[str, Any]

    def compiled(self, chat: ChatTokenizer) -> _native.Template:
        """Return the template; it asks the clock of the tokenizer for its dates.

        Raises
        ------
        RefusedError
            If the core does not render it.
        """
        limits = render_limits()
        return _native.Template(
            self.tree,
            self.variables,
            chat.spec.clock.strftime,
            max_steps=limits.steps,
            max_bytes=limits.characters,
        )


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
    checked
        The sources of those that were compared with Jinja2, now or in an earlier run.
    """

    chat: ChatTokenizer
    compiled: dict[tuple[str, str], _native.Template | str] = field(default_factory=dict)
    checked: dict[tuple[str, str], Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = None if self.chat.kept is None else self.chat.kept.get(PART)
        for text, kwargs, tree, variables in () if kept is None else json.loads(kept):
            self.checked[text, kwargs] = Source(tree, variables)

    def of(self, conversation: Conversation) -> _native.Template | str:
        """Return the compiled template of a conversation, or why Jinja2 renders it."""
        if conversation.continued:
            return "a turn continues its last message"
        own = conversation.template_kwargs
        key = self.chat.template_text(conversation), json.dumps(own) if own else ""
        if key not in self.compiled:
            if len(self.compiled) >= MAX_TEMPLATES:
                return f"there are more than {MAX_TEMPLATES} sets of template kwargs"
            if key in self.checked:
                self.compiled[key] = self.checked[key].compiled(self.chat)
            else:
                self.compiled[key] = self._compile(key, own)
        return self.compiled[key]

    def compile_usual(self) -> None:
        """Compile the templates that conversations without and with tools use."""
        for messages, tools in _PROBES[1:3]:
            # A model with several templates may have none for one of them.
            with suppress(ValueError):
                self.of(Conversation("probe", messages, tools, (1,)))

    def check(self, text: str, kwargs: str) -> None:
        """Compile a template and compare it with Jinja2.

        Parameters
        ----------
        text
            The template.
        kwargs
            The template kwargs of a conversation, as JSON; empty if there are none.
        """
        self._compile((text, kwargs), json.loads(kwargs) if kwargs else None)

    def keep(self) -> None:
        """Keep the sources of the templates that agree with Jinja2."""
        if self.chat.kept is not None:
            rows = [
                (*key, source.tree, source.variables)
                for key, source in sorted(self.checked.items())
            ]
            self.chat.kept.put(PART, json.dumps(rows).encode())

    def _compile(
        self, key: tuple[str, str], kwargs: Mapping[str, Any] | None
    ) -> _native.Template | str:
        """Return a template for the core, or why Jinja2 has to render it."""
        try:
            source = _source(self.chat, key[0], kwargs)
            template = source.compiled(self.chat)
        except _native.RefusedError as error:
            return f"the template uses {one_line(error)}"
        except Exception as error:
            return f"the template does not compile: {one_line(error)}"
        refusal = _differs(self.chat, template, key[0], kwargs)
        if refusal is not None:
            return refusal
        if json.loads(json.dumps(source.variables)) == source.variables:
            self.checked[key] = source
        return template


def _source(chat: ChatTokenizer, text: str, kwargs: Mapping[str, Any] | None) -> Source:
    """Return what the core compiles a template from."""
    from strategies.chat.syntax import template_tree

    messages, _ = _PROBES[0]
    probe = Conversation("probe", messages, None, (1,), kwargs)
    variables = dict(chat.renderer(probe).variables)
    for own in ("messages", "tools"):
        variables.pop(own, None)
    return Source(template_tree(text), variables)


def _differs(
    chat: ChatTokenizer, template: _native.Template, text: str, kwargs: Mapping[str, Any] | None
) -> str | None:
    """Compare a template with Jinja2 on the probes; return why it cannot be used, or None."""
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
    return None


def _probes(chat: ChatTokenizer, kwargs: Mapping[str, Any] | None) -> Iterator[Conversation]:
    """Yield the probes as they are written here, and as the profile gives them to a template."""
    for messages, tools in _PROBES:
        written = Conversation("probe", messages, tools, (len(messages),), kwargs)
        yield replace(written, profile=chat.profile.label)
        with suppress(TurnError):
            served = chat.serve(written).conversation
            if served.messages != messages or served.tools != tools:
                yield served
