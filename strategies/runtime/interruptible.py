"""Answer Ctrl-C while a library works that cannot be interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

LONG_CALL_CHARACTERS = 1_000_000
"""From this many characters on, a call of the tokenizers library may take half a second."""

LOOK_SECONDS = 0.05
"""How often the waiting thread looks for a signal."""

_Result = TypeVar("_Result")


def interruptible(call: Callable[[], _Result], characters: int) -> _Result:
    """Return what `call` returns; if it may take long, Ctrl-C ends the waiting for it.

    Python handles signals in its main thread, between two steps of its own. So a long call in
    another language goes to a thread, and the main thread waits. After Ctrl-C the thread still
    works on, because nothing can stop it; it ends with the process.

    Parameters
    ----------
    call
        What to call. It must not need to be in the main thread.
    characters
        Length of the text that it works on.
    """
    waits = threading.current_thread() is threading.main_thread()
    if not waits or characters < LONG_CALL_CHARACTERS:
        return call()
    results: list[_Result] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # it is raised again in the main thread
            errors.append(error)

    thread = threading.Thread(target=copy_context().run, args=(work,), daemon=True)
    thread.start()
    # The system may hand a signal to any thread. Only a wait that ends lets the main thread see it.
    while thread.is_alive():
        thread.join(LOOK_SECONDS)
    for error in errors:
        raise error
    return results[0]
