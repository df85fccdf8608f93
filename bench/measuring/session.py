"""The work on one tokenizer: the reference, the checks, the timed rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil, inf
from time import perf_counter
from typing import Any

from bench.measuring.advice import Timing, competes, recommended, timings
from bench.measuring.baseline import BASELINE, again
from bench.measuring.budget import MOST_ROUNDS, Budget, duration
from bench.measuring.contest import fewest_rounds, simultaneous
from bench.measuring.fresh import FreshProcesses, Job, Outcome
from bench.measuring.jobs import (
    Check,
    Facts,
    Reference,
    Round,
    run_check,
    run_facts,
    run_reference,
    run_rounds,
)
from bench.measuring.load import Load
from bench.measuring.machine import available, first_cores
from bench.measuring.plan import Plan
from bench.measuring.result import Entry, Group
from bench.measuring.subset import conversations_within, share_of
from bench.measuring.watcher import Watcher
from strategies import ChatSpec, Conversation, InputError, count_turns, get, is_control, is_peer
from strategies.verification import mismatches
from strategies.words import many


@dataclass(frozen=True, slots=True)
class Checks:
    """What the checks of all strategies in one setting found.

    Parameters
    ----------
    cores, workers
        The setting.
    entries
        Of each strategy, without times.
    cost
        Seconds of one round over all conversations, about.
    baseline_seconds
        Of the baseline alone, likewise.
    """

    cores: int
    workers: int
    entries: Mapping[str, Entry]
    cost: float
    baseline_seconds: float


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
    budget
        For the timed rounds; shared with the other tokenizers.
    """

    plan: Plan
    name: str
    spec: ChatSpec
    conversations: Sequence[Conversation]
    processes: FreshProcesses
    watcher: Watcher
    budget: Budget

    def reference(self) -> Reference:
        """Count the reference, once for all settings. Its time is that of the plain call."""
        outcome = self._run(
            *("reference", run_reference, self.spec, self.conversations, self.plan.on_error),
            cores=first_cores(1),
        )
        plain: Check = _result(outcome)
        facts: Facts = _result(
            self._run("description", run_facts, self.spec, self.conversations, cores=available())
        )
        return Reference(facts, plain, outcome.peak_rss_bytes, outcome.peak_pss_bytes)

    def check(self, reference: Reference, cores: int, workers: int) -> Checks:
        """Check every strategy in one setting.

        Parameters
        ----------
        reference
            The counts that are right, see `reference`.
        cores, workers
            How many processors to pin to, and how many workers each strategy has.
        """
        plan = self.plan
        checked = {name: self._check(name, reference, cores, workers) for name in plan.names}
        entries = {name: entry for name, (entry, _) in checked.items()}
        # A round runs the baseline twice.
        baseline_seconds = checked[plan.baseline][1]
        cost = sum(seconds for _, seconds in checked.values()) + baseline_seconds
        return Checks(cores, workers, entries, cost, baseline_seconds)

    def time(self, reference: Reference, checks: Checks, share: float | None = None) -> Group:
        """Time the strategies of a setting that can be timed.

        Parameters
        ----------
        reference
            The counts that are right, see `reference`.
        checks
            Of all strategies in the setting, see `check`.
        share
            Part of the work to time, as in the other groups of this tokenizer; None to choose it.
        """
        plan, cores = self.plan, checks.cores
        timed = [name for name, entry in checks.entries.items() if entry.status in {"ok", "wrong"}]
        if plan.baseline not in timed:
            timed = []
        if share is None:
            choose = timed and plan.rounds is None
            share = self.budget.share(checks.cost, checks.baseline_seconds) if choose else 1.0
        subset = conversations_within(self.conversations, share, plan.seed)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        rounds, load = self._rounds(timed, subset, checks)
        places = {id(conversation): i for i, conversation in enumerate(self.conversations)}
        turns = count_turns(subset)
        tokens = sum(isl or 0 for c in subset for isl in reference.counts[places[id(c)]])
        found = timings(rounds, plan.baseline, plan.seed)
        floor = found[again(plan.baseline)].speedup if rounds else None
        entries = tuple(
            _timed(entry, found[name], [r.seconds[name] for r in rounds], turns, tokens)
            if name in found
            else entry
            for name, entry in checks.entries.items()
        )
        rankable = [entry.strategy for entry in entries if entry.rankable and entry.ours]
        return Group(
            tokenizer=self.name,
            cores=cores,
            workers=checks.workers,
            rounds=len(rounds),
            timed_conversations=len(subset),
            timed_turns=turns,
            subset=len(subset) < len(self.conversations),
            noise_floor=floor,
            # Turns without a single token are no ground for advice.
            recommended=recommended(rankable, rounds, plan.baseline) if tokens else (),
            entries=entries,
            baseline=plan.baseline,
            again_seconds=tuple(each.seconds[again(plan.baseline)] for each in rounds),
            share=share,
            core_ids=first_cores(cores),
            started=started,
            load=load,
        )

    def _check(
        self, name: str, reference: Reference, cores: int, workers: int
    ) -> tuple[Entry, float]:
        """Return an entry without times, and the seconds that the strategy took for all turns."""
        if name == BASELINE:
            # The reference is this strategy. It uses one core and one worker in every setting.
            outcome = Outcome(
                reference.plain, None, reference.peak_rss_bytes, reference.peak_pss_bytes
            )
            return self._judged(name, outcome, reference)
        try:
            strategy = get(name)
        except InputError as error:
            # If the package that brings it does not load, the other strategies go on.
            return Entry(name, False, "unavailable", str(error)), 0.0
        outcome = self._run(
            name,
            run_check,
            *(self.spec, name, self.conversations, workers, self.plan.on_error),
            cores=first_cores(cores),
        )
        entry, seconds = self._judged(name, outcome, reference)
        return replace(entry, control=is_control(strategy), peer=is_peer(strategy)), seconds

    def _judged(self, name: str, outcome: Outcome, reference: Reference) -> tuple[Entry, float]:
        """Return what `_check` returns, from what became of the check.

        Parameters
        ----------
        name
            The strategy.
        outcome
            Holds a `Check`, or why there is none.
        reference
            The counts that are right.
        """
        if outcome.failure is not None:
            return Entry(name, False, "failed", str(outcome.failure)), 0.0
        check: Check = outcome.result
        if check.unavailable is not None:
            return Entry(name, False, "unavailable", check.unavailable), 0.0
        try:
            wrong = mismatches(self.conversations, reference.counts, check.counts)
        except ValueError:
            reason = "it did not count every turn of every conversation"
            return Entry(name, False, "failed", reason), 0.0
        said = check.note
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            said = f"{wrong[0]}{more}"
        entry = Entry(
            name,
            False,
            "wrong" if wrong else "ok",
            said,
            mismatches=len(wrong),
            cold_seconds=self.processes.import_seconds + check.open_seconds,
            peak_rss_bytes=outcome.peak_rss_bytes,
            peak_pss_bytes=outcome.peak_pss_bytes,
        )
        return entry, check.count_seconds

    def _rounds(
        self,
        names: Sequence[str],
        subset: Sequence[Conversation],
        checks: Checks,
    ) -> tuple[list[Round], Load | None]:
        """Return the rounds, and the load meanwhile; no round if there is nothing to time.

        Parameters
        ----------
        names
            The strategies to time.
        subset
            The conversations to time.
        checks
            The setting, and how long a round takes.
        """
        plan = self.plan
        if not names or plan.rounds == 0:
            self.budget.spend(0)
            return [], None
        one_round = checks.cost * share_of(subset, self.conversations)
        most, budget = plan.rounds or MOST_ROUNDS, inf
        # With fewer rounds, no interval has bounds, and nothing can be decided.
        competing = sum(competes(checks.entries[name]) for name in names)
        least = fewest_rounds(simultaneous(max(2, competing)))
        if plan.rounds is None:
            budget = self.budget.part
            self._tell_overrun(one_round, least, budget, checks.cores)
        rounds: list[Round] = []
        # With a budget, the seconds are known and the number of rounds is not.
        by_budget = plan.rounds is None
        total, unit = (ceil(budget), "seconds") if by_budget else (most, "rounds")
        began = perf_counter()
        with self._bar("side by side", total, unit) as advance:

            def keep(result: Round) -> None:
                rounds.append(result)
                advance(sum(result.seconds.values()) if by_budget else 1)

            outcome = self.processes.run(
                run_rounds,
                *(self.spec, names, subset, checks.workers, plan.on_error),
                *(most, least, budget, plan.seed, plan.baseline, available()),
                cores=first_cores(checks.cores),
                sample_memory=False,
                on_message=keep,
            )
        self.budget.spend(perf_counter() - began)
        load: Load = _result(outcome)
        return rounds, load

    def _tell_overrun(self, one_round: float, least: int, budget: float, cores: int) -> None:
        """Say before it begins that a group will take longer than its part of the budget.

        Parameters
        ----------
        one_round
            Seconds of a round, about.
        least
            The fewest rounds.
        budget
            Seconds that the group has.
        cores
            The setting.
        """
        seconds = one_round * least
        if seconds > budget + 1:
            self.watcher.tell(
                f"{self.name} on {many(cores, 'core')}: timing takes about "
                f"{duration(seconds)}, more than the {duration(budget)} that the budget leaves for "
                f"it, because {least} rounds of whole conversations are the least"
            )

    def _run(self, what: str, job: Job, *arguments: Any, cores: tuple[int, ...]) -> Outcome:
        with self._bar(what, count_turns(self.conversations), "turns") as advance:
            return self.processes.run(job, *arguments, cores=cores, on_message=advance)

    def _bar(
        self, what: str, total: int, unit: str
    ) -> AbstractContextManager[Callable[[float], None]]:
        return self.watcher.counting(f"{self.name}: {what}", total, unit)


def _result(outcome: Outcome) -> Any:
    """Return the result of a job.

    Raises
    ------
    IslError
        If it failed.
    """
    if outcome.failure is not None:
        raise outcome.failure
    return outcome.result


def _timed(
    entry: Entry, timing: Timing, seconds: Sequence[float], turns: int, tokens: int
) -> Entry:
    """Return an entry with its timing; only one that may be ranked has a speedup.

    Parameters
    ----------
    entry
        The entry without times.
    timing
        What the rounds say.
    seconds
        Of each round.
    turns, tokens
        That were counted in each round.
    """
    return replace(
        entry,
        seconds=timing.seconds,
        speedup=timing.speedup if entry.rankable else None,
        verdict=timing.verdict if entry.rankable else None,
        turns_per_second=turns / timing.seconds.median,
        tokens_per_second=tokens / timing.seconds.median,
        parts=timing.parts,
        round_seconds=tuple(seconds),
    )
