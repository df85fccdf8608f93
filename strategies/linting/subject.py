"""A loaded tokenizer as the lint asks it: ids of texts, added tokens, what may be cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from strategies.exactness.alone import Surroundings, library_surroundings, surroundings
from strategies.exactness.conditions import Refusal
from strategies.exactness.library import searched_texts
from strategies.exactness.pipeline import WHITE_SPACE, backend_refusal
from strategies.splicing import refusal_of

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.linting.search import Encode


@dataclass(frozen=True, slots=True)
class Subject:
    """A tokenizer whose prompts are cut.

    Parameters
    ----------
    encode
        Returns the ids of a text, no special tokens added. It remembers them.
    encode_by_default
        The same with the special tokens that the tokenizer adds unless it is told not to.
    added
        Its added tokens by id.
    searched
        The texts that its first search looks for.
    refusal
        Why it cannot be cut anywhere, or None.
    around
        What can look past a marker; nothing is known if it cannot be cut.
    has_backend
        Whether it is one of the tokenizers library.
    strips_on, reaches_back
        The texts of tokens that strip on their right, and of those that could take the same
        white space.
    """

    encode: Encode
    encode_by_default: Encode
    added: Mapping[int, AddedToken]
    searched: frozenset[str]
    refusal: Refusal | None
    around: Surroundings
    has_backend: bool
    strips_on: tuple[str, ...]
    reaches_back: tuple[str, ...]

    @property
    def is_unsafe(self) -> bool:
        """Whether the library may fail on any text, so that nothing should be encoded."""
        return self.refusal is not None and self.refusal.condition == "A13"

    def may_panic(self, text: str) -> bool:
        """Whether the library may fail on a text, or never end.

        It fails if two tokens claim the same white space.
        """
        if self.is_unsafe:
            return True
        return any(token in text for token in self.strips_on) and any(
            token in text for token in self.reaches_back
        )


def subject_of(chat: ChatTokenizer) -> Subject:
    """Return a loaded tokenizer as a subject."""
    refusal = refusal_of(chat)
    if chat.backend is not None:
        return subject_of_backend(chat.backend, refusal)
    tokenizer = chat.tokenizer
    added = dict(sorted(tokenizer.added_tokens_decoder.items()))
    searched = frozenset(token.content for token in added.values())

    def encode(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    def encode_by_default(text: str) -> list[int]:
        return list(tokenizer(text)["input_ids"])

    around = Surroundings((), None)
    if refusal is None:
        searched |= searched_texts(tokenizer)
        around = library_surroundings(tokenizer)
    return _subject(encode, encode_by_default, added, searched, refusal, around, has_backend=False)


def subject_of_backend(backend: Tokenizer, refusal: Refusal | None = None) -> Subject:
    """Return a tokenizer of the tokenizers library as a subject.

    Parameters
    ----------
    backend
        The tokenizer.
    refusal
        Why it cannot be cut, if that is known already.
    """
    refusal = refusal or backend_refusal(backend)
    added = dict(sorted(backend.get_added_tokens_decoder().items()))

    def encode(text: str) -> list[int]:
        return list(backend.encode(text, add_special_tokens=False).ids)

    def encode_by_default(text: str) -> list[int]:
        return list(backend.encode(text).ids)

    around = Surroundings((), None) if refusal is not None else surroundings(backend)
    searched = frozenset(token.content for token in added.values() if not token.normalized)
    return _subject(encode, encode_by_default, added, searched, refusal, around, has_backend=True)


def _subject(
    encode: Encode,
    encode_by_default: Encode,
    added: Mapping[int, AddedToken],
    searched: frozenset[str],
    refusal: Refusal | None,
    around: Surroundings,
    *,
    has_backend: bool,
) -> Subject:
    tokens = [token for token in added.values() if token.content]
    return Subject(
        cache(encode),
        cache(encode_by_default),
        {number: token for number, token in added.items() if token.content},
        searched - {""},
        refusal,
        around,
        has_backend,
        tuple(token.content for token in tokens if token.rstrip),
        tuple(
            token.content for token in tokens if token.lstrip and token.content[0] in WHITE_SPACE
        ),
    )
