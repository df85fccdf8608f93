"""What a figure says in words: where its numbers come from, and what it does not show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from bench.reporting.plots.style import short
from bench.reporting.words import listed, number, setting_words
from strategies.words import many

if TYPE_CHECKING:
    from bench.measuring.machine import Machine
    from bench.measuring.result import Entry, Group
    from bench.reporting.report import Report

_MOST_NAMED = 4
_LONGEST_REASON = 80


def caption(report: Report, *sentences: str, timed: bool = True) -> str:
    """Return the caption of a figure of a comparison.

    It names the dataset, the machine, the date and the baseline, the settings that were measured
    while the machine was busy, and how many are not measured yet.

    Parameters
    ----------
    report
        The report that the figure shows.
    *sentences
        What to say of the figure, before that.
    timed
        Whether the figure shows times, which a busy machine makes less sure.
    """
    data = report.dataset
    baselines = list(dict.fromkeys(short(group.baseline) for group in report.groups))
    said = [
        *sentences,
        (
            f"Dataset {short(PurePath(data.path).name or data.path, 60)}: "
            f"{many(data.conversations, 'conversation')}, {many(data.turns, 'turn')}."
        ),
        machine_sentence(report.machine),
        date_sentence(report.provenance.started if report.provenance else None),
        f"Baseline {listed(baselines)}.",
        *(_busy(report) if timed else ()),
    ]
    if report.unfinished:
        lacking = many(len(report.unfinished), "setting")
        said.append(f"Not finished: {lacking} planned and not measured.")
    return " ".join(said)


def machine_sentence(machine: Machine) -> str:
    """Return the processor and its cores as a sentence."""
    cores = f"{machine.cores_available} of {many(machine.cores, 'core')}"
    return f"Machine {short(machine.processor, 60)}, {cores}."


def date_sentence(started: str | None) -> str:
    """Return the day of a measurement as a sentence, from its date and time in ISO 8601."""
    return f"Measured on {short(started[:10])}." if started else "Date not recorded."


def setting(group: Group) -> str:
    """Return the cores of a group in words, and its workers if there is not one for each core."""
    return setting_words(group.cores, group.workers)


def absences(groups: Sequence[Group], shown: Collection[str]) -> list[str]:
    """Return why strategies are not drawn, or not ranked, a sentence for each reason.

    Parameters
    ----------
    groups
        The settings of one tokenizer.
    shown
        The names of the strategies that are drawn in any case, such as crossed out.
    """
    where: dict[tuple[str, str], dict[str, list[str]]] = {}
    for group in groups:
        for entry in group.entries:
            said = _absence(entry, entry.strategy in shown)
            if said:
                settings = where.setdefault(said, {}).setdefault(entry.strategy, [])
                settings.append(setting(group))
    lines = []
    for (state, reason), names in where.items():
        by_settings: dict[tuple[str, ...], list[str]] = {}
        for name, settings in names.items():
            by_settings.setdefault(tuple(settings), []).append(short(name))
        for places, some in by_settings.items():
            place = "" if len(places) == len(groups) else f" with {_few(places)}"
            why = f" ({reason})" if reason else ""
            lines.append(f"{state}{place}: {listed(some)}{why}")
    return lines


def title(report: Report, name: str) -> str:
    """Return the name of a tokenizer with its family."""
    family = next(each.family for each in report.tokenizers if each.tokenizer == name)
    return f"{short(name, 40)} ({short(family)})"


def by_tokenizer(report: Report) -> list[tuple[str, list[Group]]]:
    """Return the groups of each tokenizer, in the order of the report."""
    return [
        (each.tokenizer, [group for group in report.groups if group.tokenizer == each.tokenizer])
        for each in report.tokenizers
    ]


def most_cores(groups: Sequence[Group]) -> Group:
    """Return the group with the most cores; of these, the one with a worker for each core."""
    return max(groups, key=lambda group: (group.cores, -abs(group.workers - group.cores)))


def fewest_cores(groups: Sequence[Group]) -> Group:
    """Return the group with the fewest cores; of these, the one with a worker for each core."""
    return min(groups, key=lambda group: (group.cores, abs(group.workers - group.cores)))


def _absence(entry: Entry, shown: bool) -> tuple[str, str] | None:
    """Return the state of an entry that is not drawn as others are, and the reason for it."""
    reason = short(entry.reason or "", _LONGEST_REASON)
    if entry.status in {"unavailable", "failed"}:
        return entry.status, reason
    if shown:
        return None
    if entry.mismatches:
        kind = "✗ control" if entry.control else "✗ wrong"
        return kind, many(entry.mismatches, "wrong turn")
    if entry.control:
        return "✗ control", "exact here"
    return ("not timed", reason) if entry.seconds is None else None


def _busy(report: Report) -> Iterable[str]:
    settings = [
        f"{short(group.tokenizer)} on {setting(group)} ({number(group.load.elsewhere, 1)} cores)"
        for group in report.groups
        if group.load and group.load.disturbed
    ]
    if settings:
        share = f"{len(settings)} of {many(len(report.groups), 'setting')}"
        yield (
            f"Busy machine, so less sure: other programs kept cores busy during {share}: "
            f"{_few(settings)}."
        )


def _few(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return listed([*names[:_MOST_NAMED], *([f"{more:,} more"] if more > 0 else [])])
