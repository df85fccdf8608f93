"""Run strategies side by side, check every count, and say what each costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from time import perf_counter

from bench.measuring.budget import Budget, duration
from bench.measuring.fresh import fresh_processes
from bench.measuring.jobs import Reference
from bench.measuring.plan import Plan, unique_names
from bench.measuring.result import Comparison, Group, Setting
from bench.measuring.session import Session
from bench.measuring.watcher import Watcher
from strategies import Conversation

WORTH_TELLING_SECONDS = 30.0
"""A comparison that takes this long says beforehand how long it will take."""


def compare(
    plan: Plan,
    conversations: Sequence[Conversation],
    watcher: Watcher,
    *,
    done: Mapping[Setting, Group] | None = None,
    finished: Callable[[str, Reference, Group], None] = lambda *_: None,
) -> Comparison:
    """Carry out a plan.

    Parameters
    ----------
    plan
        What to compare.
    conversations
        The data. Every turn is checked.
    watcher
        Shows a person how far it has come.
    done
        Groups that were measured before, with the same plan and the same conversations.
    finished
        Called with each new group when it is measured, with its tokenizer's name and reference.

    Raises
    ------
    InputError
        If a tokenizer cannot be loaded.
    TurnError
        If a turn fails and the plan does not skip it.
    """
    names = unique_names(plan.chats)
    groups = dict(done or {})
    wanted = [(name, *setting) for name in names for setting in plan.settings]
    missing = sum(setting not in groups for setting in wanted)
    # What was measured before has spent its part.
    budget = Budget(plan.budget_seconds * missing / len(wanted), missing)
    references: dict[str, Reference] = {}
    if not missing:
        return Comparison(references, tuple(groups[setting] for setting in wanted))
    with ExitStack() as stack:
        with watcher.working("importing the libraries"):
            processes = stack.enter_context(fresh_processes())
        for name, spec in zip(names, plan.chats, strict=True):
            todo = [setting for setting in plan.settings if (name, *setting) not in groups]
            if not todo:
                continue
            session = Session(plan, name, spec, conversations, processes, watcher, budget)
            started = perf_counter()
            reference = references[name] = session.reference()
            referred = perf_counter()
            # All settings of a tokenizer time the same conversations, so that they compare.
            share = next((g.share for g in groups.values() if g.tokenizer == name), None)
            for cores, workers in todo:
                checks = session.check(reference, cores, workers)
                if len(references) == 1 and (cores, workers) == todo[0]:
                    # The other tokenizers and settings take about as long as the first.
                    left = [setting for setting in wanted if setting not in groups]
                    counting = (referred - started) * len({name for name, *_ in left})
                    counting += (perf_counter() - referred) * len(left)
                    tell_total(watcher, counting, plan.timed_seconds(checks.cost, len(left)))
                group = session.time(reference, checks, share)
                share = group.share
                groups[name, cores, workers] = group
                finished(name, reference, group)
    return Comparison(references, tuple(groups[setting] for setting in wanted))


def tell_total(watcher: Watcher, counting: float, timing: float) -> None:
    """Say how long a comparison takes in all, if that is worth telling.

    Parameters
    ----------
    watcher
        Whom to tell.
    counting
        Seconds of the references and of the checks, about.
    timing
        Seconds of the timed rounds, about.
    """
    if counting + timing >= WORTH_TELLING_SECONDS:
        watcher.tell(
            f"takes about {duration(counting + timing)} in all: {duration(counting)} to check "
            f"every count, {duration(timing)} of timed rounds"
        )
