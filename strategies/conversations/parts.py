"""Parts of datasets: what was read together, and the place after it to go on from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from strategies.conversations.assembly import Reject
from strategies.conversations.conversation import Conversation, count_turns
from strategies.conversations.direct import DirectConversations


@dataclass(frozen=True, slots=True)
class Place:
    """How far a dataset is read: up to the end of a conversation.

    Parameters
    ----------
    offset
        Bytes before it, when unpacked; in a Parquet file rows.
    lines
        Lines before it.
    digest
        SHA-256 of those bytes, as hexadecimal digits; of a Parquet file, of all of it.
    groups, any_read, form, left_out, rejected, first, read_before, empty, like_requests
        What the `Assembly` knows there; the format by its name.
    file
        Number of files before the one that it is in.
    before
        SHA-256 of each of those.
    column
        Characters before it in its line, if it is in an array; None elsewhere.
    """

    offset: int = 0
    lines: int = 0
    digest: str = ""
    groups: int = 0
    any_read: bool = False
    form: str | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    rejected: int = 0
    first: str | None = None
    read_before: bool = False
    empty: Sequence[str] = ()
    like_requests: str | None = None
    file: int = 0
    before: Sequence[str] = ()
    column: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what `Place(**…)` makes again."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Batch:
    """Conversations that were read together.

    Parameters
    ----------
    conversations
        In the order of the file; there may be none, if all records of a part were refused.
    rejects
        The records that were refused among them.
    place
        Where the reading goes on after them; None if it cannot begin there.
    done
        Bytes of the dataset that are read, about.
    file
        The file that they are from, if the dataset has several.
    source
        Name of the file, its format (None if no record shows one), and what it is in.
    """

    conversations: Sequence[Conversation]
    rejects: Sequence[Reject]
    place: Place | None
    done: int
    file: str | None = None
    source: tuple[str, str | None, str] = ("", None, "")

    @property
    def turns(self) -> int:
        """Number of client turns."""
        if isinstance(self.conversations, DirectConversations):
            return sum(len(turns) for _, turns in self.conversations.outlines)
        return count_turns(self.conversations)
