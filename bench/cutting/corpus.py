"""The cases of the conformance corpus that are surveyed: each thing that can look past a cut."""

from __future__ import annotations

from bench.conformance.corpus import Case, chosen_cases


def corpus_rows() -> tuple[Case, ...]:
    """Return the cases, in the order of their file."""
    return chosen_cases(["splicing"])
