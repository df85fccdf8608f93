"""Whether the work grows with the square of the turns, and whether splicing ends that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.claims.claim import Case, Claim, Evidence, Range, exactly
from bench.claims.interval import median_of
from bench.claims.lab import Lab
from bench.claims.timing import time_growth
from bench.measuring.estimates import Estimate
from bench.measuring.growth import conversations_of
from bench.reporting.words import listed
from strategies import reference_counts
from strategies.words import many

QUADRATIC = Range(1.5, 2.5)
"""Exponents that are nearer to 2 than to 1 or 3."""
LINEAR = Range(0.5, 1.5)


def exponent(turns: Sequence[int], amounts: Sequence[float]) -> float:
    """Return the exponent of the power law that fits best: the slope of the logarithms."""
    return float(np.polyfit(np.log(turns), np.log(amounts), 1)[0])


def _exponents(lab: Lab, tokenizer: str, strategy: str) -> dict[str, Estimate]:
    """Return the exponent of each part of a strategy, from one fit a round."""
    turns = lab.effort.turns
    rounds = lab.once(
        f"growth of {strategy} with {tokenizer}",
        lambda: lab.run(
            time_growth,
            lab.spec(tokenizer),
            strategy,
            turns,
            lab.effort.rounds,
            cores=lab.cores[:1],
        ),
    )
    return {
        part: median_of(
            [exponent(turns, [one[length][part] for length in turns]) for one in rounds]
        )
        for part in rounds[0][turns[0]]
    }


def _note(lab: Lab) -> str:
    turns = listed([str(each) for each in lab.effort.turns])
    return (
        f"one conversation of each of {turns} turns, about 800 characters a turn, "
        f"{many(lab.effort.rounds, 'round')} on one core, one fit a round"
    )


def measure_plain(lab: Lab) -> Evidence:
    """Fit the tokens that are encoded, and the seconds, of the plain call."""
    turns = lab.effort.turns
    chat = lab.chat("bpe-chatml")
    tokens = [
        sum(isl or 0 for isl in reference_counts(conversations_of(length, length), chat)[0])
        for length in turns
    ]
    cases = [Case("tokens encoded, bpe-chatml", exactly(exponent(turns, tokens)))]
    for tokenizer in ("bpe-chatml", "sp-bpe"):
        seconds = _exponents(lab, tokenizer, "sequential")["whole"]
        cases.append(Case(f"seconds, {tokenizer}", seconds))
    return Evidence(tuple(cases), _note(lab))


def measure_spliced(lab: Lab) -> Evidence:
    """Fit the seconds of `spliced`, whole and in parts."""
    names = {"encode": "encoding spans", "render": "rendering", "cut": "cutting", "whole": "whole"}
    exponents = _exponents(lab, "bpe-chatml", "spliced")
    cases = [Case(f"seconds, {said}", exponents[part]) for part, said in names.items()]
    return Evidence(tuple(cases), f"`spliced` with bpe-chatml; {_note(lab)}")


PLAIN = Claim(
    name="quadratic",
    question="Is the work of the plain call quadratic in the turns of a conversation?",
    experiment=(
        "The plain call counts conversations of several lengths, each turn with the same amount "
        "of new text. A power of the number of turns is fitted to what one conversation costs."
    ),
    quantity="exponent of the turns",
    supports=QUADRATIC,
    measure=measure_plain,
    timed=True,
)

SPLICED = Claim(
    name="linear",
    question="Is the work linear once each span is encoded only once?",
    experiment=(
        "The same conversations, counted by `spliced`, which reports the seconds of its parts. "
        "Every turn still renders its whole history, and cuts what is new."
    ),
    quantity="exponent of the turns",
    supports=LINEAR,
    measure=measure_spliced,
    timed=True,
)
