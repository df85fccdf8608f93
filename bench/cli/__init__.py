"""The command line. `bench.cli.main` runs it; each command has a file of its own."""

from __future__ import annotations

from bench.cli.process import main

__all__ = ["main"]
