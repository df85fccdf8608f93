"""The columns of a table beside the ISL, made from the figures of its turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from strategies.columns.figures import Figures, new_tokens, shared_blocks
from strategies.conversations.counts import Column
from strategies.errors import InputError


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column beside the ISL.

    Parameters
    ----------
    needs
        What is to be found for it.
    cell
        Makes the cell of a turn from its figures and the size of a block.
    """

    needs: Column
    cell: Callable[[Figures, int], int | None]


BLOCKS = "shared_blocks"
"""The column that is there if the size of a block is known."""

TABLE: Mapping[str, TableColumn] = {
    "shared": TableColumn("shared", lambda turn, _: turn.shared),
    BLOCKS: TableColumn("shared", shared_blocks),
    "new": TableColumn("shared", lambda turn, _: new_tokens(turn)),
    "osl": TableColumn("osl", lambda turn, _: turn.osl),
}
"""The columns that docs/columns.md describes, in the order of a table."""


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns beside the ISL that a table has.

    Parameters
    ----------
    names
        Some of `TABLE`, in its order.
    block_size
        Tokens of a block; it matters only to `BLOCKS`.
    """

    names: tuple[str, ...] = ()
    block_size: int = 1

    @classmethod
    def asked_for(cls, names: Iterable[str], block_size: int | None) -> TableColumns:
        """Return the columns of some names; with the size of a block, also the shared blocks.

        Parameters
        ----------
        names
            Any of `TABLE` but `BLOCKS`.
        block_size
            Tokens of a block, at least 1; None for no blocks.

        Raises
        ------
        InputError
            If there is no such column, or a block has no such size.
        """
        if isinstance(names, str):
            raise InputError("must be a list of names", field="columns")
        asked = set(names)
        offered = [name for name in TABLE if name != BLOCKS]
        if unknown := asked.difference(offered):
            raise InputError(f"unknown column; there are {', '.join(offered)}", field=min(unknown))
        if block_size is None:
            return cls(tuple(name for name in offered if name in asked))
        if type(block_size) is not int or block_size < 1:
            raise InputError("must be a whole number of at least 1", field="block_size")
        asked |= {"shared", BLOCKS}
        return cls(tuple(name for name in TABLE if name in asked), block_size)

    @property
    def wanted(self) -> frozenset[Column]:
        """What is to be found for them."""
        return frozenset(TABLE[name].needs for name in self.names)

    def cells(self, figures: Sequence[Figures]) -> dict[str, list[int | None]]:
        """Return the cells of a conversation, by column."""
        return {
            name: [TABLE[name].cell(turn, self.block_size) for turn in figures]
            for name in self.names
        }
