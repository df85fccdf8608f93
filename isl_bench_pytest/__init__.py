"""The pytest plugin: ``pytest --isl-conformance TARGET`` adds a test for each conformance case.

Every pytest run of an environment that has isl-bench imports this file. So it imports nothing,
and it is a package of its own: another project may have packages named bench or strategies, and
its tests must find those.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("isl-bench", "conformance of cutters and engines (isl-bench)")
    group.addoption(
        "--isl-conformance",
        metavar="TARGET",
        help="Check this against the conformance corpus: module:function, file.py:function, the "
        "name of an entry point, command:CMD or strategy:NAME.",
    )
    group.addoption(
        "--isl-cases",
        metavar="PATTERN",
        action="append",
        default=[],
        help="Only these cases: a subject, or a pattern such as 'flags::*'. May be repeated.",
    )
    group.addoption(
        "--isl-timeout",
        metavar="S",
        type=float,
        default=30.0,
        help="Seconds without an answer after which a command is ended.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Bring in the rest, if it is asked for."""
    target = config.getoption("--isl-conformance")
    if target is None:
        return
    try:
        from bench.conformance import plugin
    except ImportError as error:
        import pytest

        found = getattr(sys.modules.get("bench"), "__file__", None)
        raise pytest.UsageError(
            f"--isl-conformance: the package 'bench' of isl-bench cannot be imported: {error}"
            f"{f'; {found} may hide it' if found else ''}"
        ) from error
    plugin.activate(
        config, target, config.getoption("--isl-cases"), config.getoption("--isl-timeout")
    )
