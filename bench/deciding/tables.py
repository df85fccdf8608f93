"""The tables of a decision, for Markdown and the terminal alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.deciding.cases import Case
from bench.deciding.cells import (
    STANDINGS,
    break_even_words,
    counts,
    efficiency,
    noise_floor,
    pays_from,
    status,
)
from bench.deciding.verdict import CaseVerdict, Decision, geometric_mean
from bench.measuring.result import Entry
from bench.reporting.columns import marked
from bench.reporting.fitting import Head
from bench.reporting.words import interval, listed, number
from strategies.words import many


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title, and lines under it.

    Parameters
    ----------
    title
        What it is about.
    heads
        The columns.
    rows
        A cell for each column, as plain text.
    strong
        Places of the rows that a reader should see first.
    notes
        Lines under it.
    """

    title: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


STRATEGY_HEADS = (
    Head("strategy", left=True),
    Head("cores"),
    Head("workers", rank=5),
    Head("tokens/s", rank=3),
    Head("median s [95 %]", rank=4),
    Head("speedup [all 95 %]"),
    Head("efficiency", rank=6),
    Head("cold s", rank=2),
    Head("MB", rank=2),
    Head("mismatches", rank=3),
    Head("status", left=True, wraps=True),
)


def strategy_tables(decision: Decision) -> list[Table]:
    """Return a table for each dataset and tokenizer, with a row for each strategy and setting."""
    several = len({each.case.dataset for each in decision.cases}) > 1
    tables = []
    for verdicts in _by_tokenizer(decision):
        case = verdicts[0].case
        rows: list[tuple[str, ...]] = []
        strong: set[int] = set()
        for verdict in verdicts:
            for entry in _ranked(verdict):
                if entry.strategy == verdict.use:
                    strong.add(len(rows))
                rows.append(_row(decision, verdict, entry))
                if entry.strategy == verdict.case.baseline and noise_floor(verdict.case):
                    rows.append(_floor_row(verdict.case))
        title = case.group.tokenizer
        if case.family != title:
            title += f" ({case.family})"
        tables.append(
            Table(
                f"{title}, {case.dataset}" if several else title,
                STRATEGY_HEADS,
                tuple(rows),
                frozenset(strong),
                tuple(note for verdict in verdicts for note in _notes(verdict)),
            )
        )
    return tables


def who_table(decision: Decision) -> Table:
    """Return what to use with each dataset, tokenizer and setting."""
    rows = []
    for each in decision.cases:
        case, contest = each.case, each.case.contest
        speedup = contest.speedup(each.use) if contest and each.use in contest.others else None
        floor = noise_floor(case)
        rows.append(
            (
                case.group.tokenizer,
                case.dataset,
                case.setting_words,
                each.use or _open(each),
                interval(speedup) if speedup else "",
                _maybe(each),
                interval(floor) if floor and floor.low else "",
                str(case.group.rounds),
            )
        )
    heads = (
        Head("tokenizer", left=True),
        Head("dataset", rank=1 if len({row[1] for row in rows}) > 1 else 5, left=True),
        Head("setting", left=True),
        Head("use", left=True),
        Head("speedup [all 95 %]"),
        Head("may be faster still", rank=2, left=True),
        Head("noise floor", rank=3),
        Head("rounds", rank=4),
    )
    # Most decisions leave nothing open.
    filled = [place for place, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    return Table(
        "What to use",
        tuple(heads[place] for place in filled),
        tuple(tuple(row[place] for place in filled) for row in rows),
    )


def _maybe(verdict: CaseVerdict) -> str:
    """Return the best strategy over the one to use, if it is another one."""
    contest, advice = verdict.case.contest, verdict.advice
    if not contest or not advice or not advice.use or advice.best in {None, advice.use}:
        return ""
    return f"{advice.best} {interval(contest.ratios[advice.use, str(advice.best)])}"


def _open(verdict: CaseVerdict) -> str:
    more = verdict.advice.more_rounds if verdict.advice else None
    return f"inconclusive: {many(more, 'more round')}" if more else "inconclusive"


def mean_table(decision: Decision) -> Table | None:
    """Return the geometric means over the tokenizers; None if there is one tokenizer."""
    rows = [
        (strategy, f"{cores}", f"{workers}", number(mean), f"{count} of {of}")
        for cores, workers, strategy, mean, count, of in geometric_means(decision)
    ]
    if all(len(each.cases) == 1 for each in decision.settings):
        return None
    heads = (
        Head("strategy", left=True),
        Head("cores"),
        Head("workers"),
        Head("speedup"),
        Head("tokenizers"),
    )
    note = "Only means over the same tokenizers can be compared with one another."
    title = "Geometric mean of the median speedups"
    return Table(title, heads, tuple(rows), notes=(note,))


def geometric_means(decision: Decision) -> Iterator[tuple[int, int, str, float, int, int]]:
    """Yield cores, workers, strategy, mean speedup, number of cases with it, number of cases."""
    for setting in decision.settings:
        contests = [each.case.contest for each in setting.cases if each.case.contest]
        found: dict[str, list[float]] = {}
        for contest in contests:
            for name in contest.others:
                found.setdefault(name, []).append(contest.speedup(name).median)
        means = {name: geometric_mean(speedups) for name, speedups in found.items()}
        for name in sorted(means, key=lambda name: (-len(found[name]), -means[name], name)):
            count, of = len(found[name]), len(setting.cases)
            yield setting.cores, setting.workers, name, means[name], count, of


def break_even_table(decision: Decision) -> Table | None:
    """Return from which size of a dataset on each strategy pays; None if nothing is known."""
    rows = []
    for verdict in decision.cases:
        case = verdict.case
        for entry in _ranked(verdict):
            found = pays_from(verdict, entry)
            if found is not None:
                words = break_even_words(found)
                rows.append((case.group.tokenizer, case.setting_words, entry.strategy, *words))
    if not rows:
        return None
    heads = (
        Head("tokenizer", left=True),
        Head("setting", left=True),
        Head("strategy", left=True),
        Head("turns"),
        Head("conversations"),
    )
    note = (
        "The smallest dataset for which a strategy takes less time than "
        f"{decision.evidence.cases[0].baseline} with its start counted. It takes that other "
        "conversations are like these: as many turns, and as long. Strategies that are not shown "
        "to be faster are left out."
    )
    return Table("Break-even", heads, tuple(rows), notes=(note,))


def counts_line(decision: Decision) -> str:
    """Return whether all counts match, in a sentence."""
    if decision.wrong:
        wrong = dict.fromkeys(
            f"{strategy} counts {mismatches:,}{f' of {case.turns:,}' if case.turns else ''} turns "
            f"wrong with {case.group.tokenizer}"
            for case, strategy, mismatches in decision.wrong
        )
        return f"The counts do NOT match: {'; '.join(wrong)}."
    checked = [
        entry
        for each in decision.cases
        for entry in each.case.group.entries
        if entry.exact and entry.ours
    ]
    names = {entry.strategy for entry in checked}
    if not checked:
        return "No count was checked."
    turns = sum(
        each.case.turns * sum(e.exact is True and e.ours for e in each.case.group.entries)
        for each in decision.cases
    )
    number_of = f"{turns:,} counts" if turns else "those"
    return (
        f"All counts match: {number_of} by {listed(sorted(names))} are those of the full chat "
        "template."
    )


# --- rows -------------------------------------------------------------------------------


def _by_tokenizer(decision: Decision) -> list[list[CaseVerdict]]:
    found: dict[tuple[str, str], list[CaseVerdict]] = {}
    for each in decision.cases:
        found.setdefault((each.case.dataset, each.case.group.tokenizer), []).append(each)
    return list(found.values())


def _ranked(verdict: CaseVerdict) -> list[Entry]:
    """Return the entries: those that compete, fastest first, then the others by name."""
    contest = verdict.case.contest

    def key(entry: Entry) -> tuple[int, float, str]:
        if contest and entry.strategy in contest.names:
            faster = (
                contest.speedup(entry.strategy).median if entry.strategy in contest.others else 1.0
            )
            return 0, -faster, entry.strategy
        return (1 if entry.seconds else 2), 0.0, entry.strategy

    return sorted(verdict.case.group.entries, key=key)


def _row(decision: Decision, verdict: CaseVerdict, entry: Entry) -> tuple[str, ...]:
    case, contest = verdict.case, verdict.case.contest
    speedup = ""
    if entry.strategy == case.baseline:
        speedup = "1"
    elif contest and entry.strategy in contest.others:
        speedup = interval(contest.speedup(entry.strategy))
    elif entry.seconds:
        speedup = "not ranked"
    scaling = efficiency(decision, verdict, entry)
    size = entry.memory_bytes
    return (
        marked(entry),
        str(case.group.cores),
        str(case.group.workers),
        "" if entry.tokens_per_second is None else number(entry.tokens_per_second, 0),
        _seconds(entry),
        speedup,
        "" if scaling is None else f"{scaling:.0%}".replace("%", " %"),
        "" if entry.cold_seconds is None else number(entry.cold_seconds),
        "" if size is None else f"{size / 1e6:,.0f}",
        "" if entry.mismatches is None else f"{entry.mismatches:,}",
        status(verdict, entry),
    )


def _seconds(entry: Entry) -> str:
    if entry.seconds is None:
        return ""
    seconds = entry.seconds
    median, low, high = (number(each, 3) for each in (seconds.median, seconds.low, seconds.high))
    return f"{median} [{low}, {high}]"


def _floor_row(case: Case) -> tuple[str, ...]:
    floor = noise_floor(case)
    cells = [""] * len(STRATEGY_HEADS)
    cells[0], cells[1], cells[2] = case.group.again, str(case.group.cores), str(case.group.workers)
    cells[5] = interval(floor) if floor else ""
    cells[-1] = "noise floor"
    return tuple(cells)


def _notes(verdict: CaseVerdict) -> Iterator[str]:
    case, group = verdict.case, verdict.case.group
    found = counts(verdict)
    fared = ", ".join(f"{count} {STANDINGS.get(name, name)}" for name, count in found.items())
    yield f"{case.setting_words}: {verdict.sentence}"
    size = f" of {many(group.timed_turns, 'turn')}" if group.timed_turns else ""
    yield f"{case.setting_words}: {fared}; {many(group.rounds, 'round')}{size}"
    if verdict.advice and case.contest and verdict.advice.simpler:
        simpler = ", ".join(
            f"{name} {interval(case.contest.speedup(name))}" for name in verdict.advice.simpler
        )
        yield f"{case.setting_words}: simpler, and faster than {case.baseline}, too: {simpler}"
