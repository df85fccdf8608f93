"""Whether a peer's package is there."""

from __future__ import annotations

from importlib.util import find_spec


def not_installed(package: str) -> str | None:
    """Return None, or that a package of the extra `peers` is missing."""
    if find_spec(package) is not None:
        return None
    return f"needs the package {package}: pip install 'isl-bench[peers]'"
