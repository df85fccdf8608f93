"""A public function with three or more parameters says what each of them is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).parents[1]
FEWEST = 3
"""With fewer parameters, their names and types and the first sentence say enough."""

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("package", ["strategies", "bench", "isl_bench", "isl_bench_pytest"])
def test_every_parameter_is_described(package: str) -> None:
    paths = sorted((ROOT / package).rglob("*.py"))
    assert paths
    wrong = [
        f"{path.relative_to(ROOT)}:{complaint}"
        for path in paths
        for complaint in complaints(
            path.read_text(encoding="utf-8"), benchmarks=path.parent.name == "benchmarks"
        )
    ]
    assert wrong == []


PLANTED = '''
def nothing(a, b, *more): """Do it."""

def gap(a, b, *, c, **rest):
    """Do it.

    Parameters
    ----------
    a, b
        Two lengths, in tokens.
    **rest
        More.
    """

def other_section(a, b, c):
    """Do it.

    Returns
    -------
    a, b, c
        All of them.
    """

def stale(a, b, c):
    """Do it.

    Parameters
    ----------
    a, b, d
        Three lengths, in tokens.
    c
        One more.
    """

class Work(Protocol):
    """Some work."""

    def __call__(self, x, y, z): """Do it."""

class Made:
    """It takes three."""

    def __init__(self, a, b, c):
        self.all = a, b, c

    def method(self, a, b, c): """Do it."""

    @staticmethod
    def static(a, b, c): """Do it."""
'''

FINE = '''
def few(a, b): """Do it."""

def unused(a, b, _c): """Do it."""

def _private(a, b, c): """Do it."""

class _Private:
    def method(self, a, b, c): """Do it."""

@click.command("it")
def command(a, b, c): """Do it: its options have their own help."""

class Work(Protocol):
    """Some work."""

    def __call__(self, x, y, z):
        """Do it.

        Parameters
        ----------
        x, y, z
            Three lengths, in tokens.
        """

def some_work(x, y, z): """Do it in one way."""

class Kind(click.ParamType[str]):
    """A kind of option."""

    def convert(self, value, parameter, context): """Return it."""

class Made:
    """It takes three.

    Parameters
    ----------
    a, b
        Two lengths, in tokens.
    c : int
        Another one.

    Attributes
    ----------
    all
        The three.
    """

    def __init__(self, a, b, c):
        self.all = a, b, c

    def method(self, a, *b, **c):
        """Do it.

        Parameters
        ----------
        a
            A length, in tokens.
        *b, **c
            More.
        """
'''

BENCHMARK = '''
class Warm:
    """Its params are literals, with param_names."""

    def time_count(self, strategy, family, cores): """Count every turn."""

def counting(strategy, family, cores): """Return the call."""
'''


def test_what_is_missing_is_found() -> None:
    assert list(complaints(PLANTED)) == [
        "2: nothing says nothing of *more, a, b",
        "4: gap says nothing of c",
        "15: other_section says nothing of a, b, c",
        "24: stale says something of d, which it does not take",
        "38: Work.__call__ says nothing of x, y, z",
        "43: Made.__init__ says nothing of a, b, c",
        "46: Made.method says nothing of a, b, c",
        "49: Made.static says nothing of a, b, c",
    ]
    assert list(complaints(FINE)) == []
    assert list(complaints(BENCHMARK, benchmarks=True)) == [
        "7: counting says nothing of cores, family, strategy"
    ]


def complaints(source: str, *, benchmarks: bool = False) -> Iterator[str]:
    """Yield a line for each function whose docstring and parameters differ.

    Left out are

    - methods in a file of `benchmarks`, because asv calls them with one value of each list in
      `params`, and the class names these lists;
    - functions with the parameters of a protocol in the same file, whose `__call__` describes
      them for all.
    """
    module = ast.parse(source)
    shared = [
        parameters(member)
        for node in module.body
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(b) for b in node.bases)
        for member in node.body
        if isinstance(member, Function) and member.name == "__call__"
    ]
    for name, function, docstring in public_functions(module, methods=not benchmarks):
        taken = parameters(function)
        described = parameter_section(docstring)
        if len(taken) < FEWEST or (taken in shared and "." not in name):
            continue
        if missing := ", ".join(sorted(taken - described)):
            yield f"{function.lineno}: {name} says nothing of {missing}"
        if stale := ", ".join(sorted(described - taken)):
            yield f"{function.lineno}: {name} says something of {stale}, which it does not take"


def public_functions(module: ast.Module, *, methods: bool) -> Iterator[tuple[str, Function, str]]:
    """Yield public functions and methods, each with its name and docstring.

    The docstring of a constructor is that of its class. Left out are the commands of click, whose
    options have help texts, and the methods of its types, which click declares and documents.
    """
    for node in module.body:
        if isinstance(node, Function) and is_public(node.name) and not is_command(node):
            yield node.name, node, ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef) and is_public(node.name) and methods:
            of_click = any("click." in ast.unparse(base) for base in node.bases)
            for member in node.body:
                if not isinstance(member, Function) or of_click:
                    continue
                if is_public(member.name) or member.name in {"__init__", "__call__"}:
                    documented = node if member.name == "__init__" else member
                    name = f"{node.name}.{member.name}"
                    yield name, member, ast.get_docstring(documented) or ""


def is_public(name: str) -> bool:
    return not name.startswith("_")


def is_command(function: Function) -> bool:
    decorators = (ast.unparse(each) for each in function.decorator_list)
    return any(re.match(r"click\.(command|group)\(", each) for each in decorators)


def parameters(function: Function) -> set[str]:
    """Return the names of the parameters as a docstring writes them.

    Without `self`, and without those that begin with an underscore, because they are not used.
    """
    taken = function.args
    names = [each.arg for each in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)]
    if taken.vararg is not None:
        names.append(f"*{taken.vararg.arg}")
    if taken.kwarg is not None:
        names.append(f"**{taken.kwarg.arg}")
    return {name for name in names if name not in {"self", "cls"} and is_public(name)}


def parameter_section(docstring: str) -> set[str]:
    """Return the names that the section `Parameters` has lines for."""
    _, _, section = docstring.partition("Parameters\n----------\n")
    # The next section begins with a line that has another line of dashes under it.
    section = re.split(r"\n\n\w+\n---", section)[0]
    heads = re.findall(r"^\S.*$", section, re.MULTILINE)
    return {name.strip() for head in heads for name in head.partition(" :")[0].split(",")}
