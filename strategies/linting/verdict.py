"""What the lint says: verdicts with their rules and counterexamples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from strategies.linting.search import Counterexample

Exactness: TypeAlias = Literal["exact-alone", "exact-with-neighbours", "never"]
"""How a text may be cut at a marker without changing its ids.

``exact-alone``: wherever the marker's text stands, and each part is encoded by itself.
``exact-with-neighbours``: where the tokenizer's own search finds it, and each span is encoded
between the markers around it. ``never``: it is wrong, or nobody has shown that it is not.
"""

ALONE: Exactness = "exact-alone"
NEIGHBOURS: Exactness = "exact-with-neighbours"
NEVER: Exactness = "never"
ORDER = (ALONE, NEIGHBOURS, NEVER)
"""From the best to the worst."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict, and why.

    Parameters
    ----------
    exactness
        How a text may be cut.
    rule
        Name of the rule that decides, or None for ``exact-alone``.
    condition
        The condition of docs/cutting.md that does not hold, or None if all do, or if only the
        search says so.
    reason
        The same in words.
    """

    exactness: Exactness
    rule: str | None
    condition: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class MarkerVerdict:
    """The verdict on one marker.

    Parameters
    ----------
    text, number
        Its text, and its id.
    verdict
        What holds for it.
    counterexample
        The shortest text that shows why nothing better holds: cut as the next better verdict
        would allow. None if nothing better is possible, or none was found.
    tried
        Texts that were compared.
    """

    text: str
    number: int
    verdict: Verdict
    counterexample: Counterexample | None
    tried: int


@dataclass(frozen=True, slots=True)
class Group:
    """Markers that the template cannot write, with the same verdict by rule.

    Parameters
    ----------
    verdict
        What holds for each of them.
    texts
        Their texts, in the order of their ids.
    """

    verdict: Verdict
    texts: tuple[str, ...]
