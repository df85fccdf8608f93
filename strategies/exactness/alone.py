"""Conditions D of docs/cutting.md: where a span may be counted without its neighbours."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strategies.exactness.conditions import Refusal
from strategies.exactness.library import searched_texts
from strategies.exactness.overlaps import Overlaps
from strategies.exactness.pipeline import WHITE_SPACE, steps_of

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

_PLAIN_EDGE = re.compile(r"[\x21-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7e]")
"""ASCII characters that are no part of a word, whatever version of Unicode says so."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What can look past a marker, if it is not there.

    Parameters
    ----------
    searched
        The tokens of the first search.
    prefixes_first
        Why the start of a text is treated in its own way, or None.

    Attributes
    ----------
    overlaps : Overlaps
        Which of them can hide another one.
    """

    searched: tuple[AddedToken, ...]
    prefixes_first: str | None
    overlaps: Overlaps = field(init=False)

    def __post_init__(self) -> None:
        # The only way to set a field of a frozen object.
        overlaps = Overlaps(token.content for token in self.searched)
        object.__setattr__(self, "overlaps", overlaps)

    def refusal(self, token: AddedToken) -> Refusal | None:
        """Return why spans beside a token may not be counted without it, or None.

        The token must end a piece for certain.
        """
        return next(filter(None, (check(self, token) for check in _CHECKS)), None)


def surroundings(backend: Tokenizer) -> Surroundings:
    """Return what can look past the markers of a tokenizer of the library."""
    tokens = backend.get_added_tokens_decoder().values()
    first = any(step.get("prepend_scheme") == "first" for step in steps_of(backend.pre_tokenizer))
    return Surroundings(
        tuple(token for token in tokens if not token.normalized and token.content),
        "its pre-tokenizer prefixes the first piece only (prepend_scheme: first)"
        if first
        else None,
    )


def library_surroundings(tokenizer: Any) -> Surroundings:
    """Return the same for a tokenizer without a backend that can be cut."""
    from tokenizers import AddedToken

    added = {token.content: token for token in tokenizer.added_tokens_decoder.values()}
    adds = getattr(tokenizer, "adds_space", False)
    return Surroundings(
        tuple(
            added.get(text) or AddedToken(text, normalized=False)
            for text in sorted(searched_texts(tokenizer))
        ),
        "its model adds a space at the start of a text only" if adds else None,
    )


def _strips(_: Surroundings, token: AddedToken) -> Refusal | None:
    flags = [flag for flag in ("lstrip", "rstrip") if getattr(token, flag)]
    if not flags:
        return None
    return Refusal("D1", f"it strips the white space beside it ({', '.join(flags)})")


def _is_seen_by_a_word(around: Surroundings, token: AddedToken) -> Refusal | None:
    edges = (token.content[0], token.content[-1])
    if all(edge in WHITE_SPACE or _PLAIN_EDGE.fullmatch(edge) for edge in edges):
        return None
    words = [other.content for other in around.searched if other.single_word]
    if not words:
        return None
    return Refusal("D2", f"the single_word token {min(words)!r} looks at the character beside it")


def _starts_a_text(around: Surroundings, _: AddedToken) -> Refusal | None:
    return None if around.prefixes_first is None else Refusal("D3", around.prefixes_first)


def _is_hidden(around: Surroundings, token: AddedToken) -> Refusal | None:
    found = around.overlaps.hiding(token.content)
    if not found:
        return None
    how = "contains it" if token.content in found[0] else "overlaps with it"
    return Refusal("D4", f"another token {how}: {found[0]!r}")


def _is_reached(around: Surroundings, token: AddedToken) -> Refusal | None:
    if token.content[0] not in WHITE_SPACE:
        return None
    reaching = [
        other.content
        for other in around.searched
        if other.lstrip and other.content[0] in WHITE_SPACE
    ]
    if not reaching:
        return None
    return Refusal("D5", f"{min(reaching)!r} reaches back, and this one begins with white space")


_CHECKS = (_strips, _is_seen_by_a_word, _starts_a_text, _is_hidden, _is_reached)
"""A check for each condition, in their order."""
