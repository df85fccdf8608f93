"""The files of the native core use each other in one direction only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import strategies

SOURCES = Path(strategies.__file__).parent / "rust" / "src"

#: From the lowest to the highest: a room may use those before it. README.md of the core draws it.
ROOMS = (
    *("fault", "data", "prefix", "records", "engine", "tokenizer", "count", "render", "prompts"),
    *("session", "binding", "lib"),
)
#: Rooms that are side by side: neither uses the other.
APART = (
    ("count", "render"),
    ("tokenizer", "render"),
    ("engine", "render"),
    ("data", "engine"),
    ("data", "tokenizer"),
    ("data", "count"),
    *(("records", room) for room in ("engine", "tokenizer", "count", "render", "prompts")),
    *(("session", room) for room in ("records", "prompts")),
)

_TESTS = re.compile(r"^#\[cfg\(test\)\]\nmod \w+ \{.*", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"//.*")
_USE = re.compile(r"\buse ([^;]+);")
#: A path in the code itself, such as `crate::VERSION` or `super::json::Style`.
_PATH = re.compile(r"\b(?:crate|super)(?:::\w+)+")


def module_of(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return parts[:-1] if parts[-1] == "mod" else parts


def paths_in(tree: str) -> list[str]:
    """Return the paths of a `use`: `a::{b, c::d}` is `a::b` and `a::c::d`."""
    head, brace, rest = tree.partition("{")
    if not brace:
        return [head.split(" as ")[0].strip()]
    parts, depth, start = [], 0, 0
    inner = rest[: rest.rindex("}")]
    for place, character in enumerate(inner):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(inner[start:place])
            start = place + 1
    parts.append(inner[start:])
    return [
        head.strip() + path for part in parts if part.strip() for path in paths_in(part.strip())
    ]


def children(files: Iterable[tuple[str, ...]], module: tuple[str, ...]) -> list[str]:
    return [other[-1] for other in files if other[:-1] == module]


def uses(files: Mapping[tuple[str, ...], str]) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
    """Return the modules that each module uses, without those of its unit tests."""
    found: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for module, text in files.items():
        code = _COMMENT.sub("", _TESTS.sub("", text))
        paths = [path for tree in _USE.findall(code) for path in paths_in(tree)]
        paths += _PATH.findall(_USE.sub("", code))
        paths += [
            name for name in children(files, module) if re.search(rf"(?<![:\w]){name}::", code)
        ]
        found[module] = set()
        for path in paths:
            first, *rest = path.split("::")
            if first == "crate":
                target: tuple[str, ...] = tuple(rest)
            elif first == "super":
                above = next((i for i, part in enumerate(rest) if part != "super"), len(rest))
                target = (*module[: -1 - above], *rest[above:])
            elif (*module, first) in files:
                target = (*module, first, *rest)
            elif module == ("lib",) and (first,) in files:
                target = (first, *rest)
            else:
                continue
            # A path names a module or something in one.
            while target and target not in files:
                target = target[:-1]
            target = target or ("lib",)
            if target != module:
                found[module].add(target)
    return found


def circle(edges: Mapping[str, Iterable[str]]) -> list[str]:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def source_files() -> dict[tuple[str, ...], str]:
    return {module_of(path): path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.rs")}


def named(edges: Mapping[tuple[str, ...], set[tuple[str, ...]]]) -> dict[str, list[str]]:
    return {"::".join(one): ["::".join(two) for two in sorted(all_)] for one, all_ in edges.items()}


def wrong_arrows(edges: Mapping[tuple[str, ...], set[tuple[str, ...]]]) -> list[str]:
    wrong = []
    for module, targets in edges.items():
        for target in targets:
            one, two = module[0], target[0]
            # The version is a constant of the crate's root.
            if one == two or (one, two) == ("binding", "lib"):
                continue
            if ROOMS.index(two) > ROOMS.index(one) or (two, one) in APART:
                wrong.append(f"{'::'.join(module)} uses {'::'.join(target)}")
    return wrong


def test_rooms_use_only_the_rooms_below_them() -> None:
    files = source_files()
    assert {module[0] for module in files} == set(ROOMS)
    edges = uses(files)
    assert sum(map(len, edges.values())) > len(files)
    assert not wrong_arrows(edges)


def test_files_use_each_other_in_no_circle() -> None:
    assert not circle(named(uses(source_files())))


def test_only_the_binding_knows_python() -> None:
    knowing = {
        module for module, text in source_files().items() if "pyo3" in _COMMENT.sub("", text)
    }
    assert {module[0] for module in knowing} == {"binding"}


@pytest.mark.parametrize(
    ("module", "planted", "wrong"),
    [
        (("fault",), "use crate::{data::Data, count};", ["fault uses count", "fault uses data"]),
        (("data",), "fn f() -> crate::render::Template;", ["data uses render"]),
        (("render", "ops"), "use crate::count::spans::Spans;", ["render::ops uses count::spans"]),
    ],
)
def test_a_planted_arrow_is_found(module: tuple[str, ...], planted: str, wrong: list[str]) -> None:
    files = source_files()
    files[module] = f"{planted}\n{files[module]}"
    assert sorted(wrong_arrows(uses(files))) == wrong


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        (("render", "lookup"), "use super::{filters::upper, text::Text};"),
        (("render", "value"), "use super::ops::{self, binary};"),
        (("tokenizer", "markers"), "use super::SpanCounter;"),
    ],
)
def test_a_planted_circle_is_found(module: tuple[str, ...], planted: str) -> None:
    files = source_files()
    files[module] = f"{planted}\n{files[module]}"
    assert "::".join(module) in circle(named(uses(files)))
