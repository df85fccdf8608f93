"""Run strategies side by side, check every count, and say what each costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Literal, Protocol, TypeAlias

from bench.measuring.estimates import Estimate, Verdict, median_estimate, speedup_estimate, verdict
from bench.measuring.fresh import FreshProcesses, Job, Outcome, fresh_processes
from bench.measuring.jobs import (
    AGAIN,
    BASELINE,
    Check,
    Reference,
    Round,
    run_check,
    run_reference,
    run_rounds,
)
from bench.measuring.machine import available, first_cores
from bench.measuring.subset import conversations_within
from strategies import ChatSpec, Conversation, InputError, OnError, count_turns, get, is_control
from strategies.verification import mismatches

Status: TypeAlias = Literal["ok", "wrong", "unavailable", "failed"]

MOST_ROUNDS = 30
SHORTEST_BASELINE_SECONDS = 0.2
"""What is timed is not cut down to less than this: short runs measure the scheduler."""
WANTED_ROUNDS = 15
"""Where a budget is short, conversations are left out until so many rounds fit."""


class Watcher(Protocol):
    """Shows a person how far a comparison has come; what it shows changes no result."""

    def working(self, what: str) -> AbstractContextManager[None]:
        """Show that something goes on of which nobody knows how much is done."""
        ...

    def counting(
        self, what: str, total: int, unit: str
    ) -> AbstractContextManager[Callable[[float], None]]:
        """Show how much is done; yields a function to call with what was done since.

        Parameters
        ----------
        what
            What is counted.
        total
            How much there is to do, in units.
        unit
            Name of the unit, such as ``"turns"``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compare.

    Parameters
    ----------
    chats
        Tokenizers.
    strategies
        Names; the baseline is run even where it is not among them.
    cores
        Numbers of cores to pin to, one comparison each.
    workers
        Worker counts for each number of cores; None for as many workers as cores.
    rounds
        Full rounds over all conversations, or None to keep to the budget.
    budget_seconds
        For the timed rounds of everything together.
    seed
        Of the order in rounds, of the choice of conversations, of the bootstrap.
    on_error
        Whether a turn that fails fails the comparison.
    """

    chats: Sequence[ChatSpec]
    strategies: Sequence[str]
    cores: Sequence[int]
    workers: Sequence[int] | None
    rounds: int | None
    budget_seconds: float
    seed: int
    on_error: OnError

    def __post_init__(self) -> None:
        for count in self.cores:
            first_cores(count)

    @property
    def settings(self) -> list[tuple[int, int]]:
        """Pairs of cores and workers."""
        return [(cores, workers) for cores in self.cores for workers in (self.workers or (cores,))]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of a strategy over the rounds, and its speedup over the baseline."""

    seconds: Estimate
    speedup: Estimate
    verdict: Verdict
    parts: dict[str, float]


@dataclass(frozen=True, slots=True)
class Entry:
    """A strategy in a group: whether it is right, and what it costs.

    Parameters
    ----------
    strategy, control
        Its name, and whether it is wrong on purpose.
    status
        ``"ok"``, ``"wrong"`` counts, ``"unavailable"`` with this tokenizer, or ``"failed"``.
    reason
        Why it is not ok, or what it says about its run.
    mismatches
        How many turns differ from the reference; None where nothing was counted.
    cold_seconds
        Importing the libraries, loading the tokenizer and opening the strategy.
    peak_rss_bytes
        Of the process tree, while it counted all turns once.
    timing
        None where it was not timed.
    """

    strategy: str
    control: bool
    status: Status
    reason: str | None
    mismatches: int | None = None
    cold_seconds: float | None = None
    peak_rss_bytes: int | None = None
    timing: Timing | None = None

    @property
    def ranked(self) -> bool:
        """Whether it may be compared with others: exact, timed and meant to be right."""
        return self.status == "ok" and not self.control and self.timing is not None


@dataclass(frozen=True, slots=True)
class Group:
    """All strategies with one tokenizer on so many cores, with so many workers.

    Parameters
    ----------
    tokenizer
        Name of the tokenizer, unique in the comparison.
    reference
        The truth about it.
    checked_turns
        All turns of the dataset; each is checked.
    rounds, conversations, turns, tokens
        What was timed: how often, and how much each time.
    subset
        Whether conversations were left out of the timing. They never are out of the check.
    noise_floor
        Speedup of the baseline over itself.
    entries
        In the order of the registry.
    recommended
        The fastest exact strategies: one, or several where no difference shows.
    """

    tokenizer: str
    reference: Reference
    cores: int
    workers: int
    checked_turns: int
    rounds: int
    conversations: int
    turns: int
    tokens: int
    subset: bool
    noise_floor: Estimate | None
    entries: tuple[Entry, ...]
    recommended: tuple[str, ...]


def compare(plan: Plan, conversations: Sequence[Conversation], watcher: Watcher) -> list[Group]:
    """Carry out a plan.

    Raises
    ------
    InputError
        If a tokenizer cannot be loaded.
    TurnError
        If a turn fails and the plan does not skip it.
    """
    names = unique_names(plan.chats)
    groups = []
    with ExitStack() as stack:
        with watcher.working("importing the libraries"):
            processes = stack.enter_context(fresh_processes())
        for name, spec in zip(names, plan.chats, strict=True):
            session = _Session(plan, name, spec, conversations, processes, watcher)
            reference = session.reference()
            groups += [session.group(reference, *setting) for setting in plan.settings]
    return groups


def unique_names(chats: Sequence[ChatSpec]) -> list[str]:
    """Return the last part of each name or path, with more of it where two would be equal."""
    parts = [spec.name_or_path.rstrip("/").split("/") for spec in chats]
    depth = 1
    while True:
        names = ["/".join(path[-depth:]) for path in parts]
        if len(set(names)) == len(names):
            return names
        if depth >= max(map(len, parts)):
            # The same one twice, with other templates or kwargs.
            return [f"{name} ({number})" for number, name in enumerate(names, 1)]
        depth += 1


@dataclass(frozen=True, slots=True)
class _Session:
    """The work on one tokenizer."""

    plan: Plan
    name: str
    spec: ChatSpec
    conversations: Sequence[Conversation]
    processes: FreshProcesses
    watcher: Watcher

    def reference(self) -> Reference:
        """Return the truth, counted on one core, whichever it is: it is not timed."""
        outcome = self._run(
            "reference", run_reference, self.spec, self.conversations, self.plan.on_error
        )
        if outcome.failure is not None:
            raise outcome.failure
        result: Reference = outcome.result
        return result

    def group(self, reference: Reference, cores: int, workers: int) -> Group:
        """Check all strategies, then time those that can be."""
        names = list(dict.fromkeys((BASELINE, *self.plan.strategies)))
        checked = {name: self._check(name, reference, cores, workers) for name in names}
        timed = [name for name, (entry, _) in checked.items() if entry.status in {"ok", "wrong"}]
        if BASELINE not in timed:
            timed = []
        # The baseline runs twice in a round.
        cost = sum(seconds for _, seconds in checked.values()) + checked[BASELINE][1]
        subset, rounds = self._rounds(timed, cost, checked[BASELINE][1], cores, workers)
        timings = _timings(rounds, self.plan.seed)
        floor = timings.pop(AGAIN).speedup if rounds else None
        entries = tuple(
            replace(entry, timing=timings.get(name)) for name, (entry, _) in checked.items()
        )
        places = {id(conversation): i for i, conversation in enumerate(self.conversations)}
        tokens = sum(isl or 0 for c in subset for isl in reference.counts[places[id(c)]])
        return Group(
            tokenizer=self.name,
            reference=reference,
            cores=cores,
            workers=workers,
            checked_turns=count_turns(self.conversations),
            rounds=len(rounds),
            conversations=len(subset),
            turns=count_turns(subset),
            tokens=tokens,
            subset=len(subset) < len(self.conversations),
            noise_floor=floor,
            entries=entries,
            recommended=_recommended(entries, rounds, floor, self.plan.seed) if tokens else (),
        )

    def _check(
        self, name: str, reference: Reference, cores: int, workers: int
    ) -> tuple[Entry, float]:
        """Return the entry, not timed yet, and how long the strategy took for all turns."""
        try:
            control = is_control(get(name))
        except InputError as error:
            # A package that brings a strategy and does not load takes no other one with it.
            return Entry(name, False, "unavailable", str(error)), 0.0
        outcome = self._run(
            name,
            run_check,
            *(self.spec, name, self.conversations, workers, self.plan.on_error),
            cores=first_cores(cores),
        )
        if outcome.failure is not None:
            return Entry(name, control, "failed", str(outcome.failure)), 0.0
        check: Check = outcome.result
        if check.unavailable is not None:
            return Entry(name, control, "unavailable", check.unavailable), 0.0
        try:
            wrong = mismatches(self.conversations, reference.counts, check.counts)
        except ValueError:
            reason = "it did not count every turn of every conversation"
            return Entry(name, control, "failed", reason), 0.0
        said = check.note
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            said = f"{wrong[0]}{more}"
        entry = Entry(
            name,
            control,
            "wrong" if wrong else "ok",
            said,
            len(wrong),
            self.processes.import_seconds + check.open_seconds,
            outcome.peak_rss_bytes,
        )
        return entry, check.count_seconds

    def _rounds(
        self,
        names: Sequence[str],
        cost: float,
        baseline_seconds: float,
        cores: int,
        workers: int,
    ) -> tuple[Sequence[Conversation], list[Round]]:
        """Return the conversations that were timed, and the rounds."""
        plan = self.plan
        if not names or plan.rounds == 0:
            return self.conversations, []
        subset: Sequence[Conversation] = self.conversations
        most, budget = plan.rounds, float("inf")
        if most is None:
            groups = len(plan.chats) * len(plan.settings)
            most, budget = MOST_ROUNDS, plan.budget_seconds / groups
            share = max(
                budget / (cost * WANTED_ROUNDS), SHORTEST_BASELINE_SECONDS / baseline_seconds
            )
            subset = conversations_within(self.conversations, share, plan.seed)
        rounds: list[Round] = []
        # Within a budget nobody knows how many rounds there will be, but how long they take.
        by_budget = plan.rounds is None
        total, unit = (ceil(budget), "seconds") if by_budget else (most, "rounds")
        with self._bar("side by side", total, unit) as advance:

            def keep(result: Round) -> None:
                rounds.append(result)
                advance(sum(result.seconds.values()) if by_budget else 1)

            arguments = (
                *(self.spec, names, subset, workers, plan.on_error),
                *(most, budget, plan.seed),
            )
            outcome = self.processes.run(
                run_rounds,
                *arguments,
                cores=first_cores(cores),
                sample_memory=False,
                on_message=keep,
            )
        if outcome.failure is not None:
            raise outcome.failure
        return subset, rounds

    def _run(
        self, what: str, job: Job, *arguments: Any, cores: tuple[int, ...] | None = None
    ) -> Outcome:
        with self._bar(what, count_turns(self.conversations), "turns") as advance:
            return self.processes.run(
                job, *arguments, cores=cores or available(), on_message=advance
            )

    def _bar(
        self, what: str, total: int, unit: str
    ) -> AbstractContextManager[Callable[[float], None]]:
        return self.watcher.counting(f"{self.name}: {what}", total, unit)


def _timings(rounds: Sequence[Round], seed: int) -> dict[str, Timing]:
    if not rounds:
        return {}
    samples = {name: [r.seconds[name] for r in rounds] for name in rounds[0].seconds}
    baseline = samples[BASELINE]
    floor = speedup_estimate(baseline, samples[AGAIN], seed)
    timings = {}
    for name, seconds in samples.items():
        parts = {
            part: median_estimate([r.parts[name].get(part, 0.0) for r in rounds], seed).median
            for part in rounds[0].parts[name]
        }
        speedup = speedup_estimate(baseline, seconds, seed)
        timings[name] = Timing(
            median_estimate(seconds, seed), speedup, verdict(speedup, floor), parts
        )
    return timings


def _recommended(
    entries: Sequence[Entry], rounds: Sequence[Round], floor: Estimate | None, seed: int
) -> tuple[str, ...]:
    """Return the fastest exact strategy, and those that it is not shown to be faster than."""
    # `auto` runs one of the others; advice names the one to write down.
    ranked = [entry.strategy for entry in entries if entry.ranked and entry.strategy != "auto"]
    if not ranked or not rounds or floor is None:
        return ()
    samples = {name: [r.seconds[name] for r in rounds] for name in ranked}
    best = min(ranked, key=lambda name: median_estimate(samples[name], seed).median)
    others = [
        name
        for name in ranked
        if name != best
        and verdict(speedup_estimate(samples[name], samples[best], seed), floor) != "faster"
    ]
    return (best, *others)
