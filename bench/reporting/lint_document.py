"""A lint as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strategies import Lint
    from strategies.linting.search import Counterexample
    from strategies.linting.verdict import Verdict

SCHEMA_VERSION = 1
SCHEMA_PATH = Path(__file__).parents[1] / "data" / "lint.schema.json"


def document(lint: Lint, fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``bench lint --json`` prints. `SCHEMA_PATH` is its schema.

    Parameters
    ----------
    lint
        What was found.
    fingerprint
        All that it depends on.
    """
    template = lint.template
    return {
        "schema_version": SCHEMA_VERSION,
        "tokenizer": dict(fingerprint),
        "exact": lint.is_exact,
        **_verdict(lint.verdict),
        "marker": lint.marker,
        "counterexample": _counterexample(lint.counterexample),
        "markers": [
            {
                "text": each.text,
                "id": each.number,
                **_verdict(each.verdict),
                "counterexample": _counterexample(each.counterexample),
                "tried": each.tried,
            }
            for each in lint.markers
        ],
        "unwritten": [
            {**_verdict(group.verdict), "texts": list(group.texts)} for group in lint.unwritten
        ],
        "template": {
            "cut_points": list(lint.cut_points),
            "unknown_markers": list(template.unknown),
            "fields": [asdict(fate) for fate in template.fates],
            "append_only": template.appends_only,
            "breaks": [asdict(each) for each in template.breaks],
            "conversations": template.conversations,
            "refusals": list(template.refusals),
        },
        "engines": [
            {
                "name": each.name,
                "version": each.version,
                "source": each.source,
                "outcome": each.outcome,
                "findings": [
                    {
                        "outcome": finding.outcome,
                        "reason": finding.reason,
                        "counterexample": _counterexample(finding.counterexample),
                    }
                    for finding in each.findings
                ],
            }
            for each in lint.engines
        ],
        "bound": {
            "pieces": list(lint.pieces),
            "most_pieces": lint.most_pieces,
            "tried": lint.tried,
        },
        "amplification": lint.amplification,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "verdict": verdict.exactness,
        "rule": verdict.rule,
        "condition": verdict.condition,
        "reason": verdict.reason,
    }


def _counterexample(shown: Counterexample | None) -> dict[str, Any] | None:
    if shown is None:
        return None
    return {"text": shown.text, "ids_whole": list(shown.whole), "ids_cut": list(shown.cut)}
