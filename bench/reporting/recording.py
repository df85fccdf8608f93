"""The report of a comparison while it grows: each setting is added when it is measured."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.measuring.jobs import Reference
from bench.measuring.machine import (
    Machine,
    describe_commit,
    describe_machine,
    describe_versions,
)
from bench.measuring.plan import Plan, unique_names
from bench.measuring.result import Group, Setting
from bench.reporting.dataset import Dataset
from bench.reporting.facts import Data, Provenance, Tokenizer
from bench.reporting.json_value import encode
from bench.reporting.lengths import lengths_of
from bench.reporting.report import Report
from strategies import InputError, count_turns


@dataclass(slots=True)
class Recording:
    """What a comparison has found so far.

    Parameters
    ----------
    dataset
        What is counted.
    plan
        What is compared.
    command
        The words of the command line.
    machine, versions, provenance
        As in `Report`; of here and now.
    tokenizers, groups
        What was found, by name and by setting.
    """

    dataset: Dataset
    plan: Plan
    command: Sequence[str]
    machine: Machine
    versions: Mapping[str, str]
    provenance: Provenance
    tokenizers: dict[str, Tokenizer] = field(default_factory=dict)
    groups: dict[Setting, Group] = field(default_factory=dict)

    def add(self, name: str, reference: Reference, group: Group) -> None:
        """Add a group that was measured.

        Parameters
        ----------
        name
            Name of the tokenizer.
        reference
            The counts that are right.
        group
            The group.
        """
        facts = reference.facts
        about = Tokenizer(
            tokenizer=name,
            fingerprint=facts.fingerprint,
            warnings=facts.warnings,
            rendered_bytes=facts.amplification.rendered_bytes,
            amplification=facts.amplification.factor,
            tokens=reference.tokens,
            skipped_turns=reference.skipped_turns,
            lengths=lengths_of(reference.counts),
        )
        before = self.tokenizers.get(name)
        if before is not None and encode(before) != encode(about):
            raise InputError(
                f"{name} counts differently from the report that is resumed; leave out --resume"
            )
        self.tokenizers[name] = about
        self.groups[name, group.cores, group.workers] = group

    def report(self) -> Report:
        """Return the report of what was added, at least one group."""
        planned = [name for name in self.provenance.tokenizers if name in self.tokenizers]
        tokenizers = tuple(self.tokenizers[name] for name in planned)
        settings = [(name, *setting) for name in planned for setting in self.plan.settings]
        return Report(
            machine=self.machine,
            versions=self.versions,
            command=tuple(self.command),
            seed=self.plan.seed,
            dataset=Data(
                path=self.dataset.path,
                sha256=self.dataset.sha256,
                conversations=len(self.dataset.conversations),
                turns=count_turns(self.dataset.conversations),
                rendered_bytes=tokenizers[0].rendered_bytes,
                amplification=tokenizers[0].amplification,
                reading=self.dataset.reading,
                files=self.dataset.files,
            ),
            tokenizers=tokenizers,
            groups=tuple(self.groups[each] for each in settings if each in self.groups),
            provenance=self.provenance,
        )

    def resume(self, before: Report) -> None:
        """Take over what a report of the same comparison holds.

        Raises
        ------
        InputError
            If it is a report of another comparison; the error says what differs.
        """
        if before.provenance is None:
            raise InputError("is of an older version and cannot be resumed; leave out --resume")
        # The command stands for all options. What it names may have changed meanwhile.
        pairs: Mapping[str, tuple[Any, Any]] = {
            "the command": (shlex.join(before.command), shlex.join(self.command)),
            "the dataset's SHA-256": (before.dataset.sha256, self.dataset.sha256),
            "the measured code": (before.provenance.commit, self.provenance.commit),
            "the versions": (dict(before.versions), dict(self.versions)),
            "the processor": (before.machine.processor, self.machine.processor),
            "the number of cores": (before.machine.cores_available, self.machine.cores_available),
        }
        for what, (then, now) in pairs.items():
            if then != now:
                raise InputError(
                    f"cannot be resumed: {what} was {then} and is {now} now; repeat what the "
                    "report says, or leave out --resume"
                )
        self.provenance = before.provenance
        self.machine = before.machine
        self.tokenizers = {each.tokenizer: each for each in before.tokenizers}
        self.groups = {(g.tokenizer, g.cores, g.workers): g for g in before.groups}


def begin_recording(plan: Plan, dataset: Dataset, command: Sequence[str]) -> Recording:
    """Return the recording of a comparison that begins now.

    Parameters
    ----------
    plan
        What to compare.
    dataset
        What to count.
    command
        The words of the command line.
    """
    return Recording(
        dataset=dataset,
        plan=plan,
        command=command,
        machine=describe_machine(),
        versions=describe_versions(),
        provenance=Provenance(
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=describe_commit(),
            tokenizers=tuple(unique_names(plan.chats)),
            strategies=tuple(plan.names),
            settings=tuple(plan.settings),
            rounds=plan.rounds,
            budget_seconds=plan.budget_seconds if plan.rounds is None else None,
        ),
    )
