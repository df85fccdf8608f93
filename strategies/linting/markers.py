"""The verdict on each marker, held against a search of short texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from strategies.exactness.pipeline import WHITE_SPACE
from strategies.linting.cuts import alone, between
from strategies.linting.rules import UNEXPLAINED, verdict_by_rules
from strategies.linting.search import MOST_PIECES, PIECES, Search, shortest, texts_of
from strategies.linting.verdict import (
    ALONE,
    NEIGHBOURS,
    NEVER,
    Group,
    MarkerVerdict,
    Verdict,
)

if TYPE_CHECKING:
    from tokenizers import AddedToken

    from strategies.linting.subject import Subject

MOST_HIDING = 3
"""Tokens that can hide a marker, of those that are put beside it in a search."""


def marker_verdict(
    subject: Subject, number: int, *, most_pieces: int = MOST_PIECES
) -> MarkerVerdict:
    """Return the verdict on a marker, with a counterexample to the next better one.

    The search can only make a verdict worse: it tries to refute what the rules call exact.

    Parameters
    ----------
    subject
        The tokenizer.
    number
        The marker's id.
    most_pieces
        Pieces of the texts that are searched.
    """
    token = subject.added[number]
    verdict = verdict_by_rules(subject, token)
    texts = marker_texts(subject, token, most_pieces)
    numbers = {token.content: number}
    tried = 0
    if verdict.exactness == ALONE:
        found = shortest(subject.encode, alone(subject, numbers), texts)
        if found.found is None:
            return MarkerVerdict(token.content, number, verdict, None, found.tried)
        verdict = Verdict(
            NEIGHBOURS, UNEXPLAINED, None, "a text is encoded wrongly, and no rule says why"
        )
        tried += found.tried
    if verdict.exactness == NEIGHBOURS:
        found = shortest(subject.encode, between(subject, numbers), texts)
        if found.found is None:
            found = shortest(subject.encode, alone(subject, numbers), texts)
            return _made(token, number, verdict, Search(found.found, tried + found.tried))
        verdict = Verdict(
            NEVER, UNEXPLAINED, None, "a text is encoded wrongly, and no rule says why"
        )
        return _made(token, number, verdict, Search(found.found, tried + found.tried))
    return _made(token, number, verdict, shortest(subject.encode, between(subject, numbers), texts))


def _made(token: AddedToken, number: int, verdict: Verdict, found: Search) -> MarkerVerdict:
    return MarkerVerdict(token.content, number, verdict, found.found, found.tried)


def marker_texts(subject: Subject, token: AddedToken, most_pieces: int = MOST_PIECES) -> list[str]:
    """Return the texts with a token that are searched, the shortest first.

    Parameters
    ----------
    subject
        The tokenizer.
    token
        The token.
    most_pieces
        Of how many pieces a text is made: `PIECES`, the token, and tokens that could matter.
    """
    pieces = dict.fromkeys([token.content, *PIECES, *_related(subject, token)])
    return [
        text
        for text in texts_of(list(pieces), most_pieces)
        if token.content in text and _is_encodable(text) and not subject.may_panic(text)
    ]


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _related(subject: Subject, token: AddedToken) -> Iterator[str]:
    """Yield the texts of tokens that could change how a token is found, or what is beside it."""
    text = token.content
    for other in subject.around.overlaps.hiding(text)[:MOST_HIDING]:
        yield other
        # The rest of the marker, after a token that ends with its beginning.
        for size in range(1, len(text)):
            if other.endswith(text[:size]):
                yield text[size:]
    if token.normalized:
        # The others are looked for first, so one that begins inside of it hides it, too.
        yield from _rests(text, subject.searched)
    tokens = list(subject.added.values())
    for is_one in _KINDS:
        yield from [other.content for other in tokens if other != token and is_one(other)][:1]


def _rests(text: str, others: Iterable[str]) -> list[str]:
    """Return what is left of tokens that begin inside of a text, without what is in it."""
    rests = {
        other[size:]
        for other in others
        for size in range(1, min(len(text), len(other)))
        if text.endswith(other[:size])
    }
    return sorted(rests, key=lambda rest: (len(rest), rest))[:MOST_HIDING]


_KINDS: tuple[Callable[[AddedToken], bool], ...] = (
    lambda token: token.single_word,
    lambda token: token.lstrip and not token.single_word,
    lambda token: token.rstrip and not token.single_word,
    lambda token: token.lstrip and token.content[0] in WHITE_SPACE,
    lambda token: token.normalized,
    lambda token: not (token.single_word or token.lstrip or token.rstrip or token.normalized),
)
"""Kinds of tokens of which one is put beside a marker in a search."""


def groups(subject: Subject, numbers: Mapping[int, AddedToken]) -> tuple[Group, ...]:
    """Return tokens in groups of the same verdict by rule.

    Parameters
    ----------
    subject
        The tokenizer.
    numbers
        The tokens by id.
    """
    found: dict[tuple[str, str | None, str | None], tuple[Verdict, list[str]]] = {}
    for token in numbers.values():
        verdict = verdict_by_rules(subject, token)
        key = (verdict.exactness, verdict.rule, verdict.condition)
        found.setdefault(key, (verdict, []))[1].append(token.content)
    return tuple(Group(verdict, tuple(texts)) for verdict, texts in found.values())
