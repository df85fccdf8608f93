"""Random texts: words, white space, code points of every kind, markers whole and broken."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from functools import cache
from random import Random

TEXTS = (
    *("", " ", "\n", "a", "Hello there", "the the  the", "  edges  ", "two\n\nlines\r\n"),
    "\ttab",
    *("<|im_start|>", "<|im_end|>\n", "x<|im_end|>y", "<|im_", "start|>", "</s>", "<s>", "[INST]"),
    *("<think>", "</think>", "<tool_call>", "▁", "Ġ", "é", "e\u0301"),
    *("日本語", "😀👩‍👩‍👧", "\u00a0"),
    *("\u2028", "\u200d", "\x00", "\x7f", "{{ x }}", "{% if %}", "{#", "'", '"', "\\", "<b>&"),
    *("0", "12", "-3.5e7", "None", "true", "<f at 0x7f00>", "Straße", "İ", "ﬁ", "\ufffd", "\u0378"),
    *("user", "content", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "def f(x):\n    return x\n"),
)
"""Texts that have gone wrong somewhere: in templates, in tokenizers, in JSON."""

_SPACES = (" \n\t\r\v\f\u00a0\u3000\u2028▁", "0123456789.,-٣४")
_CONTRACTIONS = ("'s", "'T", "'ll", "'RE", "’s", "'\u017f", "d'", "''", "'ve")
_ENDS = ("", " ", "\u0301")


@cache
def code_points() -> dict[str, list[str]]:
    """Return all characters by their general category, surrogates left out."""
    found: dict[str, list[str]] = {}
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        category = unicodedata.category(character)
        if category != "Cs":
            found.setdefault(category, []).append(character)
    return found


@cache
def _letters(category: str) -> str:
    return "".join(code_points()[category][:600])


class TextWriter:
    """Writes random texts for one tokenizer.

    Parameters
    ----------
    dice
        Makes every choice.
    added
        Texts of added tokens. They occur whole and broken.
    words
        Entries of the vocabulary, as they are written there.
    """

    def __init__(self, dice: Random, added: Sequence[str] = (), words: Sequence[str] = ()) -> None:
        self.dice = dice
        self.added = added
        self.words = words
        self._categories = sorted(code_points())
        # A tokenizer without words of its own still gets words.
        self._kinds = (
            self.characters,
            self.token if added else self.word,
            self.words_of_it if words else self.word,
            self.spaces,
            self.word,
        )

    def piece(self) -> str:
        """Return a piece of a text, of any kind."""
        return self.dice.choice(self._kinds)()

    def characters(self) -> str:
        """Return some characters of any category, mixed or repeated."""
        pick, dice = self.dice.choice, self.dice
        if dice.random() < 0.4:
            return pick(code_points()[pick(self._categories)]) * dice.randint(2, 40)
        return "".join(
            pick(code_points()[pick(self._categories)]) for _ in range(dice.randint(1, 6))
        )

    def token(self) -> str:
        """Return an added token, mostly whole."""
        token = self.dice.choice(self.added)
        cut = self.dice.randint(0, len(token))
        broken = (token[:cut], token[cut:], token.strip(), token.upper())
        return self.dice.choice((token, token, token, token, *broken))

    def words_of_it(self) -> str:
        """Return entries of the vocabulary, or pieces of them."""
        word, other = self.dice.choice(self.words), self.dice.choice(self.words)
        if self.dice.random() < 0.5:
            return word.replace("Ġ", " ").replace("▁", " ")
        return word[self.dice.randint(0, len(word)) :] + other

    def spaces(self) -> str:
        """Return white space, or digits."""
        characters = self.dice.choice(_SPACES)
        return "".join(self.dice.choices(characters, k=self.dice.randint(1, 9)))

    def word(self) -> str:
        """Return something like a word."""
        pick, dice = self.dice.choice, self.dice
        kind = dice.randrange(4)
        if kind == 0:
            letters = "abcdefghijklmnopqrstuvwxyzABC_"
            return " " + "".join(dice.choices(letters, k=dice.randint(1, 14)))
        if kind == 1:
            letters = _letters(pick(("Ll", "Lu", "Lo")))
            return "".join(dice.choices(letters, k=dice.randint(1, 12))) + pick(_ENDS)
        return pick(_CONTRACTIONS) + " " if kind == 2 else pick(TEXTS)

    def text(self) -> str:
        """Return a text of some pieces; now and then a long run of one of them."""
        if self.dice.random() < 0.01:
            return self.piece() * self.dice.randint(20, 400)
        return "".join(self.piece() for _ in range(self.dice.randint(0, 8)))

    def short(self) -> str:
        """Return a text of at most three pieces, as a message of a long conversation."""
        return "".join(self.piece() for _ in range(self.dice.randint(0, 3)))

    def growing(self, most_characters: int = 2_000) -> list[str]:
        """Return prompts that mostly grow; now and then their history changes.

        Parameters
        ----------
        most_characters
            A prompt of more characters is cut down to its end.
        """
        prompt, prompts = "", []
        for _ in range(self.dice.randint(1, 8)):
            if self.dice.random() < 0.2:
                prompt = prompt[: self.dice.randint(0, len(prompt))]
            prompt += self.text()
            if len(prompt) > most_characters:
                prompt = prompt[-100:]
            prompts.append(prompt)
        return prompts
