"""What is cut: a tokenizer as a function from text to ids, with the texts of its markers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strategies import UnavailableError
from strategies.splicing import Markers, backend_markers, markers_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from strategies import ChatTokenizer


@dataclass(frozen=True, slots=True)
class Subject:
    """A tokenizer whose prompts are cut.

    Parameters
    ----------
    name
        For tables and plots.
    encode
        Returns the ids of a text, no special tokens added.
    encode_by_default
        The same with the special tokens that the tokenizer adds unless it is told not to.
    token
        Returns the text of an id in the vocabulary.
    markers
        Where it may be cut exactly.
    listed
        The texts of all its added tokens, in the order of their ids.
    panics
        Whether the tokenizers library itself fails on some short texts, with a trace on the
        terminal. It does so if two added tokens claim the same white space.
    """

    name: str
    encode: Callable[[str], list[int]]
    encode_by_default: Callable[[str], list[int]]
    token: Callable[[int], str]
    markers: Markers
    listed: tuple[str, ...]
    panics: bool = False

    def tokens(self, ids: list[int]) -> list[str]:
        """Return the texts of some ids."""
        return [self.token(each) for each in ids]


def subject_of(chat: ChatTokenizer) -> Subject:
    """Return a loaded tokenizer as a subject.

    Raises
    ------
    UnavailableError
        If it has no place for an exact cut.
    """
    markers = markers_of(chat)
    if isinstance(markers, str):
        raise UnavailableError(markers)
    if chat.backend is not None:
        return subject_of_backend(chat.name, chat.backend, markers)
    tokenizer = chat.tokenizer
    added = sorted(tokenizer.added_tokens_decoder.items())
    return Subject(
        chat.name,
        lambda text: list(tokenizer(text, add_special_tokens=False)["input_ids"]),
        lambda text: list(tokenizer(text)["input_ids"]),
        lambda number: str(tokenizer.convert_ids_to_tokens(number)),
        markers,
        tuple(token.content for _, token in added),
    )


def subject_of_backend(name: str, backend: Tokenizer, markers: Markers | None = None) -> Subject:
    """Return a tokenizer of the tokenizers library as a subject.

    Parameters
    ----------
    name
        For tables and plots.
    backend
        The tokenizer.
    markers
        Where it may be cut; by default what `backend_markers` finds.
    """
    added = [token for _, token in sorted(backend.get_added_tokens_decoder().items())]
    return Subject(
        name,
        lambda text: list(backend.encode(text, add_special_tokens=False).ids),
        lambda text: list(backend.encode(text).ids),
        lambda number: str(backend.id_to_token(number)),
        backend_markers(backend) if markers is None else markers,
        tuple(token.content for token in added if token.content),
        panics=any(token.lstrip and token.content[:1].isspace() for token in added),
    )
