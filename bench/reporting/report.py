"""The report of a comparison: one value for tables, plots and report.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any

from bench.measuring.estimates import Estimate
from bench.measuring.machine import Machine
from bench.measuring.result import Entry, Group, Setting
from bench.reporting.columns import COLUMNS, Column, Row
from bench.reporting.facts import FINGERPRINT, Data, Provenance, Tokenizer
from bench.reporting.json_file import read_json
from bench.reporting.json_value import decode, encode, member
from strategies import InputError
from strategies.errors import placed

SCHEMA_VERSION = 1
SCHEMA_PATH = Path(__file__).parents[1] / "data" / "report.schema.json"

LEAST, MOST = 1e-12, 1e12
"""Limits of seconds and speedups. No measured value is beyond them."""

SHOWN_VERSIONS = ("python", "transformers", "tokenizers")
"""The versions that a report in Markdown names."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a comparison has to say.

    Parameters
    ----------
    machine, versions
        What it ran on.
    command, seed
        How to run it again.
    dataset
        What was counted.
    tokenizers
        The tokenizers, in the order of the command.
    groups
        The results with each tokenizer and setting; at least one group for each tokenizer.
    provenance
        When and by which code it was made; None in reports of before.
    """

    machine: Machine
    versions: Mapping[str, str]
    command: tuple[str, ...]
    seed: int
    dataset: Data
    tokenizers: tuple[Tokenizer, ...]
    groups: tuple[Group, ...]
    provenance: Provenance | None = None

    @property
    def unfinished(self) -> list[Setting]:
        """The settings that were planned and are not measured yet."""
        if self.provenance is None:
            return []
        done = {(group.tokenizer, group.cores, group.workers) for group in self.groups}
        planned = [
            (name, cores, workers)
            for name in self.provenance.tokenizers
            for cores, workers in self.provenance.settings
        ]
        return [setting for setting in planned if setting not in done]

    def tokenizer(self, group: Group) -> Tokenizer:
        """Return the tokenizer of a group."""
        return next(each for each in self.tokenizers if each.tokenizer == group.tokenizer)

    def row(self, group: Group, entry: Entry) -> Row:
        """Return the row of a strategy in a group, from which columns get their values."""
        return Row(self.dataset, self.tokenizer(group), group, entry)

    def rows(self) -> Iterator[Row]:
        """Yield every result, in the order in which it was measured."""
        for group in self.groups:
            for entry in group.entries:
                yield self.row(group, entry)

    def as_dict(self, columns: Sequence[Column] = COLUMNS) -> dict[str, Any]:
        """Return what report.json holds. `SCHEMA_PATH` is its schema.

        Parameters
        ----------
        columns
            The members of each result.
        """
        groups: list[dict[str, Any]] = encode(self.groups)
        for group in groups:
            del group["entries"]
        tokenizers: list[dict[str, Any]] = encode(self.tokenizers)
        return {
            "schema_version": SCHEMA_VERSION,
            "machine": encode(self.machine),
            "versions": encode(self.versions),
            "command": encode(self.command),
            "provenance": encode(self.provenance),
            "seed": self.seed,
            "dataset": encode(self.dataset),
            "tokenizers": [
                {"tokenizer": each["tokenizer"], **each.pop("fingerprint"), **each}
                for each in tokenizers
            ],
            "groups": groups,
            "results": [
                {column.key: encode(column.value(row)) for column in columns} for row in self.rows()
            ],
        }

    @classmethod
    def from_dict(cls, document: Any) -> Report:
        """Return the report that report.json holds.

        Raises
        ------
        InputError
            If it is no report of this version, or a field is missing or wrong. The error names
            the field.
        """
        if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
            raise InputError(
                f"must be {SCHEMA_VERSION}, as `bench compare` writes it; run that again",
                field="schema_version",
            )
        report = cls(
            machine=member(document, "machine", Machine),
            versions=member(document, "versions", Mapping[str, str]),
            command=member(document, "command", tuple[str, ...]),
            seed=member(document, "seed", int),
            dataset=member(document, "dataset", Data),
            tokenizers=_tokenizers(document),
            groups=_groups(document),
            provenance=decode(Provenance | None, document.get("provenance"), "provenance"),
        )
        _check_counts(report.dataset, ("conversations", "turns"), "dataset")
        if report.provenance is not None and any(len(s) != 2 for s in report.provenance.settings):
            raise InputError("must be pairs of cores and workers", field="provenance.settings")
        for name in SHOWN_VERSIONS:
            member(document["versions"], name, str, "versions")
        named = [each.tokenizer for each in report.tokenizers]
        for name in named:
            if all(group.tokenizer != name for group in report.groups):
                raise InputError(f"has no group of {name}", field="groups")
        for i, group in enumerate(report.groups):
            if group.tokenizer not in named:
                raise InputError("is no tokenizer of the report", field=f"groups[{i}].tokenizer")
        return report


def read_report(path: str | PathLike[str]) -> Report:
    """Return the report in a `report.json` that `bench compare` wrote.

    Raises
    ------
    InputError
        If it cannot be read, or is no complete report of this version.
    """
    file = Path(path)
    with placed(file=file):
        return Report.from_dict(read_json(file))


def read_fingerprint(document: Any, field: str) -> Mapping[str, Any]:
    """Return the fingerprint of a tokenizer from a JSON object, checked."""
    known = {key: member(document, key, kind, field) for key, kind in FINGERPRINT.items()}
    return {key: known.get(key, value) for key, value in document.items()}


def _tokenizers(document: Mapping[str, Any]) -> tuple[Tokenizer, ...]:
    own = {each.name for each in fields(Tokenizer)}
    found = []
    for i, each in enumerate(member(document, "tokenizers", tuple[Mapping[str, Any], ...])):
        field = f"tokenizers[{i}]"
        rest = {key: value for key, value in each.items() if key not in own}
        whole = {**each, "fingerprint": read_fingerprint(rest, field)}
        found.append(decode(Tokenizer, whole, field))
    return tuple(found)


def _groups(document: Mapping[str, Any]) -> tuple[Group, ...]:
    """Return the groups with their results. In report.json the results are a separate list."""
    groups = member(document, "groups", tuple[Mapping[str, Any], ...])
    if not groups:
        raise InputError("must not be empty", field="groups")
    found: dict[tuple[Any, ...], Group] = {}
    entries: dict[tuple[Any, ...], list[Entry]] = {}
    for i, each in enumerate(groups):
        setting = _setting(each, f"groups[{i}]")
        if setting in found:
            raise InputError("has the setting of another group", field=f"groups[{i}]")
        group: Group = decode(Group, {**each, "entries": []}, f"groups[{i}]")
        _check_counts(group, ("cores", "workers"), f"groups[{i}]", least=1)
        _check_counts(group, ("rounds", "timed_conversations", "timed_turns"), f"groups[{i}]")
        if group.again_seconds and group.rounds != len(group.again_seconds):
            raise InputError("must be the number of again_seconds", field=f"groups[{i}].rounds")
        _check(group.noise_floor, f"groups[{i}].noise_floor")
        _check_rounds(group, group.again_seconds, f"groups[{i}].again_seconds")
        found[setting], entries[setting] = group, []
    for i, each in enumerate(member(document, "results", tuple[Mapping[str, Any], ...])):
        setting = _setting(each, f"results[{i}]")
        if setting not in found:
            raise InputError("has the setting of no group", field=f"results[{i}]")
        entry = _entry(each, f"results[{i}]")
        if entry.round_seconds is not None:
            _check_rounds(found[setting], entry.round_seconds, f"results[{i}].round_seconds")
        if any(other.strategy == entry.strategy for other in entries[setting]):
            raise InputError(
                "is in another result of the same group, too", field=f"results[{i}].strategy"
            )
        entries[setting].append(entry)
    for i, each in enumerate(entries.values()):
        if not each:
            raise InputError("has no result", field=f"groups[{i}]")
    return tuple(replace(each, entries=tuple(entries[key])) for key, each in found.items())


def _setting(document: Mapping[str, Any], field: str) -> tuple[Any, ...]:
    return (
        member(document, "tokenizer", str, field),
        member(document, "cores", int, field),
        member(document, "workers", int, field),
    )


def _entry(document: Mapping[str, Any], field: str) -> Entry:
    entry: Entry = decode(Entry, document, field)
    _check(entry.seconds, f"{field}.seconds")
    _check(entry.speedup, f"{field}.speedup")
    _check_counts(entry, ("mismatches",), field)
    if entry.cold_seconds is not None and not 0 <= entry.cold_seconds <= MOST:
        raise InputError(f"must be from 0 to {MOST:g}", field=f"{field}.cold_seconds")
    if entry.speedup is not None and not entry.rankable:
        raise InputError("must be null: it is not ranked", field=f"{field}.speedup")
    return entry


def _check(estimate: Estimate | None, field: str) -> None:
    if estimate is None:
        return
    # Plots show logarithms, and no measured value is beyond these limits.
    if not LEAST <= estimate.low <= estimate.median <= estimate.high <= MOST:
        raise InputError(f"must have {LEAST:g} <= low <= median <= high <= {MOST:g}", field=field)


def _check_counts(value: Any, names: Sequence[str], field: str, *, least: int = 0) -> None:
    """Check whole numbers that say how many there are of something."""
    for name in names:
        count = getattr(value, name)
        if count is not None and not least <= count <= MOST:
            raise InputError(f"must be from {least} to {MOST:g}", field=f"{field}.{name}")


def _check_rounds(group: Group, seconds: Sequence[float], field: str) -> None:
    """Check the seconds of rounds, which are compared with the noise floor round by round."""
    if group.again_seconds and len(seconds) != len(group.again_seconds):
        raise InputError("must have as many rounds as again_seconds of its group", field=field)
    if not all(LEAST <= each <= MOST for each in seconds):
        raise InputError(f"must be from {LEAST:g} to {MOST:g}", field=field)
