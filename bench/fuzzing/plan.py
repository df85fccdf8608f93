"""What a search compares, and how its rounds are numbered and chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from bench.bundled import tokenizer_names, tokenizer_path
from strategies import InputError, get, is_control, is_peer, names
from strategies.testing import Case, CaseWriter, read_tokenizer
from strategies.testing.tokenizers import TokenizerFolder, TokenizerWriter

CONVERSATIONS = 100
"""Conversations of a case, about. Opening all strategies takes as long as counting a few hundred
turns."""

CASES = 2
"""Templates of a round, all with the round's tokenizer."""

MESSAGES = (6, 6, 6, 8, 8, 20)
"""About how many messages the conversations of a case have at most. A turn costs the reference as
much as all messages before it, so most are short."""

PLAIN_CALL = ("sequential", "thread-pool", "process-pool")
"""Strategies that make the reference's own call for every turn. They cost as much as the reference,
so a search of all strategies has each case counted by one of them."""

MADE = 0.8
"""Share of the rounds with a tokenizer of their own. The others take one that exists: half of them
for templates of any expressions, half for texts of any kind."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a search compares.

    Parameters
    ----------
    seed
        The same seed gives the same rounds.
    targets
        Names of the strategies, controls included, and of targets of the conformance runner.
    tokenizers
        Folders of the tokenizers that exist.
    templates
        Files of chat templates that exist, which those tokenizers are tried with.
    by_turns
        Those of the targets of which each case is counted by one.
    conversations
        About how many conversations a case has.
    """

    seed: int
    targets: tuple[str, ...]
    tokenizers: tuple[Path, ...]
    templates: tuple[Path, ...] = ()
    by_turns: tuple[str, ...] = ()
    conversations: int = CONVERSATIONS

    @property
    def controls(self) -> tuple[str, ...]:
        """Those of the targets that are wrong on purpose."""
        return tuple(name for name in self.targets if name in names() and is_control(get(name)))


def usual_targets(*, peers: bool) -> tuple[str, ...]:
    """Return the names of all strategies that a search compares unless it is told which.

    Parameters
    ----------
    peers
        Whether those that stand for other libraries are compared, too.
    """
    return tuple(name for name in names() if peers or not is_peer(get(name)))


def bundled() -> tuple[Path, ...]:
    """Return the folders of the bundled tokenizers."""
    return tuple(tokenizer_path(name) for name in tokenizer_names())


def checked_seed(seed: int) -> int:
    """Return the seed.

    Raises
    ------
    InputError
        If it is negative: then two seeds would have the same rounds.
    """
    if seed < 0:
        raise InputError("must not be negative", field="seed")
    return seed


@dataclass(slots=True)
class Rounds:
    """Writes the cases of rounds, and remembers the tokenizers that exist.

    Parameters
    ----------
    plan
        The plan of the search.
    known
        The tokenizers that exist, as far as they are read.
    """

    plan: Plan
    known: dict[Path, TokenizerFolder] = field(default_factory=dict)

    def cases(self, number: int) -> Iterator[Case]:
        """Yield the cases of a round.

        Parameters
        ----------
        number
            Number of the round, from 0.
        """
        dice = Random(f"{self.plan.seed}/{number}")  # noqa: S311  # no secret
        writer = CaseWriter(dice)
        kind, size = dice.random(), self.plan.conversations
        if kind < MADE or not self.plan.tokenizers:
            tokenizer = TokenizerWriter(dice).tokenizer()
            for _ in range(CASES):
                most = dice.choice(MESSAGES)
                yield writer.case_of(tokenizer, 10 * size // most, most)
            return
        chosen = self._read(dice.choice(self.plan.tokenizers))
        if kind > (1 + MADE) / 2:
            yield writer.text_case(chosen, 3 * size)
        elif self.plan.templates and dice.random() < 0.5:
            text = dice.choice(self.plan.templates).read_text(encoding="utf-8")
            case = writer.case_of(chosen, size, dice.choice(MESSAGES))
            yield replace(case, template=text)
        else:
            yield writer.wild_case(chosen, size, dice.choice(MESSAGES))

    def counting(self, number: int) -> tuple[int, frozenset[str]]:
        """Return the workers of the strategies in a round, and the targets that leave it out.

        Parameters
        ----------
        number
            Number of the round.
        """
        dice = Random(f"{self.plan.seed}/{number}/counting")  # noqa: S311  # no secret
        turn = dice.choice(self.plan.by_turns) if self.plan.by_turns else None
        return dice.choice((1, 1, 1, 2)), frozenset(self.plan.by_turns) - {turn}

    def _read(self, path: Path) -> TokenizerFolder:
        if path not in self.known:
            # With dice of its own, so that a round is the same whatever came before it.
            self.known[path] = read_tokenizer(path, Random(self.plan.seed))  # noqa: S311  # no secret
        return self.known[path]
