"""What token ids say: their text and their names, by a tokenizer or a renderer in code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from strategies.renderers.contract import Decoder

if TYPE_CHECKING:
    from strategies import ChatTokenizer


class Vocabulary(Protocol):
    """Writes token ids so that a person can read them."""

    def text(self, ids: Sequence[int]) -> str | None:
        """Return the text of token ids; None if nothing here can decode them."""
        ...

    def name(self, number: int) -> str:
        """Return how one token is called in a sentence."""
        ...

    def names(self, ids: Sequence[int]) -> str:
        """Return tokens one by one, with blanks between them."""
        ...


def vocabulary_of(chat: ChatTokenizer) -> Vocabulary:
    """Return the vocabulary of a tokenizer, or of the renderer that counts.

    Parameters
    ----------
    chat
        The tokenizer.
    """
    if chat.coded is None:
        return _OfTokenizer(chat)
    opened = chat.coded.opened
    return _OfRenderer(opened if isinstance(opened, Decoder) else None)


class _OfTokenizer:
    def __init__(self, chat: ChatTokenizer) -> None:
        self._chat = chat

    def text(self, ids: Sequence[int]) -> str:
        text: str = self._chat.tokenizer.decode(
            self._known(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def name(self, number: int) -> str:
        return repr(self.text([number]))

    def names(self, ids: Sequence[int]) -> str:
        return " ".join(map(str, self._chat.tokenizer.convert_ids_to_tokens(self._known(ids))))

    def _known(self, ids: Sequence[int]) -> list[int]:
        # A server may have tokens that this tokenizer lacks.
        known = len(self._chat.tokenizer)
        return [each for each in ids if each < known]


class _OfRenderer:
    def __init__(self, decoder: Decoder | None) -> None:
        self._decoder = decoder

    def text(self, ids: Sequence[int]) -> str | None:
        if self._decoder is None:
            return None
        try:
            return self._decoder.decode(ids)
        except Exception:  # each library has errors of its own for what it lacks
            return None

    def name(self, number: int) -> str:
        text = self.text([number])
        return f"token {number}" if text is None else repr(text)

    def names(self, ids: Sequence[int]) -> str:
        # Tokens with other ids may have the same text.
        return " ".join(self._numbered(each) for each in ids)

    def _numbered(self, number: int) -> str:
        text = self.text([number])
        return str(number) if text is None else f"{number}={text!r}"
