"""What a cell of the matrix says, and how it looks, the same in all pages and pictures."""

from __future__ import annotations

from dataclasses import dataclass

from bench.matrix.result import Cell


@dataclass(frozen=True, slots=True)
class State:
    """A kind of cell.

    Parameters
    ----------
    name
        One word, for classes of a page.
    meaning
        A few words, for the legend.
    colour, ink
        Of the cell, and of the text on it.
    """

    name: str
    meaning: str
    colour: str
    ink: str = "#000000"


CUT = State("cut", "exact; prompts are cut at markers", "#9CCBE8")
WHOLE = State("whole", "exact; the tokenizer knows no marker of the template", "#DCEBF5")
WRONG = State("wrong", "a strategy counts turns wrong", "#B23C00", "#FFFFFF")
FAILED = State("failed", "a strategy fails", "#F2C46D")
REFUSED = State("refused", "the template refuses every turn, and so does every strategy", "#D9D9D9")
ABSENT = State("absent", "do not load together", "#F4F4F4", "#5f5f5f")

STATES = (CUT, WHOLE, REFUSED, ABSENT, FAILED, WRONG)
"""In the order of the legend."""


def state_of(cell: Cell) -> State:
    """Return what kind of cell it is. It holds no control and no peer.

    Parameters
    ----------
    cell
        The cell.
    """
    if cell.worst == "wrong":
        return WRONG
    if cell.worst == "failed":
        return FAILED
    if not cell.checked:
        return ABSENT
    if not cell.turns:
        return REFUSED
    return CUT if cell.cuts else WHOLE


def text_of(cell: Cell) -> str:
    """Return the text of a cell: turns that were compared, or of how many some are wrong.

    Parameters
    ----------
    cell
        The cell, without controls and peers.
    """
    state = state_of(cell)
    if state is WRONG:
        most = max(each.wrong for each in cell.checked)
        return f"{most}/{cell.turns + cell.refused}"
    return {"failed": "failed", "refused": "0", "absent": "–"}.get(state.name, str(cell.turns))
