"""Differences between our counts and a server's, by their kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from bench.checking.asking import Asked, Outcome
from bench.checking.explaining import Explainer
from bench.checking.prompts import NOT_SHOWN, Place, place_of
from bench.checking.strata import in_order, is_content
from strategies.words import many

if TYPE_CHECKING:
    from strategies import ChatTokenizer

Verdict: TypeAlias = Literal["equal", "different", "inconclusive"]

UNSTEADY = "another count when asked again"
WITHOUT_CACHED = "tokens from the cache are left out"
OFFSET = "as many more or less in most turns"


@dataclass(frozen=True, slots=True)
class Departure:
    """Turns whose prompts differ in the same way.

    Parameters
    ----------
    kind
        How they differ.
    where
        Which turns they are: all, all of a stratum, or some.
    outcomes
        The turns, shortest prompts first.
    place
        Where the prompts of the first turn part; None if the server does not show its prompt.
    """

    kind: str
    where: str
    outcomes: tuple[Outcome, ...]
    place: Place | None

    @property
    def low(self) -> int:
        """The smallest of the server's counts minus ours, in tokens."""
        return min(outcome.difference for outcome in self.outcomes)

    @property
    def high(self) -> int:
        """The largest of the server's counts minus ours, in tokens."""
        return max(outcome.difference for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Row:
    """What came of the turns of one stratum.

    Parameters
    ----------
    stratum
        Its name.
    compared
        Turns whose counts were compared.
    different
        Turns of these that the server counts otherwise.
    unanswered
        Turns of which the server said no count.
    low, high
        The smallest and the largest of the server's counts minus ours, in tokens.
    """

    stratum: str
    compared: int
    different: int
    unanswered: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Our counts and a server's.

    Parameters
    ----------
    outcomes
        One for each turn of the sample.
    departures
        Kinds of differences, most turns first. Prompts that differ and have the same number of
        tokens are among them.
    rows
        One for all turns, and one for each stratum.
    verdict
        Whether the counts are equal.
    """

    outcomes: tuple[Outcome, ...]
    departures: tuple[Departure, ...]
    rows: tuple[Row, ...]
    verdict: Verdict

    @property
    def compared(self) -> tuple[Outcome, ...]:
        """The turns whose counts were compared."""
        return tuple(outcome for outcome in self.outcomes if outcome.seen is not None)

    @property
    def different(self) -> tuple[Outcome, ...]:
        """The turns that the server counts otherwise."""
        return tuple(outcome for outcome in self.outcomes if outcome.difference)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why turns were not compared, and how many, most frequent first."""
        said = (outcome.reason for outcome in self.outcomes if outcome.reason is not None)
        return Counter(said).most_common()


def compare_counts(chat: ChatTokenizer, asked: Asked, *, may_skip: bool) -> Comparison:
    """Compare our counts with those of a server.

    Parameters
    ----------
    chat
        The tokenizer that counted.
    asked
        What the server said.
    may_skip
        Whether turns of which the server said no count are left out. If not, they leave the
        comparison without a verdict, unless other turns differ.
    """
    outcomes = asked.outcomes
    compared = [outcome for outcome in outcomes if outcome.seen is not None]
    kinds: dict[str, list[tuple[Outcome, Place | None]]] = {}
    usual = _usual_offset(compared)
    explainer: Explainer | None = None
    for outcome in sorted(compared, key=lambda each: each.turn.isl):
        place = None if outcome.seen is None else place_of(chat, outcome.turn, outcome.seen)
        if not outcome.difference and place is None:
            continue
        explainer = explainer or Explainer(chat)
        kind = _kind(outcome, place, usual, explainer)
        kinds.setdefault(kind, []).append((outcome, place))
    departures = [
        Departure(
            kind,
            _where(kind, [outcome for outcome, _ in group], compared),
            tuple(outcome for outcome, _ in group),
            # The shortest prompt shows it best.
            group[0][1],
        )
        for kind, group in kinds.items()
    ]
    departures.sort(key=lambda each: (not (each.low or each.high), -len(each.outcomes)))
    return Comparison(
        outcomes,
        tuple(departures),
        tuple(_rows(outcomes)),
        _verdict(outcomes, compared, may_skip=may_skip),
    )


def _verdict(
    outcomes: Sequence[Outcome], compared: Sequence[Outcome], *, may_skip: bool
) -> Verdict:
    if any(outcome.difference for outcome in compared):
        return "different"
    if not compared or (len(compared) < len(outcomes) and not may_skip):
        return "inconclusive"
    return "equal"


def _usual_offset(compared: Sequence[Outcome]) -> int:
    """Return the difference that at least half of all turns have; 0 if there is none."""
    if not compared:
        return 0
    ((offset, turns),) = Counter(outcome.difference for outcome in compared).most_common(1)
    return offset if 2 * turns >= len(compared) and len(compared) > 1 else 0


def _kind(outcome: Outcome, place: Place | None, usual: int, explainer: Explainer) -> str:
    seen = outcome.seen
    assert seen is not None  # noqa: S101  # it was compared
    if outcome.again not in (None, seen.count):
        return UNSTEADY
    if seen.cached and seen.count + seen.cached == outcome.turn.isl:
        return WITHOUT_CACHED
    if place is None and usual and outcome.difference == usual:
        return OFFSET
    explanation = explainer.explain(outcome.turn, seen)
    if explanation is not None:
        return f"as if {explanation}"
    return NOT_SHOWN if place is None else place.kind


def _where(kind: str, group: Sequence[Outcome], compared: Sequence[Outcome]) -> str:
    """Say which turns are in a group: what they all have, and few others."""
    if len(group) == len(compared):
        return "every turn"
    having: Counter[str] = Counter(
        stratum for outcome in compared for stratum in outcome.turn.strata
    )
    shared = set(group[0].turn.strata).intersection(*(each.turn.strata for each in group))
    # That a group lies in a range of sizes says something only if it fills the range.
    telling = {each for each in shared if is_content(each) or having[each] == len(group)}
    # What the kind speaks of comes first.
    smallest = min(telling, key=lambda each: (each not in kind, having[each], each), default=None)
    if smallest is None or having[smallest] == len(compared):
        return f"{len(group):,} of {many(len(compared), 'turn')}"
    if having[smallest] == len(group):
        return f"all turns with {smallest}, no others"
    return f"only with {smallest}: {len(group):,} of {many(having[smallest], 'turn')}"


def _rows(outcomes: Sequence[Outcome]) -> list[Row]:
    by_stratum: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        for stratum in outcome.turn.strata:
            by_stratum.setdefault(stratum, []).append(outcome)
    rows = [_row("all turns", outcomes)]
    return rows + [_row(stratum, by_stratum[stratum]) for stratum in in_order(by_stratum)]


def _row(stratum: str, group: Sequence[Outcome]) -> Row:
    compared = [outcome for outcome in group if outcome.seen is not None]
    differences = [outcome.difference for outcome in compared] or [0]
    return Row(
        stratum,
        len(compared),
        sum(map(bool, differences)),
        len(group) - len(compared),
        min(differences),
        max(differences),
    )
