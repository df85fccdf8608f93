"""What the seconds of the rounds say: speedups, verdicts, and which strategy to use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf, log
from typing import Literal

from bench.measuring.baseline import BASELINE, again
from bench.measuring.contest import Contest, contest_of
from bench.measuring.estimates import Estimate, Verdict, median_estimate, speedup_estimate, verdict
from bench.measuring.jobs import Round
from bench.measuring.result import Entry, Group

SIMPLEST_FIRST = ("sequential", "batched", "thread-pool", "spliced", "process-pool", "rust")
"""The built-in strategies by how much a project takes on with each. docs/deciding.md has the
reasons. Strategies of other packages come after them."""
PICKER = "auto"
"""It runs one of the others, so advice names that one."""
WORTHWHILE = 1.1
"""A strategy that is less than 10 % faster is no reason to change the code."""
MOST_MORE_ROUNDS = 200

Standing = Literal["faster", "slower", "same", "unclear"]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of a strategy over the rounds, and its speedup over the baseline.

    Parameters
    ----------
    seconds
        For one round.
    speedup, verdict
        Over the baseline, and whether it stands out from the noise floor.
    parts
        Median seconds of each part that the strategy reports.
    """

    seconds: Estimate
    speedup: Estimate
    verdict: Verdict
    parts: dict[str, float]


def timings(rounds: Sequence[Round], baseline: str, seed: int) -> dict[str, Timing]:
    """Return the timing of each strategy.

    Parameters
    ----------
    rounds
        Seconds of each strategy, and of the baseline a second time.
    baseline
        Name of the baseline. The speedup of its second run is the noise floor.
    seed
        Seed of the bootstrap.
    """
    if not rounds:
        return {}
    samples = {name: [r.seconds[name] for r in rounds] for name in rounds[0].seconds}
    reference = samples[baseline]
    floor = speedup_estimate(reference, samples[again(baseline)], seed)
    found = {}
    for name, seconds in samples.items():
        parts = {
            part: median_estimate([r.parts[name].get(part, 0.0) for r in rounds], seed).median
            for part in rounds[0].parts[name]
        }
        speedup = speedup_estimate(reference, seconds, seed)
        found[name] = Timing(
            median_estimate(seconds, seed), speedup, verdict(speedup, floor), parts
        )
    return found


@dataclass(frozen=True, slots=True)
class Advice:
    """Which strategy to use.

    Parameters
    ----------
    use
        The strategy to use. It is the baseline if nothing is worth a change, and None if that is
        not decided.
    best
        The fastest of the strategies that are shown to be faster than the baseline.
    standings
        For each strategy except the baseline: ``"faster"`` or ``"slower"`` than the baseline by
        more than the margin, the ``"same"`` (not more than 10 % away), or ``"unclear"``.
    simpler
        Strategies that are shown to be faster than the baseline and are simpler than `use`, but
        slower. The simplest comes first.
    more_rounds
        How many more rounds will probably decide it. If it is decided and `use` is not `best`:
        how many will probably show that `use` is slower, if it is. None if no number of rounds up
        to `MOST_MORE_ROUNDS` will, or there is nothing left to show.
    """

    use: str | None
    best: str | None
    standings: Mapping[str, Standing]
    simpler: tuple[str, ...]
    more_rounds: int | None


def advise(contest: Contest) -> Advice:
    """Apply the rule to some strategies that count right.

    - Candidates are the strategies that are shown to be faster than the baseline: their interval
      lies above the margin.
    - The best candidate has the largest median speedup. Use the simplest candidate that is not
      shown to be slower than the best one.
    - Without a candidate, keep the baseline if every other strategy is shown to be less than 10 %
      faster, and the margin is below 10 %, too.
    - If none of this holds, it is inconclusive.

    Parameters
    ----------
    contest
        The strategies; all of them are exact, and none is a control or a peer.
    """
    standings = {name: _standing(contest, name) for name in contest.others}
    candidates = [name for name, standing in standings.items() if standing == "faster"]
    if candidates:
        best = min(candidates, key=lambda name: _fastest_first(contest, name))
        candidates.sort(key=lambda name: (_place(name), *_fastest_first(contest, name)))
        use = next(name for name in candidates if not contest.faster(best, name))
        simpler = tuple(name for name in candidates[: candidates.index(use)])
        more = None if use == best else _rounds_to_tell(contest, use, best)
        return Advice(use, best, standings, simpler, more)
    highest = max((contest.speedup(name).high for name in contest.others), default=0.0)
    if not contest.others or max(highest, contest.margin) < WORTHWHILE:
        return Advice(contest.baseline, None, standings, (), None)
    return Advice(None, None, standings, (), _more_rounds(contest))


def simplest(speeds: Mapping[str, float]) -> str:
    """Return the simplest of some strategies.

    Parameters
    ----------
    speeds
        The strategies with their speedups, which decide between strategies of other packages.
    """
    return min(speeds, key=lambda name: (_place(name), -speeds[name], name))


def competes(entry: Entry) -> bool:
    """Whether a strategy may be recommended once it is timed.

    It is exact, and no control, no peer and no picker.
    """
    return entry.rankable and entry.ours and entry.exact is True and entry.strategy != PICKER


def contest_in(group: Group) -> Contest | None:
    """Return the contest of the eligible strategies of a group.

    It is None if the rounds were not kept, or the baseline is not eligible.
    """
    timed = {e.strategy: e.round_seconds for e in group.entries if competes(e) and e.round_seconds}
    if group.baseline not in timed or not group.again_seconds:
        return None
    return contest_of(timed, group.baseline, group.again_seconds)


def recommended(
    rankable: Sequence[str], rounds: Sequence[Round], baseline: str = BASELINE
) -> tuple[str, ...]:
    """Return the strategy to use, if the rounds show one.

    Parameters
    ----------
    rankable
        Names of the exact strategies, without controls and peers.
    rounds
        Seconds of each of them.
    baseline
        Name of the strategy that speedups are against.
    """
    names = [name for name in rankable if name != PICKER]
    if not rounds or baseline not in names:
        return ()
    seconds = {name: [r.seconds[name] for r in rounds] for name in names}
    advice = advise(contest_of(seconds, baseline, [r.seconds[again(baseline)] for r in rounds]))
    return () if advice.use is None else (advice.use,)


def _standing(contest: Contest, name: str) -> Standing:
    if contest.faster(name, contest.baseline):
        return "faster"
    if contest.faster(contest.baseline, name):
        return "slower"
    speedup = contest.speedup(name)
    return "same" if speedup.low > 1 / WORTHWHILE and speedup.high < WORTHWHILE else "unclear"


def _place(name: str) -> int:
    return SIMPLEST_FIRST.index(name) if name in SIMPLEST_FIRST else len(SIMPLEST_FIRST)


def _fastest_first(contest: Contest, name: str) -> tuple[float, float, float, str]:
    """Return a key that sorts by speed. Only strategies with equal numbers are sorted by name."""
    speedup = contest.speedup(name)
    return -speedup.median, -speedup.low, -speedup.high, name


def _more_rounds(contest: Contest) -> int | None:
    """Return how many more rounds will probably decide.

    The width of an interval shrinks with the square root of the number of rounds, and its median
    stays where it is. So with `k` times as many rounds a strategy will stand out from the noise
    floor if ``log median - width / sqrt(k) > abs(log floor) + floor width / sqrt(k)``. The baseline
    will be kept if the upper ends come below 10 % in the same way.
    """
    if contest.rounds < contest.fewest:
        return contest.fewest - contest.rounds
    bias, floor_width = _floor(contest)
    speedups = [contest.speedup(name) for name in contest.others]
    to_show = (_times(_below(s) + floor_width, log(s.median) - bias) for s in speedups)
    to_keep = (_times(log(s.high / s.median), log(WORTHWHILE / s.median)) for s in speedups)
    return _more(contest, min(*to_show, max(_times(floor_width, log(WORTHWHILE) - bias), *to_keep)))


def _rounds_to_tell(contest: Contest, use: str, best: str) -> int | None:
    """Return how many more rounds will probably show that a strategy is slower than the best."""
    bias, floor_width = _floor(contest)
    ratio = contest.ratios[use, best]
    return _more(contest, _times(_below(ratio) + floor_width, log(ratio.median) - bias))


def _floor(contest: Contest) -> tuple[float, float]:
    """Return how far off the noise floor is, and how wide, in logarithms."""
    bias = abs(log(contest.floor.median))
    return bias, log(contest.margin) - bias


def _more(contest: Contest, times: float) -> int | None:
    """Return how many more rounds make that many times as many; None if they are too many."""
    if times > 1 + MOST_MORE_ROUNDS / contest.rounds:
        return None
    return max(1, ceil(contest.rounds * (times - 1)))


def _below(speedup: Estimate) -> float:
    """Return how far an interval reaches below its median, in logarithms."""
    return log(speedup.median / speedup.low) if speedup.low else inf


def _times(width: float, room: float) -> float:
    """Return how many times as many rounds make a width smaller than the room for it."""
    return (width / room) ** 2 if room > 0 else inf
