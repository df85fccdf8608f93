"""Temporary folders that no interruption leaves behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.interruption import INTERRUPTION
from strategies.runtime.signals import interruptions_held


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder that is removed at the end, however the program ends."""
    with interruptions_held():
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        INTERRUPTION.unfinished.add(folder)
    try:
        yield folder
    finally:
        with interruptions_held():
            shutil.rmtree(folder, ignore_errors=True)
            INTERRUPTION.unfinished.discard(folder)
