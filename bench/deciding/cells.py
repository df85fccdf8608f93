"""The cells of a decision's tables: how each strategy fared, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bench.deciding.cases import Case
from bench.deciding.verdict import CaseVerdict, Decision
from bench.measuring.advice import PICKER
from bench.measuring.break_even import BreakEven, break_even
from bench.measuring.estimates import Estimate
from bench.measuring.result import Entry

STANDINGS: Mapping[str, str] = MappingProxyType(
    {"faster": "faster", "slower": "slower", "same": "the same", "unclear": "unclear"}
)
"""How a strategy compares with the baseline, in words."""


def status(verdict: CaseVerdict, entry: Entry) -> str:
    """Return how a strategy fared, and why."""
    return f"{_standing(verdict, entry)}{f': {entry.reason}' if entry.reason else ''}"


def _standing(verdict: CaseVerdict, entry: Entry) -> str:
    standings = verdict.advice.standings if verdict.advice else {}
    chosen = verdict.use == entry.strategy
    if not entry.ours:
        return _not_ours(entry)
    if entry.wrong:
        return "WRONG"
    if entry.strategy == verdict.case.baseline:
        return "baseline; keep it" if chosen else "baseline"
    if entry.strategy in standings:
        standing = STANDINGS[standings[entry.strategy]]
        return f"{standing}; use this" if chosen else standing
    return "not compared" if entry.strategy == PICKER else _skipped(entry)


def _not_ours(entry: Entry) -> str:
    if entry.control:
        return "control"
    if entry.status == "ok":
        return "another library"
    return "another library; WRONG" if entry.wrong else _skipped(entry)


def _skipped(entry: Entry) -> str:
    return f"skipped, {'not timed' if entry.status == 'ok' else entry.status}"


def counts(verdict: CaseVerdict) -> dict[str, int]:
    """Return how many strategies are faster, slower, the same, unclear, wrong and skipped."""
    standings = verdict.advice.standings if verdict.advice else {}
    found = dict.fromkeys(("faster", "slower", "same", "unclear", "wrong", "skipped"), 0)
    for entry in verdict.case.group.entries:
        if entry.strategy in standings:
            found[standings[entry.strategy]] += 1
        elif entry.wrong and entry.ours:
            found["wrong"] += 1
        elif entry.strategy != verdict.case.baseline:
            found["skipped"] += 1
    return found


def efficiency(decision: Decision, verdict: CaseVerdict, entry: Entry) -> float | None:
    """Return the speed on these cores over cores times the speed on one core.

    It is None on one core, and if one core was not measured on the same conversations.

    Parameters
    ----------
    decision
        Has the cases on one core.
    verdict
        Of the case on several cores.
    entry
        The strategy in that case.
    """
    case, group = verdict.case, verdict.case.group
    if group.cores == 1 or entry.seconds is None:
        return None
    alone = [
        each.case.group
        for each in decision.cases
        if (each.case.dataset, each.case.group.tokenizer) == (case.dataset, group.tokenizer)
        and each.case.setting == (1, 1)
        and each.case.group.timed_turns == group.timed_turns
    ]
    found = [e.seconds for other in alone for e in other.entries if e.strategy == entry.strategy]
    if not found or found[0] is None:
        return None
    return found[0].median / (group.cores * entry.seconds.median)


def noise_floor(case: Case) -> Estimate | None:
    """Return the baseline against itself; None if that was not measured."""
    return case.contest.floor if case.contest else case.group.noise_floor


def pays_from(verdict: CaseVerdict, entry: Entry) -> BreakEven | None:
    """Return the break-even of a strategy that is shown to be faster or slower."""
    case, advice = verdict.case, verdict.advice
    if advice is None or advice.standings.get(entry.strategy) not in {"faster", "slower"}:
        return None
    baseline = next(e for e in case.group.entries if e.strategy == case.baseline)
    group = case.group
    return break_even(entry, baseline, group.timed_turns, group.timed_conversations)


def break_even_words(found: BreakEven) -> tuple[str, str]:
    """Return turns and conversations as cells of a table."""
    if found.turns is None:
        return "never", "never"
    if found.most_turns is not None:
        return f"up to {found.most_turns:,} only", ""
    conversations = "" if found.conversations is None else f"{found.conversations:,}"
    return f"{found.turns:,}", conversations
