"""A decision as JSON, and as files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from bench.deciding.cells import counts, efficiency, noise_floor, pays_from, status
from bench.deciding.markdown import markdown, markdown_for_pr
from bench.deciding.reports import shown_command
from bench.deciding.rule import rule
from bench.deciding.tables import counts_line, geometric_means
from bench.deciding.verdict import CaseVerdict, Decision, SettingVerdict
from bench.measuring.estimates import Estimate
from bench.measuring.result import Entry
from bench.reporting.json_file import json_bytes
from bench.reporting.json_value import encode
from bench.reporting.output import write_bytes
from strategies.words import printable

SCHEMA_VERSION = 1
SCHEMA_PATH = Path(__file__).parents[1] / "data" / "decision.schema.json"
JSON_NAME, MARKDOWN_NAME = "decision.json", "decision.md"


def document(decision: Decision) -> dict[str, Any]:
    """Return what decision.json holds. `SCHEMA_PATH` is its schema."""
    return {
        "schema_version": SCHEMA_VERSION,
        "status": decision.status,
        "verdict": decision.verdict,
        "fingerprint": decision.fingerprint,
        "rule": rule(decision.evidence),
        "counts_match": not decision.wrong,
        "counts": counts_line(decision),
        "settings": [_setting(each) for each in decision.settings],
        "cases": [_case(decision, each) for each in decision.cases],
        "geometric_means": [
            {
                "cores": cores,
                "workers": workers,
                "strategy": strategy,
                "speedup": mean,
                "cases": count,
                "of": of,
            }
            for cores, workers, strategy, mean, count, of in geometric_means(decision)
        ],
        "provenance": list(decision.evidence.provenance),
        "caveats": list(decision.evidence.caveats),
        "command": shown_command(decision.command),
    }


def write_decision(folder: Path, decision: Decision, *, for_pr: bool) -> str:
    """Write a decision as files, and return the line that says so.

    Parameters
    ----------
    folder
        Where to write; it exists.
    decision
        What to write.
    for_pr
        Whether the Markdown is the form for a pull request, with the long part folded.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    text = markdown_for_pr(decision) if for_pr else markdown(decision)
    write_bytes(folder / JSON_NAME, json_bytes(document(decision)))
    write_bytes(folder / MARKDOWN_NAME, text.encode(errors="backslashreplace"))
    return printable(f"wrote {JSON_NAME} and {MARKDOWN_NAME} to {folder}")


def _setting(setting: SettingVerdict) -> dict[str, Any]:
    return {
        "cores": setting.cores,
        "workers": setting.workers,
        "verdict": setting.kind,
        "strategy": setting.strategy,
        "sentence": setting.sentence,
    }


def _case(decision: Decision, verdict: CaseVerdict) -> dict[str, Any]:
    case, advice, group = verdict.case, verdict.advice, verdict.case.group
    return {
        "dataset": case.dataset,
        "tokenizer": group.tokenizer,
        "family": case.family,
        "cores": group.cores,
        "workers": group.workers,
        "baseline": case.baseline,
        "use": verdict.use,
        "best": advice.best if advice else None,
        "simpler": list(advice.simpler) if advice else [],
        "more_rounds": advice.more_rounds if advice else None,
        "sentence": verdict.sentence,
        "runs": case.runs,
        "rounds": group.rounds,
        "turns": case.turns,
        "timed_turns": group.timed_turns,
        "timed_conversations": group.timed_conversations,
        "noise_floor": _bounds(noise_floor(case)),
        "confidence_of_each": case.contest.confidence if case.contest else None,
        "counts": counts(verdict),
        "strategies": [_strategy(decision, verdict, each) for each in group.entries],
    }


def _strategy(decision: Decision, verdict: CaseVerdict, entry: Entry) -> dict[str, Any]:
    contest, advice = verdict.case.contest, verdict.advice
    rival = contest is not None and entry.strategy in contest.others
    return {
        "strategy": entry.strategy,
        "control": entry.control,
        "peer": entry.peer,
        "status": entry.status,
        "reason": entry.reason,
        "shown": status(verdict, entry),
        "standing": advice.standings.get(entry.strategy) if advice else None,
        "mismatches": entry.mismatches,
        "tokens_per_second": entry.tokens_per_second,
        "seconds": _bounds(entry.seconds),
        "speedup": _bounds(contest.speedup(entry.strategy)) if contest and rival else None,
        "efficiency": efficiency(decision, verdict, entry),
        "cold_seconds": entry.cold_seconds,
        "memory_bytes": entry.memory_bytes,
        "break_even": encode(pays_from(verdict, entry)),
    }


def _bounds(estimate: Estimate | None) -> dict[str, float | None] | None:
    """Return an estimate whose bounds are None if the interval has none."""
    if estimate is None:
        return None
    return {
        "median": estimate.median,
        "low": estimate.low or None,
        "high": estimate.high if math.isfinite(estimate.high) else None,
    }
