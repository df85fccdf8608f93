"""Random conversations, chat templates and tokenizers, to find what counts tokens wrongly.

Everything is written by plain functions of a `random.Random`, so that a seed gives the same case
again, and offered as hypothesis strategies, so that a test shrinks what it finds. It needs the
extra ``testing``: ``pip install 'isl-bench[testing]'``.

Examples
--------
A test of a counter of your own, against transformers::

    from hypothesis import given
    from strategies.testing import cases, first_mismatch

    @given(cases())
    def test_counts(tmp_path_factory, case):
        chat = case.load(tmp_path_factory.mktemp("case"))
        assert first_mismatch(my_counts, case.conversations, chat) is None

`my_counts` is a name, a strategy, or a function of conversations and a `ChatTokenizer` that
returns one count for every turn.
"""

from __future__ import annotations

try:
    import hypothesis  # noqa: F401  # asked for here, so that the error says what to install
except ModuleNotFoundError as error:
    if error.name != "hypothesis":
        raise
    raise ModuleNotFoundError(
        "strategies.testing needs hypothesis: pip install 'isl-bench[testing]'", name="hypothesis"
    ) from None

from strategies.testing.case import Case, CaseWriter
from strategies.testing.comparing import Difference, Target, first_mismatch
from strategies.testing.drawing import (
    branches,
    cases,
    conversations,
    templates,
    texts,
    tokenizers,
    wild_templates,
)
from strategies.testing.shrinking import shrunk
from strategies.testing.tokenizers import TokenizerFile, TokenizerFolder, read_tokenizer

__all__ = [
    "Case",
    "CaseWriter",
    "Difference",
    "Target",
    "TokenizerFile",
    "TokenizerFolder",
    "branches",
    "cases",
    "conversations",
    "first_mismatch",
    "read_tokenizer",
    "shrunk",
    "templates",
    "texts",
    "tokenizers",
    "wild_templates",
]
