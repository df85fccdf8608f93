"""The command `bench`, also as `python -m bench`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Never

from bench.interruption import EXIT_INTERRUPTED, INTERRUPTION

if TYPE_CHECKING:
    from pathlib import Path


def main() -> Never:
    """Import the command line, which takes a while, and run it."""
    INTERRUPTION.listen()
    try:
        in_the_way = _unrelated_strategies()
        if in_the_way is not None:
            sys.stderr.write(
                f"bench: {in_the_way} hides the package 'strategies' of isl-bench; "
                "run it from another folder, or take this one out of PYTHONPATH\n"
            )
            sys.exit(3)
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


def _unrelated_strategies() -> Path | None:
    """Return the unrelated `strategies` that an import would find, or None.

    ``python -m bench`` looks into the working directory first, and a folder of that name may be
    there.
    """
    # Imported here, because signals are taken before it.
    from importlib.util import find_spec
    from pathlib import Path

    ours = Path(__file__).parents[1] / "strategies"
    found = find_spec("strategies")
    if found is None or found.origin is None:
        return None
    file = Path(found.origin)
    found_here = file.parent if file.name == "__init__.py" else file
    return None if found_here.resolve() == ours.resolve() else found_here


if __name__ == "__main__":
    main()
