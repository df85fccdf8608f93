"""Start processes that do not run the main script of this one again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def main_script_hidden() -> Iterator[None]:
    """Hide where the main module comes from while processes are started.

    multiprocessing has a new process run the main script again, so that functions of that script
    can be sent to it. A script that counts outside ``if __name__ == "__main__"`` would then start
    processes in each process. Workers of ours need nothing of the main script.
    """
    main = sys.modules["__main__"]
    stand_in = ModuleType("__main__")
    # Other threads may look for objects of the main module meanwhile.
    stand_in.__dict__.update(
        {name: value for name, value in vars(main).items() if name not in {"__file__", "__spec__"}}
    )
    sys.modules["__main__"] = stand_in
    try:
        yield
    finally:
        sys.modules["__main__"] = main
