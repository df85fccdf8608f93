"""Where a prompt may be cut, and whether a check of the counts finds a wrong cut."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

from bench.bundled import tokenizer_names
from bench.claims.claim import Case, Claim, Evidence, Range, exactly
from bench.claims.lab import Lab
from bench.cutting.corpus import corpus_rows
from bench.cutting.search import short_texts, shortest_counterexample
from bench.cutting.subject import Subject, subject_of, subject_of_backend
from bench.cutting.survey import prompts
from bench.cutting.ways import WAYS
from strategies import count_turns, verify
from strategies.splicing import Cutter
from strategies.words import many

NONE = Range(0, 0)
SOME = Range(low=1)
ALONE, BETWEEN = "spans alone", "between markers"

CUTS = 400
"""Cuts of each kind that are tried in a tokenizer."""
MOST_CHARACTERS = 2000
"""Characters of the beginning of a prompt, in which it is cut."""


def _wrong_turns(lab: Lab, tokenizer: str, strategy: str) -> int:
    """Return the turns of the sample that a strategy counts wrongly."""
    return len(
        lab.once(
            f"{strategy} with {tokenizer}",
            lambda: verify(strategy, lab.sample, lab.chat(tokenizer), workers=1),
        )
    )


def _sample_case(lab: Lab, tokenizer: str, strategy: str) -> Case:
    return Case(f"{tokenizer}, the sample", exactly(_wrong_turns(lab, tokenizer, strategy)))


def _search_case(lab: Lab, subject: Subject, way: str) -> Case:
    found = shortest_counterexample(subject, WAYS[way].encode, most_pieces=lab.effort.pieces)
    said = f"{subject.name}, {many(found.tried, 'short text')}"
    return Case(said, exactly(int(found.found is not None)))


def _note(lab: Lab) -> str:
    turns = many(count_turns(lab.sample), "turn")
    return (
        f"the small sample has {turns}; a search of short texts ends at the first that is wrong, "
        "so it finds 0 or 1"
    )


def measure_chatml(lab: Lab) -> Evidence:
    """Count spans alone with a byte-level BPE and ChatML."""
    subject = subject_of(lab.chat("bpe-chatml"))
    cases = (
        _sample_case(lab, "bpe-chatml", "spliced-alone"),
        _search_case(lab, subject, ALONE),
    )
    return Evidence(cases, _note(lab))


def measure_sentencepiece(lab: Lab) -> Evidence:
    """Count spans alone with the tokenizers of the SentencePiece family."""
    cases = [
        _sample_case(lab, name, "spliced-alone") for name in ("sp-bpe", "unigram", "sentencepiece")
    ]
    schemes = {
        row.tokenizer.get("pre_tokenizer"): row
        for row in corpus_rows()
        if row.name.startswith("prepend-") and "pre_tokenizer" in row.tokenizer
    }
    cases += [
        _search_case(lab, subject_of_backend(f"prepend {scheme}", row.made_tokenizer()), ALONE)
        for scheme, row in schemes.items()
    ]
    return Evidence(tuple(cases), _note(lab))


def measure_between(lab: Lab) -> Evidence:
    """Count spans between their markers with every tokenizer there is."""
    cases = [_sample_case(lab, name, "spliced") for name in tokenizer_names()]
    wrong = tried = 0
    for row in corpus_rows():
        subject = subject_of_backend(row.about, row.made_tokenizer())
        found = shortest_counterexample(
            subject, WAYS[BETWEEN].encode, most_pieces=lab.effort.pieces, more=[row.text]
        )
        wrong += found.found is not None
        tried += found.tried
    said = f"{len(corpus_rows())} cases of the corpus, {many(tried, 'text')}"
    return Evidence((*cases, Case(said, exactly(wrong))), _note(lab))


def _after_markers(subject: Subject, text: str) -> Iterator[int]:
    return (place for span in Cutter(subject.markers).find(text) for place in span)


def _before_words(_subject: Subject, text: str) -> Iterator[int]:
    return (place for place, (a, b) in enumerate(pairwise(text), 1) if a != " " and b == " ")


def _after_lines(_subject: Subject, text: str) -> Iterator[int]:
    return (place for place, each in enumerate(text, 1) if each == "\n")


def _anywhere(_subject: Subject, text: str) -> Iterator[int]:
    return iter(range(1, len(text)))


BOUNDARIES: dict[str, Callable[[Subject, str], Iterator[int]]] = {
    "beside a marker": _after_markers,
    "before a space": _before_words,
    "after a line end": _after_lines,
    "anywhere": _anywhere,
}


def wrong_cuts(lab: Lab, tokenizer: str, boundary: str) -> float:
    """Return how many of 100 cuts change the tokens of a prompt.

    Parameters
    ----------
    lab
        Where the tokenizer is loaded.
    tokenizer
        Its name.
    boundary
        A name in `BOUNDARIES`: where it is cut, once.
    """
    chat = lab.chat(tokenizer)
    subject = subject_of(chat)
    cuts = [
        (text, place)
        for text in (prompt[:MOST_CHARACTERS] for prompt in prompts(chat))
        for place in BOUNDARIES[boundary](subject, text)
        if 0 < place < len(text)
    ]
    tried = random.Random(boundary).sample(cuts, min(CUTS, len(cuts)))  # noqa: S311  # no secret
    wrong = sum(
        subject.encode(text[:place]) + subject.encode(text[place:]) != subject.encode(text)
        for text, place in tried
    )
    return 100 * wrong / len(tried)


def measure_boundaries(lab: Lab) -> Evidence:
    """Cut prompts once, at boundaries of several kinds."""
    cases = [
        Case(f"{tokenizer}, {boundary}", exactly(wrong_cuts(lab, tokenizer, boundary)))
        for tokenizer in ("bpe-chatml", "sp-bpe")
        for boundary in BOUNDARIES
    ]
    return Evidence(tuple(cases), f"{CUTS} random cuts of each kind, each cut by itself")


def missed_by_counts(subject: Subject, texts: list[str]) -> tuple[int, int]:
    """Return how many texts have other ids when spans are encoded alone, and equal counts.

    Parameters
    ----------
    subject
        The tokenizer.
    texts
        What is encoded.

    Returns
    -------
    wrong, missed : int
        Texts with other ids, and those of them with as many ids.
    """
    wrong = missed = 0
    for text in texts:
        whole, cut = subject.encode(text), WAYS[ALONE].encode(subject, text)
        wrong += whole != cut
        missed += whole != cut and len(whole) == len(cut)
    return wrong, missed


def measure_check(lab: Lab) -> Evidence:
    """Look for wrong ids that a comparison of counts does not see."""
    subjects = [subject_of(lab.chat(name)) for name in ("sp-bpe", "unigram")]
    cases = ("rstrip with white space after it", "prepend first, marker first")
    subjects += [
        subject_of_backend(row.about, row.made_tokenizer())
        for row in corpus_rows()
        if row.about in cases
    ]
    found = []
    for subject in subjects:
        wrong, missed = missed_by_counts(subject, short_texts(subject, lab.effort.pieces))
        found.append(Case(f"{subject.name}, {many(wrong, 'wrong text')}", exactly(missed)))
    return Evidence(tuple(found), "all short texts of markers, white space and letters")


CHATML = Claim(
    name="chatml-is-safe",
    question="Is it safe to splice a byte-level BPE at the markers of ChatML?",
    experiment=(
        "Every turn of the sample is cut at its markers, each span is counted alone, and the sum "
        "is compared with the plain call. Short texts are searched for other ids."
    ),
    quantity="turns or texts that are wrong",
    supports=NONE,
    measure=measure_chatml,
)

SENTENCEPIECE = Claim(
    name="sentencepiece-is-not",
    question="Is it wrong to splice a tokenizer of the SentencePiece family?",
    experiment=(
        "The same with these tokenizers. Three more differ only in `prepend_scheme`, which says "
        "before which pieces a word mark is put."
    ),
    quantity="turns or texts that are wrong",
    supports=SOME,
    measure=measure_sentencepiece,
)

NEIGHBOURS = Claim(
    name="neighbours-make-it-safe",
    question="Is splicing exact everywhere if each span is counted between its two markers?",
    experiment=(
        "The same with each span between its markers, whose tokens are then subtracted, with "
        "every tokenizer and every case of the corpus."
    ),
    quantity="turns or texts that are wrong",
    supports=NONE,
    measure=measure_between,
)

TEXT_BOUNDARIES = Claim(
    name="text-boundaries",
    question="May a prompt be cut at any boundary of the text, such as a space or a line end?",
    experiment=(
        "Prompts are cut once, and the ids of the two parts are compared with those of the whole."
    ),
    quantity="cuts that change the ids, of 100",
    supports=NONE,
    measure=measure_boundaries,
)

CHECK = Claim(
    name="equal-counts-prove-it",
    question="Does an assertion of equal counts find every wrong splice?",
    experiment=(
        "Short texts are encoded whole and in spans alone. Texts with other ids but equally many "
        "of them pass the assertion."
    ),
    quantity="wrong texts that pass",
    supports=NONE,
    measure=measure_check,
)
