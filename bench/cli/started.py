"""How the user has started the program."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

_NAME = "bench"


def as_started() -> str:
    """Return what a user types to start the program again.

    It is the path that was typed, such as ``.venv/bin/bench``, if the shell finds no program of
    that name by itself.
    """
    typed = sys.argv[0]
    by_path = Path(typed).name == _NAME and Path(typed).exists() and shutil.which(_NAME) is None
    return shlex.quote(typed) if by_path else _NAME
