"""The verdict on each case, on each setting over all tokenizers, and over all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, log
from typing import Literal, TypeAlias

from bench.deciding.cases import Case, Evidence
from bench.measuring.advice import Advice, advise, simplest
from bench.reporting.advising import WORTH, sentence
from bench.reporting.words import listed, number
from strategies.words import many

Status: TypeAlias = Literal["decided", "inconclusive", "wrong"]
Kind: TypeAlias = Literal["use", "keep", "depends", "inconclusive"]


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """What to use with one dataset, tokenizer and setting.

    Parameters
    ----------
    case
        What was measured.
    advice
        What the rule says about it; None if strategies could not be compared.
    """

    case: Case
    advice: Advice | None

    @property
    def use(self) -> str | None:
        """The strategy to use; None if that is not decided."""
        return self.advice.use if self.advice else None

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.case.contest is None or self.advice is None:
            return f"inconclusive: {self.case.obstacle}"
        return sentence(self.case.contest, self.advice)

    @property
    def wrong(self) -> list[tuple[str, int]]:
        """The strategies that count wrong, with their wrong turns; no control and no peer."""
        return [
            (each.strategy, each.mismatches or 0)
            for each in self.case.group.entries
            if each.wrong and each.ours
        ]


@dataclass(frozen=True, slots=True)
class SettingVerdict:
    """What to use on some cores, whatever the tokenizer.

    Parameters
    ----------
    cores, workers
        The setting.
    kind
        ``"use"`` one strategy, ``"keep"`` the baseline, it ``"depends"`` on the tokenizer, or
        ``"inconclusive"`` for at least one tokenizer.
    strategy
        The one to use or keep; None if it depends or is inconclusive.
    cases
        The verdicts with each tokenizer.
    """

    cores: int
    workers: int
    kind: Kind
    strategy: str | None
    cases: tuple[CaseVerdict, ...]

    @property
    def sentence(self) -> str:
        """The verdict in words, without cores and workers."""
        baseline = self.cases[0].case.baseline
        if len(self.cases) == 1:
            return self.cases[0].sentence
        several = len({each.case.dataset for each in self.cases}) > 1
        what = "pairs of dataset and tokenizer" if several else "tokenizers"
        where = f"on all {len(self.cases)} {what}"
        if self.kind == "keep":
            return f"keep {baseline}: {where}, every other strategy is less than {WORTH} faster"
        if self.kind == "use" and self.strategy is not None:
            speedups = [
                each.case.contest.speedup(self.strategy)
                for each in self.cases
                if each.case.contest is not None
            ]
            mean = number(geometric_mean([each.median for each in speedups]))
            least = number(min(each.low for each in speedups))
            return (
                f"use {self.strategy}: {mean} times as fast as {baseline} (geometric mean "
                f"{where}), and at least {least} times on each"
            )
        if self.kind == "depends":
            return f"it depends on the tokenizer: {'; '.join(self._who())}"
        open_ = [each for each in self.cases if each.use is None]
        rounds = [each.advice.more_rounds for each in open_ if each.advice]
        known = [each for each in rounds if each is not None]
        names = listed([each.case.group.tokenizer for each in open_])
        if several:
            names = f"{len(open_)} of {len(self.cases)} {what}"
        wanted = f": run {many(max(known), 'more round')}" if known else ""
        return f"inconclusive with {names}{wanted}"

    def _who(self) -> list[str]:
        several = len({each.case.dataset for each in self.cases}) > 1
        users: dict[str, list[str]] = {}
        for each in self.cases:
            name = each.case.group.tokenizer
            label = f"{name} ({each.case.dataset})" if several else name
            users.setdefault(each.use or "", []).append(label)
        return [f"{use} with {listed(names)}" for use, names in users.items()]


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything that `bench decide` has to say.

    Parameters
    ----------
    evidence
        What it was made from.
    settings
        The verdict for each number of cores and workers.
    command
        The words of the command that decides again.
    """

    evidence: Evidence
    settings: tuple[SettingVerdict, ...]
    command: tuple[str, ...]

    @property
    def cases(self) -> list[CaseVerdict]:
        """The verdicts on all cases, in the order of the evidence."""
        found = {id(each.case): each for setting in self.settings for each in setting.cases}
        return [found[id(case)] for case in self.evidence.cases]

    @property
    def wrong(self) -> list[tuple[Case, str, int]]:
        """Every strategy that counts wrong, with its case and its wrong turns."""
        return [(each.case, *wrong) for each in self.cases for wrong in each.wrong]

    @property
    def status(self) -> Status:
        """``"wrong"`` if any strategy counts wrong, else whether every setting is decided."""
        if self.wrong:
            return "wrong"
        open_ = any(each.kind == "inconclusive" for each in self.settings)
        return "inconclusive" if open_ else "decided"

    @property
    def verdict(self) -> str:
        """The verdict in a sentence, or in one for each setting."""
        sentences: dict[str, list[SettingVerdict]] = {}
        for setting in self.settings:
            sentences.setdefault(setting.sentence, []).append(setting)
        parts = [f"On {_on(settings)}, {text}" for text, settings in sentences.items()]
        if self.wrong:
            who = sorted({strategy for _, strategy, _ in self.wrong})
            count = "counts" if len(who) == 1 else "count"
            parts.insert(0, f"WRONG: {listed(who)} {count} wrong, and must not be used")
        return ". ".join(parts) + "."

    @property
    def fingerprint(self) -> str:
        """A text that changes only if the decision changes: not with the numbers behind it."""
        facts = [
            self.status,
            sorted((case.group.tokenizer, strategy) for case, strategy, _ in self.wrong),
            [
                (each.case.dataset, each.case.group.tokenizer, *each.case.setting, each.use)
                for each in self.cases
            ],
            [(each.cores, each.workers, each.kind, each.strategy) for each in self.settings],
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def decide(evidence: Evidence, command: Sequence[str]) -> Decision:
    """Decide from some evidence.

    Parameters
    ----------
    evidence
        What was measured.
    command
        The words of the command line.
    """
    verdicts = [
        CaseVerdict(case, None if case.contest is None else advise(case.contest))
        for case in evidence.cases
    ]
    settings: dict[tuple[int, int], list[CaseVerdict]] = {}
    for each in verdicts:
        settings.setdefault(each.case.setting, []).append(each)
    return Decision(
        evidence,
        tuple(
            SettingVerdict(*setting, *_over_tokenizers(each), tuple(each))
            for setting, each in sorted(settings.items())
        ),
        tuple(command),
    )


def geometric_mean(ratios: Sequence[float]) -> float:
    """Return the geometric mean of some ratios."""
    return exp(fsum(map(log, ratios)) / len(ratios))


def _over_tokenizers(cases: Sequence[CaseVerdict]) -> tuple[Kind, str | None]:
    """Return the verdict over several tokenizers.

    A strategy that is used everywhere must be shown to be faster than the baseline with every
    tokenizer, and with none be shown to be slower than the best one. As all of that must hold, no
    further correction for the number of tokenizers is needed.
    """
    uses = {each.use for each in cases}
    if None in uses:
        return "inconclusive", None
    if uses == {cases[0].case.baseline}:
        return "keep", cases[0].case.baseline
    everywhere = set.intersection(*(_good(each) for each in cases))
    if everywhere:
        contests = [each.case.contest for each in cases if each.case.contest is not None]
        speed = {
            name: geometric_mean([contest.speedup(name).median for contest in contests])
            for name in everywhere
        }
        return "use", simplest(speed)
    return "depends", None


def _good(verdict: CaseVerdict) -> set[str]:
    """Return the strategies that are faster than the baseline, and not slower than the best."""
    contest, advice = verdict.case.contest, verdict.advice
    if contest is None or advice is None or advice.best is None:
        return set()
    return {
        name
        for name, standing in advice.standings.items()
        if standing == "faster" and not contest.faster(advice.best, name)
    }


def _on(settings: Sequence[SettingVerdict]) -> str:
    """Return the settings in words, such as ``1 core and 2 cores``."""
    texts = []
    for each in settings:
        workers = "" if each.workers == each.cores else f" with {many(each.workers, 'worker')}"
        texts.append(f"{many(each.cores, 'core')}{workers}")
    return listed(texts)
