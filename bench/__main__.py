"""The command `bench`, also as `python -m bench`."""

from __future__ import annotations

import sys
from typing import Never

from bench.interruption import EXIT_INTERRUPTED, INTERRUPTION


def main() -> Never:
    """Import the command line, which takes a while, and run it."""
    INTERRUPTION.listen()
    try:
        _find_own_strategies()
        from bench import cli

        cli.main()
    except SystemExit:
        raise
    except BaseException as error:
        if not INTERRUPTION.raised and not isinstance(error, KeyboardInterrupt):
            raise
        # `cli.main` would say this and exit in the same way, but it is not imported yet.
        INTERRUPTION.ignore()
        sys.stderr.write(f"bench: {INTERRUPTION.line}\n")
        sys.exit(EXIT_INTERRUPTED)


def _find_own_strategies() -> None:
    """Let the package `strategies` be found that lies beside this one.

    ``python -m bench`` looks into the working directory first, and an unrelated folder of that name
    may be there. `isl_bench` does the same for both packages, but Python comes here without it.
    """
    # Imported here, because signals are taken before it.
    from importlib.machinery import PathFinder
    from pathlib import Path

    folder = Path(__file__).resolve().parents[1]
    found = PathFinder.find_spec("strategies")
    if found is None or found.origin is None or Path(found.origin).resolve().parents[1] != folder:
        # The processes that the command starts get this path, too.
        sys.path.insert(0, str(folder))


if __name__ == "__main__":
    main()
