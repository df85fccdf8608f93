"""All claims. To add one, write it in a file and add a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bench.claims.claim import Answered, Claim
from bench.claims.growth import PLAIN, SPLICED
from bench.claims.lab import open_lab
from bench.claims.locks import LOCKS
from bench.claims.sharing import OWN
from bench.claims.splicing import CHATML, CHECK, NEIGHBOURS, SENTENCEPIECE, TEXT_BOUNDARIES
from bench.claims.stored import FRAMEWORK, STORED
from bench.claims.workers import OVERSUBSCRIBED, PROCESSES, SAME, THREADS

CLAIMS: Mapping[str, Claim] = {
    claim.name: claim
    for claim in (
        *(PLAIN, SPLICED),
        *(THREADS, LOCKS, OWN, SAME, PROCESSES, OVERSUBSCRIBED),
        *(CHATML, SENTENCEPIECE, NEIGHBOURS, TEXT_BOUNDARIES, CHECK),
        *(STORED, FRAMEWORK),
    )
}


def answer_all(effort: str, names: Iterable[str] | None = None) -> dict[str, Answered]:
    """Measure the claims and return their answers by name.

    Parameters
    ----------
    effort
        A name in `bench.claims.lab.EFFORTS`: ``"quick"`` or ``"full"``.
    names
        Some of `CLAIMS`; by default all of them.
    """
    with open_lab(effort) as lab:
        return {
            name: Answered(CLAIMS[name], CLAIMS[name].measure(lab))
            for name in (CLAIMS if names is None else names)
        }
