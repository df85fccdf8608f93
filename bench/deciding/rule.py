"""The rule of a decision in sentences, as every decision prints it."""

from __future__ import annotations

from bench.deciding.cases import Evidence
from bench.measuring.advice import PICKER, SIMPLEST_FIRST
from bench.reporting.advising import WORTH


def rule(evidence: Evidence) -> list[str]:
    """Return the sentences of the rule that decides about some evidence."""
    baseline = evidence.cases[0].baseline
    names = {entry.strategy for case in evidence.cases for entry in case.group.entries}
    exact = "Only strategies compete whose every count is that of the full chat template."
    choose = f"Use what is faster than {baseline}."
    if names & set(SIMPLEST_FIRST):
        exact += f" Controls do not, and neither does {PICKER}, which runs one of the others."
        choose = (
            f"Of the strategies that are faster than {baseline}, use the simplest one that is not "
            f"slower than the best one. Simplest first: {', '.join(SIMPLEST_FIRST)}, then those "
            "of other packages."
        )
    faster = (
        "A strategy is faster than another one if the interval of their ratio lies above the "
        f"margin. The margin is the noise floor: as far as {baseline} may be from itself, by the "
        "95 % interval."
    )
    keep = (
        f"If none is faster, keep {baseline} if every other one is less than {WORTH} faster and "
        f"the margin is less than {WORTH}, too. If that is not shown, it is inconclusive."
    )
    return [exact, faster, evidence.intervals, choose, keep]
