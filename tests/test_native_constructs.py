# a case reads best on one line
"""The native renderer against transformers' environment, construct by construct."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes
from transformers.utils import chat_template_utils

from strategies import _native
from strategies.chat.rendering import parse_template
from strategies.chat.syntax import template_tree
from tests.template_corpus import EXPRESSIONS, MESSAGES, REFUSED, TEMPLATES, VARIABLES

NOW = datetime(2025, 1, 9, 3, 4, 5)  # noqa: DTZ001  # templates write local dates


class FrozenDatetime(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # noqa: ARG003
        return NOW


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template_utils, "datetime", FrozenDatetime)


def expected(
    template: str,
    messages: Sequence[dict[str, Any]] = MESSAGES,
    variables: Mapping[str, Any] = VARIABLES,
) -> str | Exception:
    try:
        render: Callable[..., Any] = chat_template_utils.render_jinja_template
        (rendered,), _ = render(conversations=[messages], chat_template=template, **variables)
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
    "b in a", "a < b", "a | length", "a | list", "a | upper", "a.title()", "a | int", "a | lower",
    "a | title", "a | capitalize", "a | indent(2, true)", "[a, b] | min", "[a, b] | max",
)  # fmt: skip


#: The allowed reasons to leave a value to Jinja2: Python's versions treat it differently.
_LEFT = re.compile(
    r"repr of U\+[0-9A-F]+|the (title )?case of U\+[0-9A-F]+"
    r"|int of this text|comparing a very large integer with a float"
)


def agree_on(
    expressions: tuple[str, ...], variables: dict[str, Any], compared: Counter[str]
) -> None:
    """Compare the output of both, and count the expressions that could be compared."""
    for expression in expressions:
        text = f"{{{{ {expression} }}}}"
        transformers = expected(text, [], variables)
        wanted = None if isinstance(transformers, Exception) else transformers
        got: str | None = None
        refusal = None
        try:
            got = _native.Template(template_tree(text), variables, NOW.strftime).render([], None)
        except _native.TemplateRaisedError:
            pass
        except _native.RefusedError as error:
            refusal = str(error)
        if refusal is not None:
            assert _LEFT.fullmatch(refusal), f"{expression} is refused: {refusal}"
            continue
        assert got == wanted, expression
        # If both raise, that says little, so it is not counted.
        compared[expression] += wanted is not None


def assert_compared(expressions: tuple[str, ...], compared: Counter[str]) -> None:
    # If the core refused everything, nothing would be compared.
    seldom = [each for each in expressions if compared[each] < 2]
    assert not seldom, f"compared less than twice, everything else was refused: {seldom}"


def test_any_data_is_handled_alike() -> None:
    compared: Counter[str] = Counter()

    @given(_DATA, _DATA)
    def check(x: Any, y: Any) -> None:
        agree_on(_OF_DATA, {"x": x, "y": y}, compared)

    check()
    assert_compared(_OF_DATA, compared)


def test_any_text_is_handled_alike() -> None:
    compared: Counter[str] = Counter()

    @given(st.text() | st.text("aB1 \n"), st.text(max_size=2))
    def check(a: str, b: str) -> None:
        agree_on(_OF_TEXT, {"a": a, "b": b}, compared)

    check()
    assert_compared(_OF_TEXT, compared)


def test_floats_between_two_shortest_texts_print_alike() -> None:
    compared: Counter[str] = Counter()
    expressions = ("[x]", "y | tojson", "x")

    @given(st.integers(2**49, 2**50 - 1), st.sampled_from([-0.75, -0.25, 0.25, 0.75]))
    def check(whole: int, quarters: float) -> None:
        # Neighbouring floats are an eighth away, so one digit after the point is enough.
        x = whole + quarters
        agree_on(expressions, {"x": x, "y": -x}, compared)

    check()
    assert_compared(expressions, compared)


def used_constructs() -> dict[str, set[str]]:
    """Return the constructs in the corpus, by the names of the native list."""
    used: dict[str, set[str]] = defaultdict(set)
    sources = [
        *TEMPLATES.values(),
        *(f"{{{{ {text} }}}}" for texts in EXPRESSIONS.values() for text in texts),
    ]
    for source in sources:
        for node in parse_template(source).find_all(nodes.Node):
            kind = "statements" if isinstance(node, nodes.Stmt) else "expressions"
            used[kind].add(type(node).__name__)
            match node:
                case nodes.Filter(name=name):
                    used["filters"].add(name)
                    if name in ("select", "reject") and node.args:
                        (test, *_) = node.args
                        assert isinstance(test, nodes.Const)
                        used["tests"].add(test.value)
                case nodes.Test(name=name):
                    used["tests"].add(name)
                case nodes.Call(node=nodes.Name(name=name)):
                    used["functions"].add(name)
                case nodes.Call(node=nodes.Getattr(attr=name)):
                    used["dict methods"].add(name)
                    used["str methods"].add(name)
                case nodes.Getattr(node=nodes.Name(name="loop"), attr=name):
                    used["loop attributes"].add(name)
    return used


def without_a_case(claimed: dict[str, list[str]]) -> list[str]:
    used = used_constructs()
    return [
        f"{kind}: {name}" for kind in claimed for name in claimed[kind] if name not in used[kind]
    ]


def test_every_construct_that_is_claimed_has_a_case() -> None:
    missing = without_a_case(_native.constructs())
    assert not missing, f"add a case to tests/template_corpus.py for each of these: {missing}"


def test_a_construct_without_a_case_is_found() -> None:
    claimed = {"filters": ["upper", "shout"], "loop attributes": ["index", "role"]}
    assert without_a_case(claimed) == ["filters: shout", "loop attributes: role"]
