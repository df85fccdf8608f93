"""Peers whose library is a package of the extra `peers`, in this environment."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from strategies.peers.engine import PeerCounter, cannot_ask, opened

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer


@dataclass(frozen=True, slots=True)
class InstalledPeer:
    """Render with Jinja2, and count whole prompts with a library that may be installed.

    Parameters
    ----------
    name
        Of the strategy, of the engine in `strategies.peers.worker`, and of the package.
    module
        What is imported.
    summary
        One line for tables.
    families
        The families of tokenizers that the library says it loads; None to let it try.
    """

    name: str
    module: str
    summary: str
    families: Sequence[str] | None = None
    peer: bool = True

    def availability(self, chat: ChatTokenizer) -> str | None:
        """Return None, unless the library is not installed or has no such model."""
        return not_installed(self.name, self.module) or cannot_ask(chat, self.families)

    def open(self, chat: ChatTokenizer, *, workers: int) -> AbstractContextManager[PeerCounter]:
        """Start the worker process and load the tokenizer there."""
        return opened(self.name, sys.executable, chat, workers)

    def version(self) -> str:
        """Return the version of the library. It must be installed."""
        return version(self.name)


def not_installed(package: str, module: str) -> str | None:
    """Return None, or that a package of the extra `peers` is missing.

    Parameters
    ----------
    package
        Its name in the registry.
    module
        What is imported.
    """
    try:
        found = find_spec(module) is not None
    except ModuleNotFoundError:
        # The package that holds the module is missing.
        found = False
    return None if found else f"needs the package {package}: pip install 'isl-bench[peers]'"
