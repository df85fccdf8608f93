"""Which tokens can hide another one where its text stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Overlaps:
    """The texts of tokens, in which those that hide a token are found.

    Parameters
    ----------
    texts
        The texts of all tokens that a search looks for.
    """

    texts: Iterable[str]
    _joined: str = field(init=False)
    _known: frozenset[str] = field(init=False)
    _endings: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.texts = sorted(self.texts, key=lambda text: (len(text), text))
        # Tokenizers have a thousand tokens, and each is held against all of them.
        self._joined = "\0".join(self.texts)
        self._known = frozenset(self.texts)
        self._endings = {}
        for text in self.texts:
            for start in range(1, len(text)):
                self._endings.setdefault(text[start:], []).append(text)

    def hiding(self, text: str) -> list[str]:
        """Return the tokens that can hide `text`: they hold it, or end with its beginning.

        A token that ends with the beginning of `text` begins before it, so a search takes that
        one. The shortest come first.
        """
        first = self._joined.find(text)
        # Mostly the text is one of them, and stands nowhere else.
        once = text in self._known and self._joined.find(text, first + 1) < 0
        found = set()
        if first >= 0 and not once:
            found = {other for other in self.texts if text in other}
        for size in range(1, len(text)):
            found.update(self._endings.get(text[:size], ()))
        return sorted(found - {text}, key=lambda other: (len(other), other))
