"""A tokenizer of transformers that was loaded, and has passed the checks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strategies.chat.checks import check_deterministic, check_template
from strategies.chat.kwargs import check_kwargs
from strategies.chat.loading import load_tokenizer
from strategies.chat.templates import named_template

if TYPE_CHECKING:
    from strategies.chat.spec import ChatSpec


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a specification names.

    Parameters
    ----------
    tokenizer
        The transformers tokenizer.
    warnings
        What transformers warned about, and what a user should know about the template.
    template
        The template that is given or chosen by name; None for the tokenizer's own.
    """

    tokenizer: Any
    warnings: tuple[str, ...]
    template: str | None


def load(spec: ChatSpec) -> Loaded:
    """Load the tokenizer of a specification.

    Raises
    ------
    InputError
        With a one-line reason, if it cannot be loaded or its counts would not be exact.
    """
    check_kwargs(json.loads(spec.template_kwargs), "template kwargs")
    tokenizer, warnings = load_tokenizer(spec)
    template = spec.template
    if spec.template_name is not None:
        template = named_template(tokenizer, spec.template_name, spec.name_or_path)
    check_template(template or getattr(tokenizer, "chat_template", None), spec)
    check_deterministic(tokenizer, spec)
    return Loaded(tokenizer, warnings, template)
