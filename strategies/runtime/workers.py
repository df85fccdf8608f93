"""How many workers a strategy may have, and whether the system lets it have them."""

from __future__ import annotations

from threading import Event, Thread

from strategies.errors import InputError, WorkerError

MAX_WORKERS = 1024
"""More threads or processes than any machine of today has cores for. A larger number is a slip,
and would take the machine down before the system refuses it."""


def checked_workers(workers: int) -> int:
    """Return a number of workers that may be started.

    Raises
    ------
    InputError
        If it is less than 1 or more than `MAX_WORKERS`.
    """
    if 1 <= workers <= MAX_WORKERS:
        return workers
    raise InputError(
        f"{workers} is no number of workers; it is from 1 to {MAX_WORKERS} (MAX_WORKERS)",
        field="workers",
    )


def check_threads(count: int, which: str) -> None:
    """Start some threads and end them, to see that the system allows that many.

    Libraries that cannot start a thread may panic, or wait forever for the thread.

    Parameters
    ----------
    count
        How many threads.
    which
        What to call them in the error, such as ``"threads of rust"``.

    Raises
    ------
    WorkerError
        If they cannot be started.
    """
    ready = Event()
    started = []
    try:
        for _ in range(count):
            thread = Thread(target=ready.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError as error:
        raise no_threads(which, error) from error
    finally:
        ready.set()
        for thread in started:
            thread.join()


def no_threads(which: str, error: BaseException) -> WorkerError:
    """Return the error that says which threads cannot be started."""
    return WorkerError(f"the {which} cannot be started: {error}")
