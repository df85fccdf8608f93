"""Jinja2's syntax tree of a chat template as JSON, for a renderer in another language.

The tree comes from the parser of transformers' own template environment. So a renderer that
reads it cannot differ from Jinja2 in white space control, operator precedence or literals.
"""

from __future__ import annotations

import json
from typing import Any

from jinja2 import nodes

from strategies.chat.rendering import compile_template, parse_template


def template_tree(template: str) -> str:
    """Return the syntax tree of a chat template as JSON.

    A node is an object with its class under ``_`` and its fields in Jinja2's order, which is
    the order in which names are resolved.

    Raises
    ------
    jinja2.TemplateSyntaxError
        If the text is no template.
    """
    environment = compile_template("").environment
    known: dict[str, Any] = {"Filter": environment.filters, "Test": environment.tests}
    tree = _plain(parse_template(template), known)
    return json.dumps(tree, ensure_ascii=False)


def _plain(value: Any, known: dict[str, Any]) -> Any:
    if isinstance(value, nodes.Node):
        kind = type(value).__name__
        plain: dict[str, Any] = {"_": kind}
        plain.update((name, _plain(getattr(value, name), known)) for name in value.fields)
        if kind in known:
            # A template may name a filter that does not exist. It raises only when it is used.
            plain["known"] = plain["name"] in known[kind]
        return plain
    if isinstance(value, (list, tuple)):
        return [_plain(item, known) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        # Many readers of JSON would make a float of it.
        return {"_": "BigInteger", "digits": str(value)}
    return value
