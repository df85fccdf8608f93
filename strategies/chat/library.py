"""How transformers is imported: without its advice on standard error."""

from __future__ import annotations

import os

ADVICE_VARIABLE = "TRANSFORMERS_NO_ADVISORY_WARNINGS"


def without_advice() -> None:
    """Keep transformers from saying, when it is imported, that PyTorch is not installed.

    A tokenizer needs no PyTorch. It is called before each import of transformers that may be the
    first one of a process.
    """
    os.environ.setdefault(ADVICE_VARIABLE, "1")
