"""The tokenizers library's own thread pool, switched for as long as a strategy needs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH = "TOKENIZERS_PARALLELISM"
_THREADS = "RAYON_NUM_THREADS"

_lock = threading.Lock()
_before: list[tuple[str | None, str | None]] = []
"""What the environment held before the outermost use, once for each use that runs now."""


@contextmanager
def library_threads(workers: int) -> Iterator[None]:
    """Let the tokenizers library use `workers` threads inside one batch call.

    With one worker the library runs in the calling thread alone. With more it uses its
    process-wide pool, whose size is fixed the first time it is used: where a process has
    used it before, `workers` cannot change it any more.

    The library reads the environment at every call, so the switch is process-wide too: of
    several uses at a time the last to begin decides, which changes speed and no count.
    """
    with _lock:
        held = _before[-1] if _before else (os.environ.get(_SWITCH), os.environ.get(_THREADS))
        _before.append(held)
        os.environ[_SWITCH] = "true" if workers > 1 else "false"
        if workers > 1:
            os.environ.setdefault(_THREADS, str(workers))
    try:
        yield
    finally:
        with _lock:
            held = _before.pop()
            if not _before:
                for name, value in zip((_SWITCH, _THREADS), held, strict=True):
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value
