"""What a comparison found: an entry for each strategy, in groups of one setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bench.measuring.baseline import BASELINE, again
from bench.measuring.estimates import Estimate, Verdict
from bench.measuring.jobs import Reference
from bench.measuring.load import Load
from bench.measuring.recordable import LATER

Setting: TypeAlias = tuple[str, int, int]
"""Name of the tokenizer, number of cores, number of workers."""
Status: TypeAlias = Literal["ok", "wrong", "unavailable", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A strategy in a group: whether it is right, and what it costs.

    Parameters
    ----------
    strategy, control
        Its name, and whether it is wrong on purpose.
    status
        ``"ok"``, ``"wrong"`` counts, ``"unavailable"`` with this tokenizer, or ``"failed"``.
    reason
        Why it is not ok, or what it says about its run.
    mismatches
        Number of turns that differ from the reference; None if nothing was counted.
    seconds
        For one round; None if it was not timed.
    cold_seconds
        Importing the libraries, loading the tokenizer and opening the strategy.
    speedup, verdict
        Over the baseline on the same cores; None if it may not be ranked.
    turns_per_second, tokens_per_second
        Of the median round; None if it was not timed.
    peak_rss_bytes
        Of the process tree, while it counted all turns once. Memory that processes share is
        counted for each of them.
    parts
        Median seconds of each part that the strategy reports; None if it was not timed.
    peak_pss_bytes
        As `peak_rss_bytes`, with shared memory counted once; None if the kernel does not say.
    round_seconds
        Seconds of each round, in order; None if it was not timed. The same place in two entries
        of a group is the same round.
    peer
        Whether it counts with another library, so that nothing proves its counts right.
    """

    strategy: str
    control: bool
    status: Status
    reason: str | None
    mismatches: int | None = None
    seconds: Estimate | None = None
    cold_seconds: float | None = None
    speedup: Estimate | None = None
    verdict: Verdict | None = None
    turns_per_second: float | None = None
    tokens_per_second: float | None = None
    peak_rss_bytes: int | None = None
    parts: Mapping[str, float] | None = None
    peak_pss_bytes: int | None = field(default=None, metadata=LATER)
    round_seconds: tuple[float, ...] | None = field(default=None, metadata=LATER)
    peer: bool = field(default=False, metadata=LATER)

    @property
    def ours(self) -> bool:
        """Whether it claims to be exact: it is no control and no peer."""
        return not (self.control or self.peer)

    @property
    def exact(self) -> bool | None:
        """Whether every count is the reference's; None if nothing was counted."""
        return None if self.mismatches is None else self.mismatches == 0

    @property
    def wrong(self) -> bool:
        """Whether it counts wrong, a control or a peer included."""
        return self.status == "wrong" or bool(self.mismatches)

    @property
    def memory_bytes(self) -> int | None:
        """The peak of memory, with shared memory counted once if that is known."""
        return self.peak_rss_bytes if self.peak_pss_bytes is None else self.peak_pss_bytes

    @property
    def rankable(self) -> bool:
        """Whether it may be ranked once it is timed: every count is right, and it is no control."""
        return self.status == "ok" and not self.control


@dataclass(frozen=True, slots=True)
class Group:
    """All strategies with one tokenizer, one number of cores and one number of workers.

    Parameters
    ----------
    tokenizer
        Name of the tokenizer, unique in the comparison.
    cores, workers
        How many of each.
    rounds, timed_conversations, timed_turns
        What was timed: how often, and how much each time.
    subset
        Whether some conversations were not timed. All of them are checked.
    noise_floor
        Speedup of the baseline over itself; None if nothing was timed.
    recommended
        The fastest exact strategies: one, or several if no difference shows.
    entries
        In the order of the registry.
    baseline
        Name of the strategy that speedups are against.
    again_seconds
        Seconds of the baseline's second run in each round.
    share
        Part of the work of all turns that was timed, as `conversations_within` takes it. All
        settings of a tokenizer have the same.
    core_ids
        Numbers of the processors.
    started
        When the rounds began: date and time in UTC, as ISO 8601.
    load
        How busy the machine was.
    """

    tokenizer: str
    cores: int
    workers: int
    rounds: int
    timed_conversations: int
    timed_turns: int
    subset: bool
    noise_floor: Estimate | None
    recommended: tuple[str, ...]
    entries: tuple[Entry, ...]
    baseline: str = field(default=BASELINE, metadata=LATER)
    again_seconds: tuple[float, ...] = field(default=(), metadata=LATER)
    share: float = field(default=1.0, metadata=LATER)
    core_ids: tuple[int, ...] = field(default=(), metadata=LATER)
    started: str | None = field(default=None, metadata=LATER)
    load: Load | None = field(default=None, metadata=LATER)

    @property
    def again(self) -> str:
        """Name of the row of the noise floor."""
        return again(self.baseline)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `bench.measuring.compare.compare` returns.

    Parameters
    ----------
    references
        The counts that are right, by name of the tokenizer.
    groups
        One for each tokenizer and setting.
    """

    references: Mapping[str, Reference]
    groups: tuple[Group, ...]
