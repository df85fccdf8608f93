"""The operations of a template that can make a long text, checked before they are done.

A template may also print an object without a text of its own, such as a generator. Python then
writes its address in memory, which differs from run to run, so no count is exact. Each value is
looked at before it becomes text, and the template is refused as one that writes at random is.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    KeysView,
    Sized,
    ValuesView,
)
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2.utils import Namespace

from strategies.chat.limiting import check_bits, check_length, running, too_long
from strategies.chat.limits import RenderLimits
from strategies.errors import InputError, one_line

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

_GROUP = 16
"""Pieces of a text that are made before their length is checked."""


def _size(value: Sized) -> int:
    # An item of a list takes eight bytes, and is an object besides.
    return len(value) if isinstance(value, str) else 8 * len(value)


def checked_add(left: Any, right: Any) -> Any:
    """Return ``left + right``, unless that is too long."""
    if isinstance(left, (str, list, tuple)) and isinstance(right, Sized):
        check_length(_size(left) + _size(right))
    return left + right


def _multiply(left: Any, right: Any) -> Any:
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, (str, list, tuple)) and isinstance(times, int):
            check_length(_size(sequence) * times)
    if isinstance(left, int) and isinstance(right, int):
        check_bits(left.bit_length() + right.bit_length())
    return left * right


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        check_bits(left.bit_length() * right)
    return left**right


def _modulo(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        _check_percent(left, right if isinstance(right, tuple) else (right,), {})
    return left % right


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": checked_add,
    "*": _multiply,
    "**": _power,
    "%": _modulo,
}
"""Operators that can make a long text or a large number, each with its checked form."""


def checked_concat(pieces: Iterable[str]) -> str:
    """Join pieces as ``"".join`` does."""
    limits = running.limits
    if limits is None:
        return "".join(pieces)
    kept: list[str] = []
    length = 0
    pieces = iter(pieces)
    # Counted in small groups, which is faster than one by one.
    while group := list(islice(pieces, _GROUP)):
        length += sum(map(len, group))
        if length > limits.characters:
            raise too_long(limits)
        kept += group
    return "".join(kept)


def checked_text(value: Any) -> str:
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
    limits = running.limits
    if limits is not None:
        _text_length(value, limits)


def _text_length(value: Any, limits: RenderLimits) -> int:
    """Return about how long the text of a value is."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, PLAIN):
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
            raise too_long(limits)
    return length


PLAIN = (int, float, type(None), jinja2.Undefined)
"""Types with a short text, which is no address."""

_CONTAINERS = (list, tuple, dict, ItemsView, KeysView, ValuesView)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def checked_join(join: Callable[[Iterable[Any]], str]) -> Callable[[Iterable[Any]], str]:
    """Return a function that joins values as `join` does, and looks at them before."""

    def joined(values: Iterable[Any]) -> str:
        values = tuple(values)
        _check_text(values)
        return join(values)

    return joined


def checked_call(
    environment: SandboxedEnvironment,
    context: jinja2.runtime.Context,
    called: Any,
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Call a function for a template, as the environment does.

    Parameters
    ----------
    environment, context
        Those of the render.
    called
        The function or method.
    *args, **kwargs
        What the template gives it.
    """
    if isinstance(called, types.BuiltinMethodType):
        check = _METHODS.get(called.__name__)
        if check:
            check(called.__self__, args, kwargs)
    return type(environment).call(environment, context, called, *args, **kwargs)


def checked_str_format(environment: SandboxedEnvironment, value: Any) -> Callable[..., str] | None:
    """Return the sandbox's form of ``str.format``, or None if `value` is another function."""
    formatted = type(environment).wrap_str_format(environment, value)
    if formatted is None:
        return None

    @functools.wraps(formatted)
    def checked(*args: Any, **kwargs: Any) -> str:
        _check_braces(value.__self__, args, kwargs)
        return formatted(*args, **kwargs)

    return checked


def checked_filter(filtered: Callable[..., Any], check: _Check) -> Callable[..., Any]:
    """Return a filter that is checked before it does what `filtered` does."""
    # What Jinja2 passes in front of the value.
    before = 0 if getattr(filtered, "jinja_pass_arg", None) is None else 1

    @functools.wraps(filtered)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if len(args) > before:
            check(args[before], args[before + 1 :], kwargs)
        return filtered(*args, **kwargs)

    return checked


_Check = Callable[[Any, tuple[Any, ...], dict[str, Any]], None]


def check_widths(_value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Check numbers that are the width of a text, or the length of a list.

    Parameters
    ----------
    _value
        What the filter or method is applied to.
    args, kwargs
        Its arguments; those that are whole numbers may be widths.
    """
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, int):
            check_length(argument)


def _check_widths_and_text(value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    _check_text(value)
    check_widths(value, args, kwargs)


def _check_json(value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    # JSON has no text for other objects, and so no address: there the filter raises.
    with suppress(InputError):
        _check_text(value)
    check_widths(value, args, kwargs)


def _check_text_of(value: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> None:
    _check_text(value)


def _check_join(separator: Any, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> None:
    parts = args[0] if args else ()
    if isinstance(separator, str) and isinstance(parts, (list, tuple)):
        texts = sum(len(part) for part in parts if isinstance(part, str))
        check_length(texts + len(separator) * len(parts))


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
            check_length(len(text) + text.count(old) * more)


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
            check_length(int(width[:30]))
        else:
            check_widths(template, args, {})
    _check_text(args)
    longest = max((len(arg) for arg in args if isinstance(arg, str)), default=0)
    check_length(len(template) + longest * (template.count("%") + template.count("{")))


_METHODS: dict[str, _Check] = {
    "center": check_widths,
    "expandtabs": check_widths,
    "join": _check_join,
    "ljust": check_widths,
    "replace": _check_replace,
    "rjust": check_widths,
    "to_bytes": check_widths,
    "zfill": check_widths,
}
"""Methods of Python's own types that can make a long text, and what is checked before."""

FILTERS: dict[str, _Check] = {
    "batch": check_widths,
    "center": _check_widths_and_text,
    "format": _check_percent,
    "indent": _check_widths_and_text,
    "join": _check_join_filter,
    "replace": _check_replace,
    "round": check_widths,
    "slice": check_widths,
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

WITH_WIDTHS = frozenset(
    name
    for name, check in FILTERS.items()
    if check in (check_widths, _check_widths_and_text, _check_json)
)
"""Filters whose numbers are the width of a text, or the length of a list."""
