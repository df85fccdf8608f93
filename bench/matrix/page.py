"""The matrix as a page: HTML that needs no other file, and Markdown with a picture beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.matrix.result import Cell, Matrix, Status, Tally
from bench.matrix.states import STATES, State, state_of, text_of
from bench.reporting.words import listed
from strategies.words import many

_TEMPLATES = Path(__file__).parents[1] / "data" / "matrix"
PICTURE = "matrix.svg"
_ORDER: tuple[Status, ...] = ("exact", "wrong", "failed", "unavailable")


@dataclass(frozen=True, slots=True)
class _Shown:
    """A cell as the page shows it."""

    text: str
    state: State
    hint: str


def headline(matrix: Matrix) -> str:
    """Return the result in a sentence.

    Parameters
    ----------
    matrix
        The matrix.
    """
    wrong = f"{matrix.mismatches:,} of them wrong" if matrix.mismatches else "none of them wrong"
    failed = f", {many(matrix.failures, 'failure')}" if matrix.failures else ""
    return (
        f"{many(len(matrix.tokenizers), 'tokenizer')} × {many(len(matrix.templates), 'template')}, "
        f"counted by {listed(matrix.strategies)}: {many(matrix.compared, 'count')} compared with "
        f"the plain call, {wrong}{failed}."
    )


def markdown(matrix: Matrix) -> str:
    """Return the page in Markdown; the picture is a file of the name `PICTURE` beside it."""
    return _rendered("page.md.jinja", matrix)


def html(matrix: Matrix) -> str:
    """Return the page in HTML."""
    return _rendered("page.html.jinja", matrix)


def _rendered(name: str, matrix: Matrix) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(["html.jinja"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = _markdown_cell
    return environment.get_template(name).render(_context(matrix)) + "\n"


def _context(matrix: Matrix) -> dict[str, Any]:
    cells = {(cell.template, cell.tokenizer): matrix.claims(cell) for cell in matrix.cells}
    rows = [
        (template, [_shown(cells.get((template, each))) for each in matrix.tokenizers])
        for template in matrix.templates
    ]
    return {
        "headline": headline(matrix),
        "matrix": matrix,
        "picture": PICTURE,
        "states": [each for each in STATES if any(each == s.state for _, r in rows for s in r)],
        "rows": rows,
        "claims": [matrix.tally(name) for name in matrix.strategies],
        "others": [matrix.tally(name) for name in matrix.others],
        "status": _status,
        "reasons": reasons(matrix),
    }


def _status(tally: Tally) -> str:
    """Return the cells of a strategy in words."""
    parts = [f"{tally.cells[status]:,} {status}" for status in _ORDER if status in tally.cells]
    return ", ".join(parts) or "not run"


def _shown(cell: Cell | None) -> _Shown:
    if cell is None:
        return _Shown("", STATES[3], "not compared")
    hint = cell.reason or "; ".join(
        f"{each.strategy}: {each.reason}" for each in cell.checked if each.status != "exact"
    )
    refused = f"{many(cell.refused, 'turn')} refused alike" if cell.refused and cell.turns else ""
    return _Shown(text_of(cell), state_of(cell), "; ".join(filter(None, (refused, hint))))


def reasons(matrix: Matrix) -> Sequence[tuple[str, int, str]]:
    """Return why cells compare nothing, each with the number of cells and the first of them."""
    found: dict[str, list[Cell]] = {}
    for cell in matrix.cells:
        if cell.reason is not None:
            found.setdefault(cell.reason, []).append(cell)
    return [
        (reason, len(cells), f"{cells[0].template} with {cells[0].tokenizer}")
        for reason, cells in sorted(found.items(), key=lambda item: -len(item[1]))
    ]


def _markdown_cell(text: object) -> str:
    """Return a text that stays one cell of a Markdown table, and is no markup."""
    escaped = str(text).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    for character in "<>*_`[]":
        escaped = escaped.replace(character, f"\\{character}")
    return escaped
