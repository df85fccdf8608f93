"""The tokenizers library's own thread pool, switched for as long as a strategy needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH = "TOKENIZERS_PARALLELISM"
_THREADS = "RAYON_NUM_THREADS"


@contextmanager
def library_threads(workers: int) -> Iterator[None]:
    """Let the tokenizers library use `workers` threads inside one batch call.

    With one worker the library runs in the calling thread alone. With more it uses its
    process-wide pool, whose size is fixed the first time it is used: where a process has
    used it before, `workers` cannot change it any more.

    The library reads the environment at every call, so the switch is process-wide too.
    """
    before = os.environ.get(_SWITCH)
    os.environ[_SWITCH] = "true" if workers > 1 else "false"
    if workers > 1:
        os.environ.setdefault(_THREADS, str(workers))
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SWITCH]
        else:
            os.environ[_SWITCH] = before
