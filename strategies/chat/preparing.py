"""Prepare a template of Jinja2 so that its renders keep the limits.

Python and Jinja2 let the steps be counted, and every operation be checked before it is done:

- The syntax tree gets a call that counts, in the body of each loop and each macro.
- The sandbox lets operators be intercepted (`intercepted_binops`), and `environment.call` sees
  every call. Filters are looked up in a table of the environment. Sums become a filter, where
  their result is kept.
- Jinja2 makes texts with `environment.concat`, with `str_join` for the operator ``~``, and with
  the name `str` where a value is printed.
"""

from __future__ import annotations

import threading
import types
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from strategies.chat.limiting import RenderLimitError, limited, running, too_many_steps
from strategies.chat.operations import (
    FILTERS,
    OPERATORS,
    PLAIN,
    WITH_WIDTHS,
    check_widths,
    checked_add,
    checked_call,
    checked_concat,
    checked_filter,
    checked_join,
    checked_str_format,
    checked_text,
)
from strategies.errors import InputError, one_line

_OF_A_MACRO = 10
"""Steps of a macro call. It takes Python that much longer than an item of a loop."""

_STEP = "isl_bench_step"
"""Name of the filter that counts steps."""

_ADD = "isl_bench_add"
"""Name of the filter that adds."""

_AS_IT_IS = "isl_bench_as_it_is"
"""Name of the filter that changes nothing."""

_INTERCEPTED = frozenset({"*", "**", "%"})
"""Operators that the environment checks. The sum is checked only where its result is kept."""


def check_constants(environment: jinja2.Environment, text: str) -> None:
    """Raise if a template holds an operation on constants beyond the limits.

    Jinja2 does these when it compiles the template, before anything can be counted.

    Parameters
    ----------
    environment
        The environment that parses the template.
    text
        The template.

    Raises
    ------
    RenderLimitError
        With the line.
    jinja2.TemplateSyntaxError
        If it is no template.
    """
    with limited():
        _Constants().visit(environment.parse(text))


class _Constants(NodeTransformer):
    """Does the operations on constants as Jinja2 would, but within the limits."""

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        node = self.generic_visit(node, *args, **kwargs)
        try:
            if isinstance(node, nodes.BinExpr) and node.operator in OPERATORS:
                left, right = node.left.as_const(), node.right.as_const()
                return nodes.Const(OPERATORS[node.operator](left, right), lineno=node.lineno)
            if isinstance(node, nodes.Concat):
                parts = [part.as_const() for part in node.nodes]
                if all(isinstance(part, (str, *PLAIN)) for part in parts):
                    return nodes.Const(checked_concat(map(str, parts)), lineno=node.lineno)
            if isinstance(node, nodes.Filter):
                arguments = [*node.args, *(pair.value for pair in node.kwargs)]
                if node.name in WITH_WIDTHS:
                    check_widths(None, tuple(argument.as_const() for argument in arguments), {})
        except nodes.Impossible:
            pass
        except RenderLimitError as error:
            raise RenderLimitError(f"line {node.lineno}: {one_line(error)}") from None
        except InputError:
            raise
        except Exception:  # noqa: S110  # Jinja2 leaves the operation to the render, and it raises
            pass
        return node


def limit(template: jinja2.Template, text: str) -> None:
    """Prepare a compiled template, in place, to be rendered within the limits.

    Parameters
    ----------
    template
        The template that transformers has compiled and keeps.
    text
        Its text.
    """
    environment: Any = template.environment
    if environment.concat is not checked_concat:
        # Threads share the templates that transformers keeps.
        with _preparing:
            if environment.concat is not checked_concat:
                _prepare(template, environment, text)


_preparing = threading.Lock()


def _prepare(template: jinja2.Template, environment: Any, text: str) -> None:
    environment.intercepted_binops = _INTERCEPTED
    checked = {name: OPERATORS[name] for name in _INTERCEPTED}
    environment.binop_table = {**environment.binop_table, **checked}
    environment.call = types.MethodType(checked_call, environment)
    environment.wrap_str_format = types.MethodType(checked_str_format, environment)
    for name, check in FILTERS.items():
        environment.filters[name] = checked_filter(environment.filters[name], check)
    environment.filters[_STEP] = _count_steps
    environment.filters[_ADD] = _add_kept
    environment.filters[_AS_IT_IS] = _as_it_is
    # Limited, so that a filter that refuses a constant is left to the render, and refuses there.
    with limited():
        tree = _Limited().visit(environment.parse(text))
        prepared = environment.from_string(tree)
    namespace = prepared.root_render_func.__globals__
    namespace["str"] = checked_text
    for name in ("str_join", "markup_join"):
        namespace[name] = checked_join(namespace[name])
    template.root_render_func = prepared.root_render_func
    template.blocks = prepared.blocks
    # Last, because it says that the template is ready.
    environment.concat = checked_concat


class _Limited(NodeTransformer):
    """Adds the call that counts steps to loops and macros, and checks sums that are kept.

    A sum that is only printed has no more operands than the template has words. A text can grow
    without end only if a variable, an argument or an item of a list keeps it.
    """

    def __init__(self) -> None:
        self._kept = False

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        before = self._kept
        if isinstance(node, _KEEPING):
            self._kept = True
        elif isinstance(node, nodes.Output):
            self._kept = False
        kept = self._kept
        self.generic_visit(node, *args, **kwargs)
        self._kept = before
        if isinstance(node, (nodes.Output, nodes.Concat)):
            node.nodes = [_unfolded(each) for each in node.nodes]
        if isinstance(node, nodes.Add) and kept:
            return nodes.Filter(node.left, _ADD, [node.right], [], None, None, lineno=node.lineno)
        if isinstance(node, nodes.For) and node.test is not None:
            # Each item is tested, also those that the loop leaves out.
            node.test = nodes.And(_steps(node, 1), node.test, lineno=node.lineno)
        elif isinstance(node, (nodes.For, nodes.Macro)):
            steps = _steps(node, 1 if isinstance(node, nodes.For) else _OF_A_MACRO)
            node.body = [nodes.ExprStmt(steps, lineno=node.lineno), *node.body]
        return node


def _unfolded(node: nodes.Expr) -> nodes.Expr:
    """Return an expression that Jinja2 turns into text at each render, where it is looked at.

    It would do so with a constant when it compiles the template, also with a constant object.
    """
    try:
        plain = isinstance(node.as_const(), (str, *PLAIN))
    except Exception:
        # It is no constant.
        plain = True
    if plain:
        return node
    return nodes.Filter(node, _AS_IT_IS, [], [], None, None, lineno=node.lineno)


_KEEPING = (
    *(nodes.Assign, nodes.With, nodes.For, nodes.Macro),
    *(nodes.Call, nodes.Filter, nodes.List, nodes.Tuple, nodes.Dict),
)
"""What may keep the values of the expressions in it. What it prints, it does not keep."""


def _steps(node: nodes.Node, number: int) -> nodes.Filter:
    counted = nodes.Const(number, lineno=node.lineno)
    return nodes.Filter(counted, _STEP, [], [], None, None, lineno=node.lineno)


# A filter of the context is never called when the template is compiled.
@jinja2.pass_context
def _count_steps(_context: object, number: int) -> int:
    left = running.steps
    if left is not None:
        if left <= 0:
            raise too_many_steps()
        running.steps = left - number
    # In the condition of a loop, it must be true.
    return number


@jinja2.pass_context
def _as_it_is(_context: object, value: Any) -> Any:
    return value


@jinja2.pass_context
def _add_kept(_context: object, left: Any, right: Any) -> Any:
    return checked_add(left, right)
