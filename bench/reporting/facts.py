"""The data and the tokenizers of a comparison, as a report holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.measuring.recordable import LATER

FINGERPRINT: Mapping[str, Any] = {
    "name_or_path": str,
    "revision": str | None,
    "class": str,
    "family": str,
    "tokenizer_sha256": str,
    "template_sha256": str,
    "template_kwargs": Mapping[str, Any],
    "clock": str | None,
    "versions": Mapping[str, str],
}
"""What every fingerprint of a tokenizer holds. It may hold more, which is kept."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the dataset was read, as far as it decides what is counted.

    Parameters
    ----------
    tool_arguments, unknown_fields, on_error, records
        As in `ReadOptions`.
    not_read
        How many records were left out because they cannot be read.
    format, messages_field, tools_sha256, system_sha256
        As in `ReadOptions`; of tools as JSON and of a system prompt the SHA-256. None if they
        were not given, and in reports of before.
    """

    tool_arguments: str
    unknown_fields: str
    on_error: str
    records: str
    not_read: int
    format: str | None = field(default=None, metadata=LATER)
    messages_field: str | None = field(default=None, metadata=LATER)
    tools_sha256: str | None = field(default=None, metadata=LATER)
    system_sha256: str | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class File:
    """A file of the dataset.

    Parameters
    ----------
    path, sha256
        Its name and the digest of its bytes.
    format
        Name of its format; None if it holds no record that shows one.
    """

    path: str
    sha256: str
    format: str | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Data:
    """What was counted.

    Parameters
    ----------
    path, sha256
        As in `Dataset`.
    conversations, turns
        How many there are; every turn is checked.
    rendered_bytes, amplification
        For the first tokenizer. Templates differ, so each tokenizer has numbers of its own.
    reading
        How it was read; None in reports of before.
    files
        The files that it is in; none in reports of before.
    """

    path: str
    sha256: str
    conversations: int
    turns: int
    rendered_bytes: int
    amplification: float
    reading: Reading | None = field(default=None, metadata=LATER)
    files: tuple[File, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True)
class Provenance:
    """When a comparison was made, by which code, and what was asked of it.

    Parameters
    ----------
    started
        Date and time in UTC, as ISO 8601.
    commit
        Of the code that was measured; None if it is in no git repository. A ``+`` after it says
        that files were changed.
    tokenizers, strategies
        The names that were asked for.
    settings
        Pairs of cores and workers, in the order in which they are measured.
    rounds
        Full rounds, or None if a budget limits them.
    budget_seconds
        For all timed rounds together; None if there is no limit.
    """

    started: str
    commit: str | None
    tokenizers: tuple[str, ...]
    strategies: tuple[str, ...]
    settings: tuple[tuple[int, ...], ...]
    rounds: int | None
    budget_seconds: float | None


@dataclass(frozen=True, slots=True)
class TurnLengths:
    """ISLs of one turn over the conversations that have it.

    Parameters
    ----------
    turn
        Its number, from 1.
    conversations
        How many have it, with an ISL.
    low, median, high
        The 10th, 50th and 90th percentile, in tokens.
    """

    turn: int
    conversations: int
    low: int
    median: int
    high: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """The ISLs of a dataset, small enough for a report.

    Parameters
    ----------
    percentiles
        The 101 percentiles from 0 to 100, in tokens. Each is the ISL of some turn.
    by_turn
        For each turn; if there are more than 200, for 200 of them, evenly spaced.
    """

    percentiles: tuple[int, ...]
    by_turn: tuple[TurnLengths, ...]


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A tokenizer of the comparison.

    Parameters
    ----------
    tokenizer
        Its name, unique in the comparison.
    fingerprint
        All that its counts depend on: at least the keys of `FINGERPRINT`.
    warnings
        The warnings of transformers while it was loaded.
    rendered_bytes, amplification
        Of the prompts of all turns.
    tokens
        Of all turns together.
    skipped_turns
        Turns that have no ISL.
    lengths
        The ISLs; None in reports of before, and if no turn has one.
    """

    tokenizer: str
    fingerprint: Mapping[str, Any]
    warnings: tuple[str, ...]
    rendered_bytes: int
    amplification: float
    tokens: int
    skipped_turns: int
    lengths: Lengths | None = field(default=None, metadata=LATER)

    @property
    def family(self) -> str:
        """The kind of tokenizer, such as ``"Unigram"``."""
        family: str = self.fingerprint["family"]
        return family
