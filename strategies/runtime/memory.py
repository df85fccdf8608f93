"""Memory that a process has freed, and the system does not have again yet."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def give_back() -> None:
    """Give memory that nobody uses any more back to the system, as far as that can be done."""
    gc.collect()
    # The C library keeps what is freed in pieces. Only that of GNU has this function.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
