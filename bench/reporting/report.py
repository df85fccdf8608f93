"""The comparison as data: report.json, after a schema that is versioned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from bench.measuring.compare import Entry, Group, Timing
from bench.measuring.machine import describe_machine, describe_versions
from bench.reporting.json_file import read_json
from bench.reporting.output import write_whole
from strategies import Conversation, InputError, count_turns

SCHEMA_VERSION = 1
SCHEMA_PATH = Path(__file__).parents[1] / "data" / "report.schema.json"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where conversations come from.

    Parameters
    ----------
    path
        As the user named it, or the name of a bundled sample.
    sha256
        Of the bytes of the file.
    conversations
        What was read from it.
    """

    path: str
    sha256: str
    conversations: Sequence[Conversation]


def file_sha256(path: Path) -> str:
    """Return the digest of a file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None


def build_report(
    groups: Sequence[Group], dataset: Dataset, command: Sequence[str], seed: int
) -> dict[str, Any]:
    """Return what `report.json` holds; its schema is beside the data of this package."""
    first = groups[0].reference.amplification
    tokenizers = {group.tokenizer: group.reference for group in groups}
    return {
        "schema_version": SCHEMA_VERSION,
        "machine": describe_machine(),
        "versions": describe_versions(),
        "command": list(command),
        "seed": seed,
        "dataset": {
            "path": dataset.path,
            "sha256": dataset.sha256,
            "conversations": len(dataset.conversations),
            "turns": count_turns(dataset.conversations),
            # Of the first tokenizer; templates differ, so each has its own below.
            "rendered_bytes": first.rendered_bytes,
            "amplification": first.factor,
        },
        "tokenizers": [
            {
                "tokenizer": name,
                **reference.fingerprint,
                "warnings": list(reference.warnings),
                "rendered_bytes": reference.amplification.rendered_bytes,
                "amplification": reference.amplification.factor,
                "tokens": reference.tokens,
                "skipped_turns": reference.skipped_turns,
            }
            for name, reference in tokenizers.items()
        ],
        "groups": [_group(group) for group in groups],
        "results": [_result(group, entry) for group in groups for entry in group.entries],
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        **_setting(group),
        "rounds": group.rounds,
        "timed_conversations": group.conversations,
        "timed_turns": group.turns,
        "subset": group.subset,
        "noise_floor": group.noise_floor and group.noise_floor.as_dict(),
        "recommended": list(group.recommended),
    }


def _result(group: Group, entry: Entry) -> dict[str, Any]:
    timing = entry.timing
    return {
        **_setting(group),
        "strategy": entry.strategy,
        "control": entry.control,
        "status": entry.status,
        "reason": entry.reason,
        "turns": group.checked_turns,
        "mismatches": entry.mismatches,
        "exact": None if entry.mismatches is None else entry.mismatches == 0,
        "seconds": timing and timing.seconds.as_dict(),
        "cold_seconds": entry.cold_seconds,
        "speedup": timing.speedup.as_dict() if timing and entry.ranked else None,
        "verdict": timing.verdict if timing and entry.ranked else None,
        "turns_per_second": timing and group.turns / timing.seconds.median,
        "tokens_per_second": timing and group.tokens / timing.seconds.median,
        "peak_rss_bytes": entry.peak_rss_bytes,
        "parts": timing and timing.parts,
    }


def _setting(group: Group) -> dict[str, Any]:
    return {"tokenizer": group.tokenizer, "cores": group.cores, "workers": group.workers}


def write_json(path: Path, report: dict[str, Any]) -> None:
    """Write the report, whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    # A name of bytes that are no text holds lone surrogates, which JSON has escapes for.
    write_whole(path, lambda file: file.write(f"{text}\n".encode(errors="backslashreplace")))


def read_report(path: str | PathLike[str]) -> dict[str, Any]:
    """Return a `report.json` that `bench compare` wrote.

    Raises
    ------
    InputError
        If it cannot be read, or is no report of this version.
    """
    file = Path(path)
    report = read_json(file)
    if not isinstance(report, dict) or report.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"must be {SCHEMA_VERSION}, as `bench compare` writes it; run that again",
            file=file,
            field="schema_version",
        )
    return report


def ranking(group: Group) -> Iterator[tuple[Entry, Timing | None]]:
    """Yield the entries of a group as tables show them.

    First what may be ranked, fastest first; then what was timed and may not; then the rest.
    """

    def key(entry: Entry) -> tuple[int, float]:
        if entry.ranked and entry.timing:
            return 0, -entry.timing.speedup.median
        return (1 if entry.timing else 2), 0.0

    for entry in sorted(group.entries, key=key):
        yield entry, entry.timing
