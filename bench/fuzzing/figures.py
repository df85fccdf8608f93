"""What a search has seen: rounds, prompts, and where a target differed from the reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference from the reference.

    Parameters
    ----------
    target
        What differed.
    round
        Number of the round. With the seed, it gives the case again.
    said
        The difference in one line.
    row
        The smallest case as a row of the conformance corpus; None if it was not made smaller,
        because there are such cases of this target already.
    """

    target: str
    round: int
    said: str
    row: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as the state file has it."""
        return {"target": self.target, "round": self.round, "said": self.said, "row": self.row}


@dataclass(slots=True)
class Figures:
    """What rounds have seen.

    Parameters
    ----------
    prompts
        Turns that were compared.
    counted
        Those of them that have a count; the others fail in the reference.
    compared
        Turns that each target was compared on.
    unavailable
        Turns that each target could not count, by its own word.
    findings
        Where a target differed.
    refused
        Cases that could not be loaded, such as one whose template writes addresses of objects.
    """

    prompts: int = 0
    counted: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    unavailable: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    refused: int = 0

    def add(self, other: Figures) -> None:
        """Add the figures of more rounds."""
        self.prompts += other.prompts
        self.counted += other.counted
        self.compared += other.compared
        self.unavailable += other.unavailable
        self.findings += other.findings
        self.refused += other.refused

    def as_dict(self) -> dict[str, Any]:
        """Return them as the state file has them."""
        return {
            "prompts": self.prompts,
            "counted": self.counted,
            "compared": dict(self.compared),
            "unavailable": dict(self.unavailable),
            "findings": [finding.as_dict() for finding in self.findings],
            "refused": self.refused,
        }


def figures_from(content: Mapping[str, Any]) -> Figures:
    """Return the figures of a state file."""
    return Figures(
        content["prompts"],
        content["counted"],
        Counter(content["compared"]),
        Counter(content["unavailable"]),
        [Finding(**finding) for finding in content["findings"]],
        # Searches of before did not count them.
        content.get("refused", 0),
    )
