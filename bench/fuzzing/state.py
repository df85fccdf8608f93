"""How far a search has come, as a file, so that it can go on later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.fuzzing.figures import Figures, figures_from
from bench.fuzzing.plan import Plan
from bench.reporting.json_file import json_bytes, read_json
from bench.reporting.output import write_bytes
from strategies import InputError

VERSION = 1


@dataclass(slots=True)
class State:
    """How far a search has come.

    Parameters
    ----------
    seed
        Its seed.
    targets
        What it compares.
    tokenizers, templates
        Paths of the tokenizers and templates that exist.
    by_turns
        Those of the targets of which each case is counted by one.
    figures
        What the rounds that are done have seen.
    seconds
        How long it has run, over all its parts.
    done
        All rounds before this one are done.
    ahead
        Rounds after it that are done, too.
    first
        The round that it began with.
    """

    seed: int
    targets: list[str]
    tokenizers: list[str]
    templates: list[str]
    by_turns: list[str]
    figures: Figures = field(default_factory=Figures)
    seconds: float = 0.0
    done: int = 0
    ahead: set[int] = field(default_factory=set)
    first: int = 0

    def finish(self, number: int, figures: Figures) -> None:
        """Take the figures of a round.

        Parameters
        ----------
        number
            Number of the round.
        figures
            What it has seen.
        """
        self.figures.add(figures)
        self.ahead.add(number)
        while self.done in self.ahead:
            self.ahead.remove(self.done)
            self.done += 1

    @property
    def plan(self) -> Plan:
        """What it compares, and has compared before: else its figures would mean two things."""
        return Plan(
            self.seed,
            tuple(self.targets),
            tuple(map(Path, self.tokenizers)),
            tuple(map(Path, self.templates)),
            tuple(self.by_turns),
        )

    @property
    def rounds(self) -> int:
        """How many rounds are done."""
        return self.done - self.first + len(self.ahead)

    def waiting(self) -> Iterator[int]:
        """Yield the rounds that are not done, without end."""
        number = self.done
        # Rounds may be finished while others are handed out, so these are asked once.
        ahead = frozenset(self.ahead)
        while True:
            if number not in ahead:
                yield number
            number += 1

    def write(self, path: Path) -> None:
        """Write it to a file, which is replaced at once."""
        content = {
            "version": VERSION,
            "seed": self.seed,
            "targets": self.targets,
            "tokenizers": self.tokenizers,
            "templates": self.templates,
            "by_turns": self.by_turns,
            "seconds": round(self.seconds, 1),
            "first_round": self.first,
            "rounds_done": self.done,
            "rounds_ahead": sorted(self.ahead),
            "figures": self.figures.as_dict(),
        }
        write_bytes(path, json_bytes(content), interim=True)


def new_state(plan: Plan, first: int = 0) -> State:
    """Return the state of a search that has not begun.

    Parameters
    ----------
    plan
        The plan of the search.
    first
        The round to begin with.
    """
    return State(
        plan.seed,
        list(plan.targets),
        [str(path) for path in plan.tokenizers],
        [str(path) for path in plan.templates],
        list(plan.by_turns),
        done=first,
        first=first,
    )


def read_state(path: Path) -> State:
    """Return the state that a search has left in a file.

    Raises
    ------
    InputError
        If there is none, or it is damaged or of another version.
    """
    content = read_json(path)
    try:
        if content["version"] != VERSION:
            raise InputError(f"is of version {content['version']}, not {VERSION}", file=path)
        return State(
            content["seed"],
            content["targets"],
            content["tokenizers"],
            content["templates"],
            content["by_turns"],
            figures_from(content["figures"]),
            content["seconds"],
            content["rounds_done"],
            set(content["rounds_ahead"]),
            content["first_round"],
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"is no state of a search: {error}", file=path) from None
