"""What a claim is, and the one rule by which all claims are answered."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from bench.measuring.estimates import Estimate
from bench.reporting.words import interval, number

if TYPE_CHECKING:
    from bench.claims.lab import Lab

Answer: TypeAlias = Literal["confirmed", "refuted", "depends", "inconclusive"]
Side: TypeAlias = Literal["for", "against", "open"]

RULE = (
    "A case speaks for the claim if its whole interval lies in the range, against it if its whole "
    "interval lies outside, and is open if a bound of the range lies within the interval. All "
    "for: confirmed. All against: refuted. Some for and some against: depends. Else: inconclusive."
)


@dataclass(frozen=True, slots=True)
class Case:
    """A number that was measured.

    Parameters
    ----------
    label
        What it was measured for.
    value
        The number with its 95 % interval; an exact number has no width.
    judged
        False for a number that is shown for comparison only.
    """

    label: str
    value: Estimate
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Range:
    """The values that speak for a claim, both bounds included.

    Parameters
    ----------
    low, high
        The bounds.
    """

    low: float = -math.inf
    high: float = math.inf

    def side(self, value: Estimate) -> Side:
        """Return for which side a value speaks."""
        if self.low <= value.low and value.high <= self.high:
            return "for"
        if value.high < self.low or self.high < value.low:
            return "against"
        return "open"

    def __str__(self) -> str:
        low, high = f"{self.low:,g}", f"{self.high:,g}"
        if self.low == self.high:
            return f"exactly {low}"
        if self.high == math.inf:
            return f"{low} or more"
        if self.low == -math.inf:
            return f"{high} or less"
        return f"{low} to {high}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an experiment found.

    Parameters
    ----------
    cases
        The numbers. Without any that are judged, the claim stays open.
    note
        How much was measured, and on what.
    """

    cases: tuple[Case, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that people make.

    Parameters
    ----------
    name
        Short, for links and tests.
    question
        The claim as a question that can be answered by yes or no.
    experiment
        What is measured, in a sentence or two.
    quantity
        The title of the numbers, with their unit.
    supports
        The numbers that speak for yes.
    measure
        The experiment.
    logarithmic
        Whether the figure has a logarithmic axis.
    timed
        Whether the numbers are times, so that another run gives others.
    """

    name: str
    question: str
    experiment: str
    quantity: str
    supports: Range
    measure: Callable[[Lab], Evidence]
    logarithmic: bool = False
    timed: bool = False

    @property
    def rule(self) -> str:
        """What speaks for the claim, in a sentence."""
        return f"A number speaks for yes if it is {self.supports} ({self.quantity})."


@dataclass(frozen=True, slots=True)
class Answered:
    """A claim with what was found, and the answer.

    Parameters
    ----------
    claim
        The claim.
    evidence
        What its experiment found.
    """

    claim: Claim
    evidence: Evidence

    @property
    def answer(self) -> Answer:
        """What follows from the evidence by `RULE`."""
        return answer_of(self.evidence.cases, self.claim.supports)


def answer_of(cases: tuple[Case, ...], supports: Range) -> Answer:
    """Return what follows from some numbers by `RULE`."""
    sides = {supports.side(case.value) for case in cases if case.judged}
    if sides == {"for"}:
        return "confirmed"
    if sides == {"against"}:
        return "refuted"
    return "depends" if {"for", "against"} <= sides else "inconclusive"


def shown(value: Estimate) -> str:
    """Return a number with its interval, or as it is if it is exact."""
    if value.low < value.high:
        return interval(value)
    exact = value.median + 0.0  # no minus before a zero
    return f"{exact:,.0f}" if exact.is_integer() else number(exact, 1)


def exactly(value: float) -> Estimate:
    """Return a number that was not estimated."""
    return Estimate(float(value), float(value), float(value))
