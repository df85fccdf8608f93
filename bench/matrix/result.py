"""What the matrix holds, and its form as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

from strategies import InputError

SCHEMA_VERSION = 1

Status: TypeAlias = Literal["exact", "wrong", "failed", "unavailable"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a strategy in a cell.

    Parameters
    ----------
    strategy
        Its name.
    status
        ``"exact"`` if every turn is that of the plain call, ``"wrong"`` if one is not,
        ``"failed"`` if it ended with an error, ``"unavailable"`` if it says that it cannot run.
    wrong
        Turns that differ.
    reason
        The first difference, the error, or why it cannot run; None if it is exact.
    """

    strategy: str
    status: Status
    wrong: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A tokenizer with a template.

    Parameters
    ----------
    tokenizer, template
        Their names.
    turns
        Turns that have an ISL.
    refused
        Turns that the template refuses. A strategy has to refuse them, too.
    cuts
        Whether a prompt holds a marker at which the tokenizer cuts.
    reason
        Why nothing was compared: both do not load together, or why the template refuses the first
        turn. None if something was compared.
    checked
        The strategies, if the tokenizer and the template load together.
    """

    tokenizer: str
    template: str
    turns: int = 0
    refused: int = 0
    cuts: bool = False
    reason: str | None = None
    checked: tuple[Checked, ...] = ()

    @property
    def worst(self) -> Status:
        """The worst that became of a strategy that claims to be exact."""
        order: tuple[Status, ...] = ("wrong", "failed", "exact")
        found = {each.status for each in self.checked}
        return next((status for status in order if status in found), "unavailable")


@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells, and what they were made from.

    Parameters
    ----------
    command
        The command line that makes it again.
    versions
        Of Python, this project and the libraries, by name.
    sample
        What was taken of each dataset, as `bench.matrix.sample.Sample` says it.
    datasets
        Digest (sha256) of each dataset by its name.
    tokenizers, templates
        Names, in the order of the table.
    strategies
        Names of those that claim to be exact, then of the others.
    others
        Controls, which are wrong on purpose, and peers, whose counts nothing proves right.
    cells
        Those that are done, in the order of tokenizers, then of templates.
    """

    command: str
    versions: Mapping[str, str]
    sample: Mapping[str, int]
    datasets: Mapping[str, str]
    tokenizers: tuple[str, ...]
    templates: tuple[str, ...]
    strategies: tuple[str, ...]
    others: tuple[str, ...]
    cells: tuple[Cell, ...] = ()

    def claims(self, cell: Cell) -> Cell:
        """Return a cell without controls and peers."""
        kept = tuple(each for each in cell.checked if each.strategy not in self.others)
        return replace(cell, checked=kept)

    @property
    def turns(self) -> int:
        """Turns with an ISL over all cells."""
        return sum(cell.turns for cell in self.cells)

    @property
    def compared(self) -> int:
        """Turns that strategies that claim to be exact were compared in, refused ones included."""
        return sum(
            cell.turns + cell.refused
            for cell in self.cells
            for each in self.claims(cell).checked
            if each.status in ("exact", "wrong")
        )

    @property
    def mismatches(self) -> int:
        """Turns that a strategy that claims to be exact counts wrong."""
        return sum(each.wrong for cell in self.cells for each in self.claims(cell).checked)

    @property
    def failures(self) -> int:
        """How often a strategy that claims to be exact ended with an error."""
        return sum(
            each.status == "failed" for cell in self.cells for each in self.claims(cell).checked
        )

    def tally(self, strategy: str) -> Tally:
        """Return what became of one strategy over all cells."""
        mine = [
            (cell, each)
            for cell in self.cells
            for each in cell.checked
            if each.strategy == strategy
        ]
        statuses = Counter(each.status for _, each in mine)
        reasons = Counter(each.reason for _, each in mine if each.status == "unavailable")
        counted = [(c, e) for c, e in mine if e.status in ("exact", "wrong")]
        return Tally(
            strategy,
            dict(statuses),
            sum(cell.turns + cell.refused for cell, _ in counted),
            sum(each.wrong for _, each in counted),
            tuple((reason or "", number) for reason, number in reasons.most_common()),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """A strategy over all cells.

    Parameters
    ----------
    strategy
        Its name.
    cells
        How many cells have each status.
    turns, wrong
        Turns that were compared, and those that differ.
    unavailable
        Reasons why it cannot run, with the number of cells, the most frequent one first.
    """

    strategy: str
    cells: Mapping[Status, int]
    turns: int
    wrong: int
    unavailable: Sequence[tuple[str, int]]


def to_json(matrix: Matrix) -> dict[str, Any]:
    """Return a matrix as a JSON document; ``bench/data/matrix.schema.json`` describes it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "turns": matrix.turns,
        "compared": matrix.compared,
        "mismatches": matrix.mismatches,
        "failures": matrix.failures,
        **asdict(matrix),
    }


def from_json(document: Any, file: str) -> Matrix:
    """Return the matrix of a JSON document.

    Parameters
    ----------
    document
        What `to_json` has made.
    file
        Where it is from, for the error.

    Raises
    ------
    InputError
        If it is no such document.
    """
    try:
        if document["schema_version"] != SCHEMA_VERSION:
            raise InputError(
                f"schema version {document['schema_version']!r}; this bench reads {SCHEMA_VERSION}",
                file=file,
                field="schema_version",
            )
        cells = tuple(
            Cell(**{**cell, "checked": tuple(Checked(**each) for each in cell["checked"])})
            for cell in document["cells"]
        )
        return Matrix(
            command=document["command"],
            versions=document["versions"],
            sample=document["sample"],
            datasets=document["datasets"],
            tokenizers=tuple(document["tokenizers"]),
            templates=tuple(document["templates"]),
            strategies=tuple(document["strategies"]),
            others=tuple(document["others"]),
            cells=cells,
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"is no matrix of this bench: {error}", file=file) from None
