"""What a render may not do: take too many steps, make too long a text, or print an address.

A chat template is a program that comes with a model. One that doubles a text thirty times, or
that nests loops, would take all memory or hours. So a template runs with two limits, in
transformers' own environment: the plain call, which is the reference, has them as well. A
render within the limits gives the same text as without them.

Python and Jinja2 let the steps be counted, and every operation be checked before it is done:

- The syntax tree gets a call that counts, in the body of each loop and each macro.
- The sandbox lets operators be intercepted (`intercepted_binops`), and `environment.call` sees
  every call. Filters are looked up in a table of the environment. Sums become a filter, where
  their result is kept.
- Jinja2 makes texts with `environment.concat`, with `str_join` for the operator ``~``, and with
  the name `str` where a value is printed.

A template may also print an object without a text of its own, such as a generator. Python then
writes its address in memory, which differs from run to run, so no count is exact. Each value is
looked at before it becomes text, and the template is refused as one that writes at random is.
"""

from __future__ import annotations

import functools
import os
import re
import threading
import types
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Sized,
    ValuesView,
)
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import nodes
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from strategies.errors import InputError, one_line

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

MAX_RENDER_STEPS = 50_000_000
"""Items of loops in one render, and calls of macros, each of which counts as ten. Published
templates take a few for each message; one that looks at all messages again for each takes 50
million at 7,000 messages."""

_OF_A_MACRO = 10
"""Steps of a macro call. It takes Python that much longer than an item of a loop."""

MAX_RENDER_CHARACTERS = 2**27
"""Characters of a prompt, and of every text that a template makes on the way to it. That is
over 100 times the longest context of a model."""

MAX_BITS = 2**16
"""Size of an integer that a template makes. Python prints none of more than 4,300 digits."""

STEPS_VARIABLE = "ISL_BENCH_MAX_RENDER_STEPS"
CHARACTERS_VARIABLE = "ISL_BENCH_MAX_RENDER_CHARACTERS"
"""Environment variables that set other limits."""

_STEP = "isl_bench_step"
"""Name of the filter that counts steps."""

_ADD = "isl_bench_add"
"""Name of the filter that adds."""

_AS_IT_IS = "isl_bench_as_it_is"
"""Name of the filter that changes nothing."""

_INTERCEPTED = frozenset({"*", "**", "%"})
"""Operators that the environment checks. The sum is checked only where its result is kept."""

_GROUP = 16
"""Pieces of a text that are made before their length is checked."""


class RenderLimitError(jinja2.TemplateRuntimeError):
    """A render that went beyond a limit; the turn has no ISL."""


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """How much one render may do.

    Parameters
    ----------
    steps
        Items of loops, and ten for each call of a macro.
    characters
        Length of a text.
    """

    steps: int
    characters: int


def render_limits() -> RenderLimits:
    """Return the limits of this process: the defaults, or what the environment says.

    Raises
    ------
    InputError
        If a variable of the environment holds no whole number above 0.
    """
    return RenderLimits(
        _from_environment(STEPS_VARIABLE, MAX_RENDER_STEPS),
        _from_environment(CHARACTERS_VARIABLE, MAX_RENDER_CHARACTERS),
    )


def _from_environment(variable: str, default: int) -> int:
    text = os.environ.get(variable)
    if text is None:
        return default
    if not re.fullmatch(r"0*[1-9][0-9]{0,17}", text):
        raise InputError(f"must be a whole number from 1 on, not {text!r}", field=variable)
    return int(text)


class _Running(threading.local):
    """What is left to the render that runs in this thread; nothing limits other renders."""

    steps: int | None = None
    limits: RenderLimits | None = None


_running = _Running()


@contextmanager
def limited(limits: RenderLimits | None = None) -> Iterator[None]:
    """Limit the renders inside, in this thread, of templates that `limit` has prepared.

    Parameters
    ----------
    limits
        By default those of `render_limits`.
    """
    limits = limits or render_limits()
    before = _running.steps, _running.limits
    _running.steps, _running.limits = limits.steps, limits
    try:
        yield
    finally:
        _running.steps, _running.limits = before


def _too_long(limits: RenderLimits) -> RenderLimitError:
    return RenderLimitError(
        f"the template makes a text of more than {limits.characters:,} characters "
        f"({CHARACTERS_VARIABLE} sets another limit)"
    )


def _check(length: int) -> None:
    """Raise if a text of this length is too long; called before it is made."""
    limits = _running.limits
    if limits is not None and length > limits.characters:
        raise _too_long(limits)


# --- preparing a template -------------------------------------------------------------------


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
            if isinstance(node, nodes.BinExpr) and node.operator in _OPERATORS:
                left, right = node.left.as_const(), node.right.as_const()
                return nodes.Const(_OPERATORS[node.operator](left, right), lineno=node.lineno)
            if isinstance(node, nodes.Concat):
                parts = [part.as_const() for part in node.nodes]
                if all(isinstance(part, (str, *_PLAIN)) for part in parts):
                    return nodes.Const(_concat(map(str, parts)), lineno=node.lineno)
            if isinstance(node, nodes.Filter):
                arguments = [*node.args, *(pair.value for pair in node.kwargs)]
                if _FILTERS.get(node.name) in (_check_widths, _check_widths_and_text, _check_json):
                    _check_widths(None, tuple(argument.as_const() for argument in arguments), {})
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
    if environment.concat is not _concat:
        # Threads share the templates that transformers keeps.
        with _preparing:
            if environment.concat is not _concat:
                _prepare(template, environment, text)


_preparing = threading.Lock()


def _prepare(template: jinja2.Template, environment: Any, text: str) -> None:
    environment.intercepted_binops = _INTERCEPTED
    checked = {name: _OPERATORS[name] for name in _INTERCEPTED}
    environment.binop_table = {**environment.binop_table, **checked}
    environment.call = types.MethodType(_call, environment)
    environment.wrap_str_format = types.MethodType(_wrap_str_format, environment)
    for name, check in _FILTERS.items():
        environment.filters[name] = _checked(environment.filters[name], check)
    environment.filters[_STEP] = _count_steps
    environment.filters[_ADD] = _add_kept
    environment.filters[_AS_IT_IS] = _as_it_is
    # Limited, so that a filter that refuses a constant is left to the render, and refuses there.
    with limited():
        tree = _Limited().visit(environment.parse(text))
        prepared = environment.from_string(tree)
    namespace = prepared.root_render_func.__globals__
    namespace["str"] = _text
    for name in ("str_join", "markup_join"):
        namespace[name] = _checked_join(namespace[name])
    template.root_render_func = prepared.root_render_func
    template.blocks = prepared.blocks
    # Last, because it says that the template is ready.
    environment.concat = _concat


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
        plain = isinstance(node.as_const(), (str, *_PLAIN))
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
    left = _running.steps
    if left is not None:
        if left <= 0:
            limits = _running.limits or render_limits()
            raise RenderLimitError(
                f"the template takes more than {limits.steps:,} steps in its loops and macros "
                f"({STEPS_VARIABLE} sets another limit)"
            )
        _running.steps = left - number
    # In the condition of a loop, it must be true.
    return number


@jinja2.pass_context
def _as_it_is(_context: object, value: Any) -> Any:
    return value


@jinja2.pass_context
def _add_kept(_context: object, left: Any, right: Any) -> Any:
    return _add(left, right)


# --- checked operations ----------------------------------------------------------------------


def _size(value: Sized) -> int:
    # An item of a list takes eight bytes, and is an object besides.
    return len(value) if isinstance(value, str) else 8 * len(value)


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, (str, list, tuple)) and isinstance(right, Sized):
        _check(_size(left) + _size(right))
    return left + right


def _multiply(left: Any, right: Any) -> Any:
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, (str, list, tuple)) and isinstance(times, int):
            _check(_size(sequence) * times)
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() + right.bit_length())
    return left * right


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() * right)
    return left**right


def _check_bits(bits: int) -> None:
    if bits > MAX_BITS and _running.limits is not None:
        raise RenderLimitError(f"the template makes a number of more than {MAX_BITS:,} bits")


def _modulo(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        _check_percent(left, right if isinstance(right, tuple) else (right,), {})
    return left % right


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "*": _multiply,
    "**": _power,
    "%": _modulo,
}


def _concat(pieces: Iterable[str]) -> str:
    """Join pieces as ``"".join`` does."""
    limits = _running.limits
    if limits is None:
        return "".join(pieces)
    kept: list[str] = []
    length = 0
    pieces = iter(pieces)
    # Counted in small groups, which is faster than one by one.
    while group := list(islice(pieces, _GROUP)):
        length += sum(map(len, group))
        if length > limits.characters:
            raise _too_long(limits)
        kept += group
    return "".join(kept)


def _text(value: Any) -> str:
    """Return ``str(value)``, which is how Jinja2 prints a value."""
    if type(value) is str:
        return value
    _check_text(value)
    return str(value)


def _check_text(value: Any) -> None:
    """Check a value that is to become text: its length, and that it is no address.

    Raises
    ------
    RenderLimitError
        If the text would be too long.
    InputError
        If it would hold the address of an object.
    """
    limits = _running.limits
    if limits is not None:
        _text_length(value, limits)


def _text_length(value: Any, limits: RenderLimits) -> int:
    """Return about how long the text of a value is."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, _PLAIN):
        return 1
    if isinstance(value, Namespace):
        # It prints its attributes, and keeps them under a name that it hides.
        value = object.__getattribute__(value, "_Namespace__attrs")
    if not isinstance(value, _CONTAINERS):
        text = str(value)
        if _ADDRESS.search(text):
            kind = one_line(_ADDRESS.sub("", text))
            raise InputError(
                f"the chat template writes the address of an object ({kind}), which differs from "
                "run to run, so no count is exact"
            )
        return len(text)
    length = 0
    items = chain.from_iterable(value.items()) if isinstance(value, dict) else value
    for item in items:
        length += _text_length(item, limits)
        if length > limits.characters:
            raise _too_long(limits)
    return length


_PLAIN = (int, float, type(None), jinja2.Undefined)
_CONTAINERS = (list, tuple, dict, ItemsView, KeysView, ValuesView)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def _checked_join(join: Callable[[Iterable[Any]], str]) -> Callable[[Iterable[Any]], str]:
    def joined(values: Iterable[Any]) -> str:
        values = tuple(values)
        _check_text(values)
        return join(values)

    return joined


def _call(
    environment: SandboxedEnvironment,
    context: jinja2.runtime.Context,
    called: Any,
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    if isinstance(called, types.BuiltinMethodType):
        check = _METHODS.get(called.__name__)
        if check:
            check(called.__self__, args, kwargs)
    return type(environment).call(environment, context, called, *args, **kwargs)


def _wrap_str_format(environment: SandboxedEnvironment, value: Any) -> Callable[..., str] | None:
    formatted = type(environment).wrap_str_format(environment, value)
    if formatted is None:
        return None

    @functools.wraps(formatted)
    def checked(*args: Any, **kwargs: Any) -> str:
        _check_braces(value.__self__, args, kwargs)
        return formatted(*args, **kwargs)

    return checked


def _checked(filtered: Callable[..., Any], check: _Check) -> Callable[..., Any]:
    # What Jinja2 passes in front of the value.
    before = 0 if getattr(filtered, "jinja_pass_arg", None) is None else 1

    @functools.wraps(filtered)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if len(args) > before:
            check(args[before], args[before + 1 :], kwargs)
        return filtered(*args, **kwargs)

    return checked


_Check = Callable[[Any, tuple[Any, ...], dict[str, Any]], None]


def _check_widths(_value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Check numbers that are the width of a text, or the length of a list."""
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, int):
            _check(argument)


def _check_widths_and_text(value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    _check_text(value)
    _check_widths(value, args, kwargs)


def _check_json(value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    # JSON has no text for other objects, and so no address: there the filter raises.
    with suppress(InputError):
        _check_text(value)
    _check_widths(value, args, kwargs)


def _check_text_of(value: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> None:
    _check_text(value)


def _check_join(separator: Any, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> None:
    parts = args[0] if args else ()
    if isinstance(separator, str) and isinstance(parts, (list, tuple)):
        texts = sum(len(part) for part in parts if isinstance(part, str))
        _check(texts + len(separator) * len(parts))


def _check_join_filter(parts: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    separator = args[0] if args else kwargs.get("d", "")
    if "attribute" not in kwargs and not args[1:] and isinstance(parts, _CONTAINERS):
        _check_text(parts)
    _check_join(separator, (parts,), {})


def _check_replace(text: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    _check_text(text)
    old = args[0] if args else kwargs.get("old")
    new = args[1] if len(args) > 1 else kwargs.get("new")
    if isinstance(text, str) and isinstance(old, str) and isinstance(new, str):
        more = len(new) - len(old)
        if more > 0:
            _check(len(text) + text.count(old) * more)


def _check_percent(template: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    _check_format(_PERCENT_WIDTHS, template, (*args, *kwargs.values()))


def _check_braces(template: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    _check_format(_BRACE_WIDTHS, template, (*args, *kwargs.values()))


_PERCENT_WIDTHS = re.compile(r"%(?:\([^)]*\))?[#0\- +]*([0-9]+|\*)?(?:\.([0-9]+|\*))?")
_BRACE_WIDTHS = re.compile(r"\{[^{}]*:[^{}0-9]*([0-9]+|\{)?(?:\.([0-9]+|\{))?")
"""Where a format says how wide a field is. The width may be an argument: an asterisk or a brace."""


def _check_format(widths: re.Pattern[str], template: Any, args: tuple[Any, ...]) -> None:
    """Check the widths in a format, and the texts that it puts together."""
    if not isinstance(template, str):
        return
    found = {width for match in widths.finditer(template) for width in match.groups() if width}
    for width in found:
        if width.isdecimal():
            _check(int(width[:30]))
        else:
            _check_widths(template, args, {})
    _check_text(args)
    longest = max((len(arg) for arg in args if isinstance(arg, str)), default=0)
    _check(len(template) + longest * (template.count("%") + template.count("{")))


_METHODS: dict[str, _Check] = {
    "center": _check_widths,
    "expandtabs": _check_widths,
    "join": _check_join,
    "ljust": _check_widths,
    "replace": _check_replace,
    "rjust": _check_widths,
    "to_bytes": _check_widths,
    "zfill": _check_widths,
}
"""Methods of Python's own types that can make a long text, and what is checked before."""

_FILTERS: dict[str, _Check] = {
    "batch": _check_widths,
    "center": _check_widths_and_text,
    "format": _check_percent,
    "indent": _check_widths_and_text,
    "join": _check_join_filter,
    "replace": _check_replace,
    "round": _check_widths,
    "slice": _check_widths,
    "tojson": _check_json,
    **dict.fromkeys(
        (
            *("capitalize", "e", "escape", "forceescape", "lower", "pprint", "safe", "string"),
            *("striptags", "title", "trim", "truncate", "upper", "urlencode", "urlize"),
            *("wordcount", "wordwrap", "xmlattr"),
        ),
        _check_text_of,
    ),
}
"""Filters that make a text or a long list, and what is checked before."""
