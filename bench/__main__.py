"""The command `bench`, also as `python -m bench`."""

from __future__ import annotations

import sys
from typing import Never


def main() -> Never:
    """Import the command line, which takes a while, and run it."""
    try:
        from bench import cli
    except KeyboardInterrupt:
        # As `cli.main` says and ends it, which is not there yet.
        sys.stderr.write("bench: interrupted; nothing was written\n")
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
