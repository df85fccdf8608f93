"""What a decision is made from: one case for each dataset, tokenizer and setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.measuring.contest import Contest
from bench.measuring.machine import Machine
from bench.measuring.result import Group
from bench.reporting.words import setting_words


@dataclass(frozen=True, slots=True)
class Case:
    """The strategies with one dataset, tokenizer and setting.

    Parameters
    ----------
    dataset
        Name of the dataset.
    family
        The kind of tokenizer.
    group
        Tokenizer, cores, workers, and an entry for each strategy.
    turns
        Turns of the dataset. Every one is checked.
    contest
        The eligible strategies, compared pair by pair; None if that is not possible.
    obstacle
        Why it is not possible, or None.
    runs
        How many separate runs the rounds come from.
    """

    dataset: str
    family: str
    group: Group
    turns: int
    contest: Contest | None
    obstacle: str | None = None
    runs: int = 1

    @property
    def baseline(self) -> str:
        """Name of the strategy that the others must beat."""
        return self.group.baseline

    @property
    def setting(self) -> tuple[int, int]:
        """Cores and workers."""
        return self.group.cores, self.group.workers

    @property
    def setting_words(self) -> str:
        """The same in words."""
        return setting_words(*self.setting)


PAIRED = (
    "Each interval is of the median ratio of two strategies in the same rounds. It is exact for "
    "any distribution (order statistics, SciPy's quantile_test). Bonferroni's correction for all "
    "pairs of strategies makes all intervals of a setting hold together with 95 %. With too few "
    "rounds for that, an interval has no bounds."
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a decision is made from.

    Parameters
    ----------
    cases
        At least one, in an order that does not depend on that of the files.
    provenance
        A line for each source: what it was measured on, when, by which code and command.
    caveats
        What a reader should know about how far it can be trusted.
    intervals
        What the intervals are, in a sentence or two.
    """

    cases: tuple[Case, ...]
    provenance: tuple[str, ...]
    caveats: tuple[str, ...]
    intervals: str = PAIRED


def ran_on(machine: Machine, versions: Mapping[str, str]) -> str:
    """Return what something was measured on, for the lines of provenance."""
    return (
        f"{machine.processor}, {machine.cores_available} of {machine.cores} cores, "
        f"{machine.system}; Python {versions['python']}, transformers {versions['transformers']}, "
        f"tokenizers {versions['tokenizers']}"
    )
