"""Run strategies side by side, check every count, and say what each costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Protocol

from bench.measuring.advice import Timing, recommended, timings
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
from bench.measuring.plan import Plan, unique_names
from bench.measuring.result import Comparison, Entry, Group
from bench.measuring.subset import conversations_within
from strategies import ChatSpec, Conversation, InputError, count_turns, get, is_control
from strategies.verification import mismatches

MOST_ROUNDS = 30
SHORTEST_BASELINE_SECONDS = 0.2
"""A subset takes the baseline at least this long, because short runs measure the scheduler."""
WANTED_ROUNDS = 15
"""If a budget is short, conversations are left out until this many rounds fit."""


class Watcher(Protocol):
    """Shows a person how far a comparison has come. It changes no result."""

    def working(self, what: str) -> AbstractContextManager[None]:
        """Show that something goes on whose end nobody can tell."""
        ...

    def counting(
        self, what: str, total: int, unit: str
    ) -> AbstractContextManager[Callable[[float], None]]:
        """Show how much is done. Yields a function to call with the number of units done since.

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


def compare(plan: Plan, conversations: Sequence[Conversation], watcher: Watcher) -> Comparison:
    """Carry out a plan.

    Parameters
    ----------
    plan
        What to compare.
    conversations
        The data. Every turn is checked.
    watcher
        Shows a person how far it has come.

    Raises
    ------
    InputError
        If a tokenizer cannot be loaded.
    TurnError
        If a turn fails and the plan does not skip it.
    """
    names = unique_names(plan.chats)
    references, groups = {}, []
    with ExitStack() as stack:
        with watcher.working("importing the libraries"):
            processes = stack.enter_context(fresh_processes())
        for name, spec in zip(names, plan.chats, strict=True):
            session = Session(plan, name, spec, conversations, processes, watcher)
            references[name] = session.reference()
            groups += [session.group(references[name], *setting) for setting in plan.settings]
    return Comparison(references, tuple(groups))


@dataclass(frozen=True, slots=True)
class Session:
    """The work on one tokenizer.

    Parameters
    ----------
    plan
        What to compare.
    name, spec
        The tokenizer, and its name in the comparison.
    conversations
        The data.
    processes
        Where everything runs.
    watcher
        Shows a person how far it has come.
    """

    plan: Plan
    name: str
    spec: ChatSpec
    conversations: Sequence[Conversation]
    processes: FreshProcesses
    watcher: Watcher

    def reference(self) -> Reference:
        """Count the reference. It is not timed, so it may run on any core."""
        outcome = self._run(
            "reference", run_reference, self.spec, self.conversations, self.plan.on_error
        )
        if outcome.failure is not None:
            raise outcome.failure
        result: Reference = outcome.result
        return result

    def group(self, reference: Reference, cores: int, workers: int) -> Group:
        """Check all strategies, then time those that can be.

        Parameters
        ----------
        reference
            The counts that are right, see `reference`.
        cores, workers
            How many processors to pin to, and how many workers each strategy has.
        """
        names = list(dict.fromkeys((BASELINE, *self.plan.strategies)))
        checked = {name: self._check(name, reference, cores, workers) for name in names}
        timed = [name for name, (entry, _) in checked.items() if entry.status in {"ok", "wrong"}]
        if BASELINE not in timed:
            timed = []
        # A round runs the baseline twice.
        cost = sum(seconds for _, seconds in checked.values()) + checked[BASELINE][1]
        subset, rounds = self._rounds(timed, cost, checked[BASELINE][1], cores, workers)
        places = {id(conversation): i for i, conversation in enumerate(self.conversations)}
        turns = count_turns(subset)
        tokens = sum(isl or 0 for c in subset for isl in reference.counts[places[id(c)]])
        found = timings(rounds, self.plan.seed)
        floor = found[AGAIN].speedup if rounds else None
        entries = tuple(
            _timed(entry, found[name], turns, tokens) if name in found else entry
            for name, (entry, _) in checked.items()
        )
        rankable = [entry.strategy for entry in entries if entry.rankable]
        return Group(
            tokenizer=self.name,
            cores=cores,
            workers=workers,
            rounds=len(rounds),
            timed_conversations=len(subset),
            timed_turns=turns,
            subset=len(subset) < len(self.conversations),
            noise_floor=floor,
            # Turns without a single token are no ground for advice.
            recommended=recommended(rankable, rounds, floor, self.plan.seed)
            if floor and tokens
            else (),
            entries=entries,
        )

    def _check(
        self, name: str, reference: Reference, cores: int, workers: int
    ) -> tuple[Entry, float]:
        """Return an entry without times, and the seconds that the strategy took for all turns."""
        try:
            control = is_control(get(name))
        except InputError as error:
            # If the package that brings it does not load, the other strategies go on.
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
            mismatches=len(wrong),
            cold_seconds=self.processes.import_seconds + check.open_seconds,
            peak_rss_bytes=outcome.peak_rss_bytes,
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
        # With a budget, the seconds are known and the number of rounds is not.
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


def _timed(entry: Entry, timing: Timing, turns: int, tokens: int) -> Entry:
    """Return an entry with its timing; only one that may be ranked has a speedup."""
    return replace(
        entry,
        seconds=timing.seconds,
        speedup=timing.speedup if entry.rankable else None,
        verdict=timing.verdict if entry.rankable else None,
        turns_per_second=turns / timing.seconds.median,
        tokens_per_second=tokens / timing.seconds.median,
        parts=timing.parts,
    )
