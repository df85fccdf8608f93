"""The cases of the conformance corpus that are surveyed: each thing that can look past a cut."""

from __future__ import annotations

from bench.conformance.build import NORMALIZERS, PRE_TOKENIZERS, small_tokenizer
from bench.conformance.corpus import Case, chosen_cases

__all__ = ["NORMALIZERS", "PRE_TOKENIZERS", "corpus_rows", "small_tokenizer"]


def corpus_rows() -> tuple[Case, ...]:
    """Return the cases, in the order of their file."""
    return chosen_cases(["splicing"])
