# a case reads best on one line
"""The native renderer against transformers' environment, construct by construct."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes
from transformers.utils import chat_template_utils

from strategies import _native
from strategies.chat.syntax import template_tree
from tests.template_corpus import EXPRESSIONS, MESSAGES, REFUSED, TEMPLATES, VARIABLES

NOW = datetime(2025, 1, 9, 3, 4, 5)  # noqa: DTZ001  # templates write local dates

#: Constructs that a render may leave to Jinja2 for some values, and of which cases here do.
LEFT_TO_JINJA = {
    "printing": {"[missing]"},
    "attributes": {"d.items is string", "d['get']"},
}


class FrozenDatetime(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # noqa: ARG003
        return NOW


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template_utils, "datetime", FrozenDatetime)


def expected(template: str) -> str | Exception:
    try:
        render: Callable[..., Any] = chat_template_utils.render_jinja_template
        (rendered,), _ = render(conversations=[MESSAGES], chat_template=template, **VARIABLES)
    except Exception as error:
        return error
    return str(rendered)


def native(template: str) -> str:
    compiled = _native.Template(template_tree(template), VARIABLES, NOW.strftime)
    return compiled.render(MESSAGES, None)


def agree(template: str) -> None:
    wanted = expected(template)
    if isinstance(wanted, Exception):
        with pytest.raises(_native.TemplateRaisedError):
            native(template)
    else:
        assert native(template) == wanted


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param(f"{{{{ {expression} }}}}", id=f"{subject}: {expression}")
        for subject, expressions in EXPRESSIONS.items()
        for expression in expressions
    ],
)
def test_expressions_print_alike(expression: str) -> None:
    agree(expression)


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_render_alike(name: str) -> None:
    agree(TEMPLATES[name])


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(_native.RefusedError):
        native(REFUSED[name])


_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_OF_DATA = (
    "[x]", "x | tojson", "x | tojson(true, sort_keys=true)", "x | tojson(indent=1)", "x == y",
    "x in [y]", "x | string | length", "not x", "x ~ y",
)  # fmt: skip
_OF_TEXT = (
    "a.split()", "a.split(b)", "a.split(b, 1)", "a.rsplit(b, 1)", "a.splitlines()", "a.strip()",
    "a.strip(b)", "a.replace(b, '-')", "a.find(b)", "a.count(b)", "a[1:]", "a[::-1]", "a[-2:]",
    "b in a", "a < b", "a | length", "a | list", "a | upper", "a.title()", "a | int",
)  # fmt: skip


def agree_on(expressions: tuple[str, ...], variables: dict[str, Any]) -> None:
    for expression in expressions:
        text = f"{{{{ {expression} }}}}"
        compiled = chat_template_utils._compile_jinja_template(text)
        wanted: str | None
        try:
            wanted = compiled.render(**variables)
        except Exception:
            wanted = None
        got: str | None
        try:
            got = _native.Template(template_tree(text), variables, NOW.strftime).render([], None)
        except _native.TemplateRaisedError:
            got = None
        except _native.RefusedError:
            continue
        assert got == wanted, expression


@given(_DATA, _DATA)
def test_any_data_is_handled_alike(x: Any, y: Any) -> None:
    agree_on(_OF_DATA, {"x": x, "y": y})


@given(st.text(), st.text(max_size=2))
def test_any_text_is_handled_alike(a: str, b: str) -> None:
    agree_on(_OF_TEXT, {"a": a, "b": b})


@given(st.integers(2**49, 2**50 - 1), st.sampled_from([-0.75, -0.25, 0.25, 0.75]))
def test_floats_between_two_shortest_texts_print_alike(whole: int, quarters: float) -> None:
    # The neighbours of these floats are an eighth away, so one digit behind the point is enough.
    agree_on(("[x]", "y | tojson", "x"), {"x": whole + quarters, "y": -whole - quarters})


def used_constructs() -> dict[str, set[str]]:
    """What the corpus contains, in the words of the native list."""
    used: dict[str, set[str]] = {}
    environment = chat_template_utils._compile_jinja_template("").environment
    sources = [
        *TEMPLATES.values(),
        *(f"{{{{ {text} }}}}" for texts in EXPRESSIONS.values() for text in texts),
    ]
    for source in sources:
        for node in environment.parse(source).find_all(nodes.Node):
            kind = "statements" if isinstance(node, nodes.Stmt) else "expressions"
            used.setdefault(kind, set()).add(type(node).__name__)
            if isinstance(node, nodes.Filter):
                used.setdefault("filters", set()).add(node.name)
                if node.name in ("select", "reject") and node.args:
                    (test, *_) = node.args
                    assert isinstance(test, nodes.Const)
                    used.setdefault("tests", set()).add(test.value)
            elif isinstance(node, nodes.Test):
                used.setdefault("tests", set()).add(node.name)
            elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
                used.setdefault("functions", set()).add(node.node.name)
            elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
                for methods in ("dict methods", "str methods"):
                    used.setdefault(methods, set()).add(node.node.attr)
            elif isinstance(node, nodes.Getattr):
                used.setdefault("loop attributes", set()).add(node.attr)
    return used


def test_the_corpus_covers_every_construct_that_is_claimed() -> None:
    used = used_constructs()
    claimed = _native.constructs()
    untested = {kind: set(names) - used[kind] for kind, names in claimed.items()}
    assert not any(untested.values()), untested
