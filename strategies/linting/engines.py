"""What other engines and caches would do with a tokenizer, by what is known of each.

None of them is run: a rule stands for a behaviour that was seen or read, and the loaded tokenizer
shows on which text that behaviour gives other ids. To add an engine or a cache, add a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from strategies.linting.cuts import alone, spans_of
from strategies.linting.markers import marker_texts
from strategies.linting.search import PIECES, Counterexample, Encode, shortest, texts_of

if TYPE_CHECKING:
    from tokenizers import AddedToken

    from strategies.linting.subject import Subject

Outcome: TypeAlias = Literal["none known", "unproven", "differs", "refuses"]
"""``none known``: no known behaviour matters here. ``unproven``: one may, and no text shows it."""

WORST: tuple[Outcome, ...] = ("refuses", "differs", "unproven", "none known")

MOST_TOKENS = 24
"""Tokens of a kind that are tried in a search."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a behaviour is asked about.

    Parameters
    ----------
    subject
        The tokenizer.
    written
        The ids of the markers that the template can write; they are tried first.
    model
        Name of its model's class, or None if it is not of the tokenizers library.
    splits_by_expression
        Whether its pre-tokenizer splits at a regular expression.
    truncates
        Whether its file asks for truncation.
    sanitized
        A prompt with a marker in a message, with the ids that transformers gives it if it
        sanitizes control tokens, and those of its text; None if there is none.
    """

    subject: Subject
    written: tuple[int, ...]
    model: str | None
    splits_by_expression: bool
    truncates: bool
    sanitized: Counterexample | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a behaviour does to a tokenizer.

    Parameters
    ----------
    outcome
        Whether it matters.
    reason
        Why, in words.
    counterexample
        A text that shows it, with the ids of the tokenizer and those of the behaviour.
    """

    outcome: Outcome
    reason: str
    counterexample: Counterexample | None = None


Behaviour: TypeAlias = Callable[[Asked], Finding | None]


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine or a cache.

    Parameters
    ----------
    name, version
        What it is.
    source
        Where its behaviour is told: repository and thread, or how it was measured.
    behaviours
        What it does.
    """

    name: str
    version: str
    source: str
    behaviours: tuple[Behaviour, ...]


@dataclass(frozen=True, slots=True)
class EngineVerdict:
    """What an engine or cache would do with a tokenizer.

    Parameters
    ----------
    name, version, source
        Those of the `Engine`.
    outcome
        The worst of its behaviours.
    findings
        What of its behaviours matters.
    """

    name: str
    version: str
    source: str
    outcome: Outcome
    findings: tuple[Finding, ...]


def engine_verdicts(asked: Asked) -> tuple[EngineVerdict, ...]:
    """Return what each engine and cache would do."""
    known: dict[Behaviour, Finding | None] = {}
    verdicts = []
    for engine in ENGINES:
        for behaviour in engine.behaviours:
            if behaviour not in known:
                known[behaviour] = behaviour(asked)
        findings = tuple(filter(None, (known[behaviour] for behaviour in engine.behaviours)))
        outcomes = {finding.outcome for finding in findings} | {"none known"}
        worst = next(outcome for outcome in WORST if outcome in outcomes)
        verdicts.append(EngineVerdict(engine.name, engine.version, engine.source, worst, findings))
    return tuple(verdicts)


def cuts_at_every_occurrence(asked: Asked) -> Finding | None:
    """Remember a prompt up to any occurrence of a special token, and encode the rest by itself."""
    specials = _specials(asked.subject)

    def ends(text: str) -> list[int]:
        return [
            place + len(special)
            for special in specials
            if special in text
            for place in range(len(text))
            if text.startswith(special, place)
        ]

    return _parted(asked, "cuts at every occurrence of a special token", ends)


def encodes_the_rest_alone(asked: Asked) -> Finding | None:
    """Remember a prompt up to a special token, the longest there, and encode the rest by itself."""
    reason = "encodes by itself what follows a special token"
    return _parted(asked, reason, partial(_ends, _specials(asked.subject)))


def adds_specials_to_the_rest(asked: Asked) -> Finding | None:
    """Encode the rest with the special tokens that begin a text."""
    if not _adds_specials(asked):
        return None
    ends = partial(_ends, _specials(asked.subject))
    return _parted(asked, "adds BOS or EOS to the rest", ends, asked.subject.encode_by_default)


def shares_entries_with_specials(asked: Asked) -> Finding | None:
    """Give the ids with BOS and EOS to a call that asked for those without."""
    subject = asked.subject
    if not _adds_specials(asked):
        return None
    return _found(
        "one entry for calls with and without special tokens",
        shortest(subject.encode, subject.encode_by_default, texts_of(PIECES, 1)).found,
    )


def counts_the_post_processor(asked: Asked) -> Finding | None:
    """Count the BOS and EOS of a post-processor, although the template writes them."""
    if not _adds_specials(asked):
        return None
    subject = asked.subject
    return _found(
        "counts a post-processor's BOS and EOS",
        shortest(subject.encode, subject.encode_by_default, texts_of(PIECES, 1)).found,
    )


def matches_words_inside_words(asked: Asked) -> Finding | None:
    """Match `single_word` tokens inside of words."""
    subject = asked.subject
    words = _numbers(asked, lambda token: token.single_word)
    if not words:
        return None
    return _found(
        "matches single_word tokens inside words", _simulated(asked, words, alone(subject, words))
    )


def misses_plain_tokens(asked: Asked) -> Finding | None:
    """Never find added tokens that are neither special nor normalized."""
    plain = _numbers(asked, lambda token: not (token.special or token.normalized))
    if not plain:
        return None
    text, number = next(iter(plain.items()))
    return Finding(
        "differs",
        f"never finds added tokens that are neither special nor normalized, such as {text!r}",
        Counterexample(text, tuple(asked.subject.encode(text)), ())
        if asked.subject.encode(text) == [number]
        else None,
    )


def loses_strips(asked: Asked) -> Finding | None:
    """Treat the white space beside a stripping token as text."""
    subject = asked.subject
    strips = _numbers(asked, lambda token: token.lstrip or token.rstrip)
    if not strips:
        return None
    return _found(
        "keeps white space that a token strips", _simulated(asked, strips, alone(subject, strips))
    )


def truncates(asked: Asked) -> Finding | None:
    """Apply the truncation that is saved in tokenizer.json."""
    return (
        Finding("differs", "applies the truncation of tokenizer.json") if asked.truncates else None
    )


def reads_bpe_only(asked: Asked) -> Finding | None:
    """Refuse all models but BPE."""
    return None if asked.model == "BPE" else Finding("refuses", "reads BPE models only")


def reads_no_unigram(asked: Asked) -> Finding | None:
    """Refuse Unigram models."""
    if asked.model is None:
        return Finding("refuses", "reads no SentencePiece model by itself")
    return Finding("refuses", "reads no Unigram models") if asked.model == "Unigram" else None


def parts_long_texts(asked: Asked) -> Finding | None:
    """Part a long text for its threads without asking where its expression always splits."""
    subject = asked.subject

    def cut(text: str) -> list[int]:
        place = text.find(" ")
        if place <= 0:
            return subject.encode(text)
        return [*subject.encode(text[:place]), *subject.encode(text[place:])]

    if not asked.splits_by_expression:
        return None
    texts = texts_of(("a", " ", "\n", "A", "'s", "1"), 4)
    return _found(
        "parts a text for its threads; to part it before a space, for one, gives other ids",
        shortest(subject.encode, cut, texts).found,
    )


def relies_on_probes(asked: Asked) -> Finding | None:
    """Cut after each token if some probe texts have the same ids when they are cut."""
    found = encodes_the_rest_alone(asked)
    if found is None:
        return None
    return Finding(
        "unproven", "is right only if its probes hold a text like this one", found.counterexample
    )


def resynchronizes(_: Asked) -> Finding | None:
    """Encode again from some tokens before the end of a known prefix, and compare a few ids."""
    return Finding(
        "unproven",
        "accepts what it splices if a few ids agree, which proves nothing about the rest",
    )


def is_off_by_one(_: Asked) -> Finding | None:
    """Differ in a way that nobody has explained."""
    return Finding(
        "unproven", "counts of some agentic prompts were off by one, and nobody says why"
    )


def rewrites_flags(asked: Asked) -> Finding | None:
    """Look for flagged tokens as tokenizers 1.0 does: in another order, in rewritten text."""
    flagged = _numbers(asked, lambda token: token.rstrip or token.single_word or token.normalized)
    if not flagged:
        return None
    return Finding(
        "unproven",
        "treats rstrip, single_word and normalized tokens in another order, such as "
        f"{next(iter(flagged))!r}",
    )


def has_newer_unicode(_: Asked) -> Finding | None:
    """Split and compose by newer tables of Unicode, and compare long words by a hash."""
    return Finding(
        "unproven", "newer tables of Unicode, and words over 15 bytes are compared by a hash"
    )


def reads_marked_content_as_text(asked: Asked) -> Finding | None:
    """Encode marker texts in messages as plain text (`sanitize_control_tokens`)."""
    specials = [number for number in asked.written if asked.subject.added[number].special]
    if not specials:
        return None
    text = asked.subject.added[specials[0]].content
    return Finding(
        "differs",
        f"the text {text!r} in a message is no marker there, so the prompt's text does not say "
        "where to cut",
        asked.sanitized,
    )


def is_exact(_: Asked) -> Finding | None:
    """Remember whole texts only."""
    return None


ENGINES = (
    Engine(
        "dynamo prefix cache",
        "before frontend-crates#216",
        "ai-dynamo/dynamo#12846, #9742",
        (cuts_at_every_occurrence, encodes_the_rest_alone),
    ),
    Engine(
        "dynamo prefix cache",
        "since frontend-crates#216",
        "ai-dynamo/frontend-crates#216: bypassed if special tokens overlap",
        (encodes_the_rest_alone,),
    ),
    Engine(
        "smg L1 cache",
        "before #1637",
        "smg-project/smg#1637",
        (encodes_the_rest_alone, shares_entries_with_specials),
    ),
    Engine(
        "smg L1 cache",
        "before #1680",
        "smg-project/smg#1680",
        (encodes_the_rest_alone, adds_specials_to_the_rest),
    ),
    Engine("smg L1 cache", "since #1680", "smg-project/smg#1680", (encodes_the_rest_alone,)),
    Engine(
        "SGLang gateway L0 cache",
        "before #17189",
        "sgl-project/sglang#17189",
        (shares_entries_with_specials,),
    ),
    Engine(
        "SGLang gateway L1 cache",
        "#11688",
        "sgl-project/sglang#11688",
        (cuts_at_every_occurrence, encodes_the_rest_alone),
    ),
    Engine("vLLM router L0 cache", "#269", "vllm-project/router#269", (is_exact,)),
    Engine(
        "TensorRT-LLM prefix cache",
        "#18389",
        "NVIDIA/TensorRT-LLM#18389",
        (resynchronizes,),
    ),
    Engine(
        "vllm-ascend segment cache",
        "#16298",
        "vllm-project/vllm-ascend#16298",
        (relies_on_probes,),
    ),
    Engine(
        "transformers sanitize_control_tokens",
        "5.23",
        "transformers/utils/chat_template_utils.py, encode_marked_chat",
        (reads_marked_content_as_text,),
    ),
    Engine(
        "gigatoken",
        "0.10.0",
        "measured against tokenizers 0.23.3",
        (reads_no_unigram, matches_words_inside_words),
    ),
    Engine(
        "fastokens",
        "before #69",
        "crusoecloud/fastokens#67",
        (reads_bpe_only, truncates, parts_long_texts),
    ),
    Engine("fastokens", "0.3.5", "measured against tokenizers 0.23.3", (reads_bpe_only, truncates)),
    Engine(
        "kitoken",
        "0.11.1",
        "measured against tokenizers 0.23.3",
        (loses_strips, matches_words_inside_words, truncates),
    ),
    Engine(
        "splintr-rs",
        "0.22.0",
        "measured against tokenizers 0.23.3",
        (counts_the_post_processor, matches_words_inside_words),
    ),
    Engine("tokie", "0.1.4", "measured against tokenizers 0.23.3", (is_off_by_one,)),
    Engine("iree-tokenizer", "0.3.0", "measured against tokenizers 0.23.3", (misses_plain_tokens,)),
    Engine(
        "tokenizers",
        "1.0.0rc3",
        "290,160 comparisons with tokenizers 0.23.3",
        (rewrites_flags, has_newer_unicode),
    ),
)
"""In the order in which they are shown."""


def _adds_specials(asked: Asked) -> bool:
    subject = asked.subject
    return subject.encode("a") != subject.encode_by_default("a")


def _specials(subject: Subject) -> Mapping[str, int]:
    return {token.content: number for number, token in subject.added.items() if token.special}


def _numbers(asked: Asked, is_one: Callable[[AddedToken], bool]) -> dict[str, int]:
    """Return tokens of a kind with their ids, those that the template writes first."""
    added = asked.subject.added
    order = [*asked.written, *added]
    return {added[number].content: number for number in order if is_one(added[number])}


def _texts(asked: Asked) -> Iterator[str]:
    """Yield the texts with special tokens that are searched, the shortest first."""
    specials = _numbers(asked, lambda token: token.special)
    tried = list(specials.values())[:MOST_TOKENS]
    hidden = [
        number for text, number in specials.items() if asked.subject.around.overlaps.hiding(text)
    ]
    found: set[str] = set()
    for number in dict.fromkeys([*tried, *hidden[:MOST_TOKENS]]):
        found.update(marker_texts(asked.subject, asked.subject.added[number], 2))
    yield from sorted(found, key=lambda text: (len(text), text))


def _ends(specials: Mapping[str, int], text: str) -> list[int]:
    searched = frozenset(specials)
    ends, position = [], 0
    for _, span, after in spans_of(text, searched, searched)[:-1]:
        position += len(span) + len(after or "")
        ends.append(position)
    return ends


def _parted(
    asked: Asked,
    reason: str,
    ends: Callable[[str], list[int]],
    encode: Encode | None = None,
) -> Finding | None:
    """Return what parting a text in two at one of some places does, if it does anything.

    Parameters
    ----------
    asked
        What is asked about.
    reason
        What the behaviour is called.
    ends
        Returns the places of a text.
    encode
        What encodes it; by default without special tokens.
    """
    whole = encode or asked.subject.encode

    def cut(text: str) -> list[int]:
        parted = ([*whole(text[:end]), *whole(text[end:])] for end in ends(text) if end < len(text))
        return next((ids for ids in parted if ids != whole(text)), whole(text))

    return _found(reason, shortest(whole, cut, _texts(asked)).found)


def _found(reason: str, found: Counterexample | None) -> Finding | None:
    return None if found is None else Finding("differs", reason, found)


def _simulated(asked: Asked, numbers: Mapping[str, int], cut: Encode) -> Counterexample | None:
    tried = [
        text
        for number in list(numbers.values())[:MOST_TOKENS]
        for text in marker_texts(asked.subject, asked.subject.added[number], 2)
    ]
    tried.sort(key=lambda text: (len(text), text))
    return shortest(asked.subject.encode, cut, tried).found
