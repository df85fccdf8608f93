"""Jinja2's syntax tree of a chat template as JSON, for a renderer in another language.

The tree comes from the parser of transformers' own template environment, so whatever reads it
cannot differ from Jinja2 in white space control, operator precedence or literals.
"""

from __future__ import annotations

import json
from typing import Any

from jinja2 import nodes


def template_tree(template: str) -> str:
    """Return the syntax tree of a chat template as JSON.

    A node is an object with its class under ``_`` and its fields in Jinja2's order, which is
    the order in which names are resolved.

    Raises
    ------
    jinja2.TemplateSyntaxError
        If the text is no template.
    """
    from transformers.utils import chat_template_utils

    # The environment holds the extensions and filters that a template may use.
    environment = chat_template_utils._compile_jinja_template("").environment
    return json.dumps(_plain(environment.parse(template)), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, nodes.Node):
        fields = {name: _plain(getattr(value, name)) for name in value.fields}
        return {"_": type(value).__name__, **fields}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
