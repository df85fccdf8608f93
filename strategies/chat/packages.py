"""Name the optional package that a tokenizer needs and that is not installed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_PACKAGES = {
    "google": "protobuf",
    "mistral_common": "mistral-common",
    "PIL": "pillow",
}
"""Packages by the module that they bring, where the names differ."""
_INSTALL = re.compile(r"`?pip install ([\w.-]+)`?")
_LIBRARY = re.compile(r"requires the (\S+) library but it was not found")
_NO_MODULE = re.compile(r"No module named '([\w.]+)'")


def missing_package(error: BaseException, warnings: Sequence[str]) -> str | None:
    """Return in one line which package is missing; None if the error says nothing of one.

    Parameters
    ----------
    error
        What loading a tokenizer raised.
    warnings
        What transformers warned about before. It tries tiktoken where reading a SentencePiece
        model has failed, and then only a warning says why.
    """
    of_a_model = [text for text in warnings if "SentencePiece model" in text]
    for text in of_a_model:
        package = _named_in(text)
        if package:
            return _needs(package)
    for each in _chain(error):
        if isinstance(each, ModuleNotFoundError) and each.name:
            return _needs(_package_of(each.name))
        package = _named_in(str(each))
        if package:
            needed = _needs(package)
            if of_a_model and package == "tiktoken":
                return f"no SentencePiece model, or a damaged one; a tiktoken file {needed}"
            return needed
    return None


def _needs(package: str) -> str:
    return f"needs the package {package}: pip install {package}"


def _package_of(module: str) -> str:
    return (
        _PACKAGES.get(module)
        or _PACKAGES.get(module.split(".", maxsplit=1)[0])
        or module.split(".", maxsplit=1)[0]
    )


def _named_in(text: str) -> str | None:
    """Return the package that a message of transformers asks for."""
    install = _INSTALL.search(text)
    if install:
        return install[1].rstrip(".")
    library = _LIBRARY.search(text)
    if library:
        return library[1].lower()
    module = _NO_MODULE.search(text)
    return _package_of(module[1]) if module else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__
