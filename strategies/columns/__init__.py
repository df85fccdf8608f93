"""Columns beside the ISL: what a prompt shares with the one before, and the length of the answer.

docs/columns.md says what each column means, with an example.
"""

from __future__ import annotations

from strategies.columns.asking import figures_with
from strategies.columns.figures import COLUMNS, Figures, new_tokens, shared_blocks
from strategies.columns.reference import reference_figures
from strategies.columns.table import TableColumns

__all__ = [
    "COLUMNS",
    "Figures",
    "TableColumns",
    "figures_with",
    "new_tokens",
    "reference_figures",
    "shared_blocks",
]
