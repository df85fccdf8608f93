"""The command `bench` as ``python -m isl_bench``."""

from __future__ import annotations

from isl_bench import main

main()
