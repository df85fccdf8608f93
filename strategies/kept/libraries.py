"""What the libraries and the code of this project are, without importing any of them.

It is a part of the key of each entry. Asking `importlib.metadata` would take longer than all
that is done with a kept entry, so the names of the folders that it reads are looked at here.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LIBRARIES = ("transformers", "tokenizers", "sentencepiece", "jinja2", "markupsafe")
"""Modules that load and render. What they need in turn is among the installed packages."""

_PREFIXES = ("TRANSFORMERS_", "HF_", "HUGGINGFACE_", "ISL_BENCH_MAX_", "USE_", "PROTOCOL_BUFFERS_")
"""Environment variables that those libraries, or the limits of a render, read."""

_SET_BY_US = ("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
"""`chat.library` sets it before transformers is imported, unless it is set already."""


def libraries() -> dict[str, Any]:
    """Return what the result of loading depends on beside the tokenizer's own files.

    Every installed package counts, by its name, version and time of installation: which ones a
    tokenizer needs is not known before it is loaded. The code of this project counts by its
    bytes, with the native core.
    """
    return {
        "python": sys.version,
        "machine": (os.uname().machine, sys.byteorder),
        "modules": [_module(name) for name in LIBRARIES],
        "packages": [list(_packages(path)) for path in sys.path],
        "code": _code(Path(__file__).parents[1]),
        "environment": sorted(
            (name, value)
            for name, value in os.environ.items()
            if name.startswith(_PREFIXES) and (name, value) != _SET_BY_US
        ),
    }


def _module(name: str) -> tuple[str, ...]:
    found = find_spec(name)
    if found is None or found.origin is None:
        return (name,)
    about = os.stat(found.origin)  # noqa: PTH116  # of a text
    return name, found.origin, str(about.st_size), str(about.st_mtime_ns)


def _packages(path: str) -> Iterator[tuple[str, int]]:
    """Yield the packages that are installed in a folder of `sys.path`."""
    try:
        with os.scandir(path or ".") as listed:
            names = [
                (each.name, each.stat().st_mtime_ns)
                for each in listed
                if each.name.endswith((".dist-info", ".egg-info", ".egg-link"))
            ]
    except OSError:
        return
    yield from sorted(names)


def _code(folder: Path) -> str:
    """Return the digest of the modules in a folder, compiled ones too."""
    digest = hashlib.sha256()
    for path in sorted(_modules(os.fspath(folder))):
        with open(path, "rb") as file:  # noqa: PTH123  # of a text
            content = file.read()
        digest.update(f"{os.path.relpath(path, folder)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _modules(folder: str) -> Iterator[str]:
    with os.scandir(folder) as listed:
        for each in listed:
            if each.name.endswith((".py", ".so")):
                yield each.path
            elif each.is_dir() and each.name not in {"rust", "__pycache__"}:
                yield from _modules(each.path)
