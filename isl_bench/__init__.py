"""The command `bench` under a name that nobody else has, also as ``python -m isl_bench``.

`bench` and `strategies` are common names. If a folder on the path hides the packages of isl-bench,
the command finds them all the same.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from os import path
from typing import Never

_BAD_USAGE = 3


def main() -> Never:
    """Run the command line, or say in one line why this Python cannot."""
    # Plain calls on texts: a start of the command pays for all that is imported here.
    folder = path.dirname(path.dirname(path.realpath(__file__)))  # noqa: PTH120
    reason = _unsupported(folder)
    if reason is not None:
        sys.stderr.write(f"bench: {reason}\n")
        sys.exit(_BAD_USAGE)
    for name in ("bench", "strategies"):
        found = PathFinder.find_spec(name)
        own = path.join(folder, name, "__init__.py")  # noqa: PTH118
        if found is None or found.origin is None or path.realpath(found.origin) != own:
            # The processes that the command starts get this path, too.
            sys.path.insert(0, folder)
            break
    from bench.__main__ import main as command

    command()


def _unsupported(folder: str) -> str | None:
    """Return why the packages in a folder cannot be imported here; None if they can."""
    if sys.platform == "win32":
        return "isl-bench runs on Linux and macOS; on Windows, install it in WSL"
    if PathFinder.find_spec("_native", [path.join(folder, "strategies")]) is None:  # noqa: PTH118
        free = " free-threaded" if "t" in sys.abiflags else ""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return (
            "the native core is missing, or was built for another Python than this"
            f"{free} {version}; install isl-bench with the pip of this Python"
        )
    return None
