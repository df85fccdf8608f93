"""Switch the tokenizers library's own thread pool on or off while a strategy counts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH = "TOKENIZERS_PARALLELISM"
_THREADS = "RAYON_NUM_THREADS"

_lock = threading.Lock()
_before: list[tuple[str | None, str | None]] = []
"""The environment as it was before the outermost use, once for each use that runs now."""


@contextmanager
def library_threads(workers: int) -> Iterator[None]:
    """Let the tokenizers library use `workers` threads inside one batch call.

    With one worker the library runs in the calling thread alone. With more it uses its
    process-wide pool. The size of that pool is fixed when it is first used; later `workers`
    cannot change it.

    The library reads the environment at every call, so the switch is process-wide too. If
    uses overlap, the last to begin decides; that changes the speed and never a count.
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
