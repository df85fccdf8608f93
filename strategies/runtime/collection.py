"""Pause the garbage collector while long-lived objects are created."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keep the garbage collector from running, in all threads, until the block ends.

    Importing transformers and loading a tokenizer create some hundred thousand objects that
    stay. The collector would inspect each of them several times. If it is off already, it
    stays off.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
