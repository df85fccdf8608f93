"""What is asked about the text of a chat template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from jinja2 import nodes

from strategies.chat.rendering import parse_template
from strategies.profiles.profile import Traits


@lru_cache(maxsize=64)
def traits_of(template: str) -> Traits:
    """Return the traits of a template, by the rules of vLLM 0.33.0 (``vllm/renderers/hf.py``).

    Raises
    ------
    jinja2.TemplateSyntaxError
        If it is no template.
    """
    tree = parse_template(template)
    return Traits(
        reads_parts=_reads_parts(tree),
        names_developer='"developer"' in template or "'developer'" in template,
    )


@lru_cache(maxsize=64)
def variables_of(template: str) -> frozenset[str]:
    """Return the names of all variables in a template.

    Raises
    ------
    jinja2.TemplateSyntaxError
        If it is no template.
    """
    return frozenset(name.name for name in parse_template(template).find_all(nodes.Name))


def _reads_parts(tree: nodes.Template) -> bool:
    """Whether a loop walks over the content of a message.

    The content may go through filters, tests and slices, or into a macro's parameter. A loop over
    a variable named content counts too, outside of macros.
    """
    named = _aliases(tree, "messages")
    loops = [
        loop.target.name
        for loop in tree.find_all(nodes.For)
        if isinstance(loop.target, nodes.Name) and any(_is(loop.iter, name) for name in named)
    ]

    def is_content(node: nodes.Node) -> bool:
        return any(_is_field(node, name, "content") for name in loops)

    inside_macros = set()
    for macro in tree.find_all(nodes.Macro):
        parameters = _given(tree, macro, is_content)
        for loop in macro.find_all(nodes.For):
            inside_macros.add(id(loop))
            if isinstance(loop.iter, nodes.Name) and loop.iter.name in parameters:
                return True
    return any(
        is_content(loop.iter)
        or (
            isinstance(loop.iter, nodes.Name)
            and loop.iter.name == "content"
            and id(loop) not in inside_macros
        )
        for loop in tree.find_all(nodes.For)
    )


def _aliases(tree: nodes.Template, name: str) -> set[str]:
    """Return a name and all that it is assigned to, also as ``namespace.attribute``."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        known = waiting.pop()
        if known in found:
            continue
        found.add(known)
        for assignment in tree.find_all(nodes.Assign):
            waiting += _targets(assignment, known)
    return found


def _targets(assignment: nodes.Assign, name: str) -> Iterator[str]:
    target, value = assignment.target, assignment.node
    if _is(value, name):
        if isinstance(target, nodes.Name):
            yield target.name
        elif isinstance(target, nodes.NSRef):
            yield f"{target.name}.{target.attr}"
    if (
        isinstance(target, nodes.Name)
        and isinstance(value, nodes.Call)
        and isinstance(value.node, nodes.Name)
        and value.node.name == "namespace"
    ):
        for keyword in value.kwargs:
            if _is(keyword.value, name):
                yield f"{target.name}.{keyword.key}"


def _given(
    tree: nodes.Template, macro: nodes.Macro, is_content: Callable[[nodes.Node], bool]
) -> set[str]:
    """Return the parameters of a macro that some call gives the content of a message."""
    names = [argument.name for argument in macro.args]
    found = set()
    for call in _calls(tree, macro.name):
        given: Iterable[tuple[str, nodes.Node]] = (
            *zip(names, call.args, strict=False),
            *((keyword.key, keyword.value) for keyword in call.kwargs),
        )
        found |= {name for name, value in given if name in names and is_content(value)}
    return found


def _calls(tree: nodes.Template, name: str) -> Iterator[nodes.Call]:
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == name:
            yield call


def _plain(node: nodes.Node) -> nodes.Node:
    """Return what filters, tests and slices are applied to."""
    while isinstance(node, (nodes.Filter, nodes.Test)) or (
        isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice)
    ):
        if node.node is None:
            # A filter block has none.
            break
        node = node.node
    return node


def _is(node: nodes.Node, name: str) -> bool:
    return _named(_plain(node), name)


def _named(node: nodes.Node, name: str) -> bool:
    if isinstance(node, nodes.Name):
        return node.name == name
    base, dot, attribute = name.rpartition(".")
    return (
        bool(dot)
        and isinstance(node, nodes.Getattr)
        and node.attr == attribute
        and _named(node.node, base)
    )


def _is_field(node: nodes.Node, name: str, field: str) -> bool:
    node = _plain(node)
    if isinstance(node, nodes.Getattr):
        return node.attr == field and _named(node.node, name)
    return (
        isinstance(node, nodes.Getitem)
        and isinstance(node.arg, nodes.Const)
        and node.arg.value == field
        and _named(node.node, name)
    )
