"""tokenizers 1.0: the next major version of the library that the reference stands on.

It has the name of the installed library, so both cannot be in one environment. It is looked for in
an environment of its own, which ``make peers`` makes.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strategies.peers.engine import PeerCounter, cannot_ask, opened

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer

PYTHON_VARIABLE = "ISL_BENCH_TOKENIZERS_1"
"""Names the Python that has tokenizers 1.0."""
MADE = Path(__file__).parents[2] / ".venv-peers" / "bin" / "python"
"""The Python of ``make peers``, in a checkout of this project."""


@dataclass(frozen=True, slots=True)
class Tokenizers1:
    """Render with Jinja2, and count whole prompts with tokenizers 1.0."""

    name: str = "tokenizers-1.0"
    summary: str = "another library: Jinja2, then whole prompts through tokenizers 1.0"
    peer: bool = True

    def availability(self, chat: ChatTokenizer) -> str | None:
        """Return None, unless there is no Python that has it."""
        python = self._python()
        if not os.access(python, os.X_OK):
            return (
                f"{python} is no Python with tokenizers 1.0: run make peers, or name one in "
                f"{PYTHON_VARIABLE}"
            )
        return cannot_ask(chat)

    def open(self, chat: ChatTokenizer, *, workers: int) -> AbstractContextManager[PeerCounter]:
        """Start the worker process and load the tokenizer there."""
        return opened(self.name, self._python(), chat, workers)

    def version(self) -> str:
        """Return the version of the library. There must be a Python that has it."""
        asked = "from importlib.metadata import version; print(version('tokenizers'))"
        found = subprocess.run(  # noqa: S603  # the Python that also runs the worker
            [self._python(), "-I", "-c", asked], capture_output=True, check=True, text=True
        )
        return found.stdout.strip()

    def _python(self) -> Path:
        return Path(os.environ.get(PYTHON_VARIABLE) or MADE)
