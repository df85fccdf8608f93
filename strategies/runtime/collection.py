"""The garbage collector, held off while what is made stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keep the garbage collector from running, in all threads.

    Importing transformers and loading a tokenizer make some hundred thousand objects, all to
    stay, and the collector would look at each of them several times on the way. Where it is
    off already, it stays off.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
