"""Switch the tokenizers library's own thread pool on or off while a strategy counts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from strategies.runtime.workers import check_threads, no_threads

_SWITCH = "TOKENIZERS_PARALLELISM"
_THREADS = "RAYON_NUM_THREADS"

_LIBRARY_THREADS = "threads of the tokenizers library"

_lock = threading.Lock()
_before: list[tuple[str | None, str | None]] = []
"""The environment as it was before the outermost use, once for each use that runs now."""
_threads_checked = False


@contextmanager
def library_threads(workers: int) -> Iterator[None]:
    """Let the tokenizers library use `workers` threads inside one batch call.

    With one worker the library runs in the calling thread alone. With more it uses its
    process-wide pool. The size of that pool is fixed when it is first used; later `workers`
    cannot change it.

    The library reads the environment at every call, so the switch is process-wide too. If
    uses overlap, the last to begin decides; that changes the speed and never a count.

    Raises
    ------
    WorkerError
        If its threads cannot be started.
    """
    with _lock:
        held = _before[-1] if _before else (os.environ.get(_SWITCH), os.environ.get(_THREADS))
        _before.append(held)
        os.environ[_SWITCH] = "true" if workers > 1 else "false"
        if workers > 1:
            os.environ.setdefault(_THREADS, str(workers))
    try:
        if workers > 1:
            _check_library_threads()
        yield
    except BaseException as error:
        if is_refused_thread(error):
            raise no_threads(_LIBRARY_THREADS, error) from error
        raise
    finally:
        with _lock:
            held = _before.pop()
            if not _before:
                for name, value in zip((_SWITCH, _THREADS), held, strict=True):
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value


def is_refused_thread(error: BaseException) -> bool:
    """Whether the tokenizers library panicked because it cannot start its threads."""
    return type(error).__module__ == "pyo3_runtime" and "ThreadPoolBuildError" in str(error)


def _check_library_threads() -> None:
    """Check once, before the library starts its pool: its panic would write to the terminal."""
    global _threads_checked  # noqa: PLW0603  # there is one pool in a process
    if not _threads_checked:
        asked = os.environ[_THREADS]
        check_threads(int(asked) if asked.isdecimal() else 1, _LIBRARY_THREADS)
        _threads_checked = True
