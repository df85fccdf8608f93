"""The command line: `bench.cli.main` runs it; a command is a file."""

from __future__ import annotations

from bench.cli.process import main

__all__ = ["main"]
