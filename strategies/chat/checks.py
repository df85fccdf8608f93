"""Refuse tokenizers and templates whose counts could not be exact."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import nodes

from strategies.chat.backend import backend_of
from strategies.chat.limiting import limited
from strategies.chat.limits import RenderLimits
from strategies.chat.rendering import compile_template, filters_named, parse_template
from strategies.chat.spec import ChatSpec
from strategies.errors import InputError, one_line

if TYPE_CHECKING:
    from jinja2 import Template


def check_template(template: str | dict[str, str] | None, spec: ChatSpec) -> None:
    """Refuse a chat template that is missing, does not compile, or writes at random.

    One that writes the address of an object only for some conversations is refused when it does.

    Parameters
    ----------
    template
        Its text, or several by name.
    spec
        The tokenizer's specification.

    Raises
    ------
    InputError
        With the file of the template, or the name of the tokenizer that brings it, and the line
        of the template if it is known.
    """
    name = spec.template_file or spec.name_or_path
    texts = list(template.values()) if isinstance(template, dict) else [template]
    if not texts or not all(texts):
        # An empty one would render nothing, and every ISL would silently be 0.
        raise InputError("has no chat template; give one with --template FILE", file=name)
    for text in filter(None, texts):
        try:
            compiled = compile_template(text)
            random = _random_part(text)
            _render_probes(compiled)
        except InputError as error:
            raise error.at(file=name) from None
        except Exception as error:
            line = getattr(error, "lineno", None)
            place = f" in line {line}" if line else ""
            raise InputError(
                f"the chat template has an error{place}: {one_line(error)}", file=name
            ) from None
        if random:
            raise InputError(
                f"the chat template writes at random ({random}), so no count is exact",
                file=name,
            )


def _render_probes(template: Template) -> None:
    """Render some short conversations; raises `InputError` if an address is written."""
    for messages in _PROBES:
        for tools in (None, [_TOOL]):
            # A template may refuse a conversation, in any way.
            with suppress(*_REFUSALS), limited(_PROBE_LIMITS):
                template.render(messages=messages, tools=tools, add_generation_prompt=True)


_REFUSALS = (
    *(jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError),
    *(RecursionError, TypeError, ValueError),
)
_PROBE_LIMITS = RenderLimits(steps=10_000, characters=100_000)
_CALL = {"id": "call12345", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
_PROBES: tuple[list[dict[str, Any]], ...] = (
    [{"role": "user", "content": "a"}],
    [
        {"role": "system", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c", "tool_calls": [_CALL]},
        {"role": "tool", "content": "d", "name": "f", "tool_call_id": "call12345"},
        {"role": "assistant", "content": "e"},
        {"role": "user", "content": "f"},
    ],
)


def _random_part(text: str) -> str | None:
    """Return the part of a template that renders another text each time, if there is one."""
    if "random" not in text and "lipsum" not in text:
        # Hardly any template names them, and parsing a template again takes time.
        return None
    for node in parse_template(text).find_all((nodes.Filter, nodes.Name)):
        if isinstance(node, nodes.Filter) and "random" in filters_named(node):
            return "the filter random"
        if isinstance(node, nodes.Name) and node.name == "lipsum":
            return "the function lipsum"
    return None


def check_deterministic(tokenizer: Any, spec: ChatSpec) -> None:
    """Refuse a tokenizer that gives a text other tokens from one call to the next.

    Raises
    ------
    InputError
        With the tokenizer's name or path.
    """
    options = getattr(tokenizer, "sp_model_kwargs", None) or {}
    if options.get("enable_sampling"):
        raise InputError(
            "its SentencePiece model samples (enable_sampling), so no count is exact",
            file=spec.name_or_path,
        )
    backend = backend_of(tokenizer)
    model = None if backend is None else backend.model
    if getattr(model, "dropout", None):
        raise InputError(
            "its BPE model drops merges at random (dropout), so no count is exact",
            file=spec.name_or_path,
        )
