"""Seeded text: the random numbers, words, prose and code that the sample conversations are made of.

Everything here depends on a seed and on nothing else, so the same seed gives the same text on every
platform and version. The only source of chance is ``random.Random(int).random()``, whose sequence
Python promises to keep. The rest is integer and basic floating-point arithmetic.
"""

from __future__ import annotations

import hashlib
import json
import random
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class Dice:
    """A stream of random choices with its own seed.

    Parameters
    ----------
    *key
        Texts and numbers that say what the stream is for. Equal keys give equal streams;
        different keys give independent ones.
    """

    __slots__ = ("_random",)

    def __init__(self, *key: str | int) -> None:
        digest = hashlib.sha256("/".join(str(part) for part in key).encode()).digest()
        self._random = random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311

    def unit(self) -> float:
        """Return a number in [0, 1)."""
        return self._random.random()

    def below(self, n: int) -> int:
        """Return an integer in [0, n)."""
        return int(self.unit() * n)

    def between(self, low: int, high: int) -> int:
        """Return an integer in [low, high], both ends included."""
        return low + self.below(high - low + 1)

    def chance(self, p: float) -> bool:
        """Return True with probability `p`."""
        return self.unit() < p

    def pick(self, items: Sequence[T]) -> T:
        """Return one item, all equally likely."""
        return items[self.below(len(items))]

    def favour(self, items: Sequence[T]) -> T:
        """Return one item. Early items are far more likely, as with words in natural text."""
        share = self.unit()
        return items[int(share * share * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in a random order."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(len(left))]

    def quantile(self, table: Sequence[tuple[int, int]]) -> int:
        """Return a number from a distribution given by its quantiles.

        Parameters
        ----------
        table
            Pairs (percentile, value), rising from 0 to 100; values between are interpolated.
        """
        return interpolate(table, self.unit() * 100)


def interpolate(table: Sequence[tuple[int, int]], percentile: float) -> int:
    """Read a quantile table at a percentile, on straight lines between its points."""
    for (low, start), (high, stop) in pairwise(table):
        if percentile <= high:
            return start + int((stop - start) * (percentile - low) / (high - low))
    return table[-1][1]


@cache
def words(section: str) -> tuple[str, ...]:
    """Return one section of ``data/words.txt``, in a fixed order that is not alphabetic."""
    text = (files("bench") / "data" / "words.txt").read_text(encoding="utf-8")
    for block in text.split("\n[")[1:]:
        name, _, body = block.partition("]\n")
        if name == section:
            return tuple(Dice("words", name).shuffled(body.split()))
    raise KeyError(section)


@cache
def dialogues() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Return the handwritten dialogues, in order: pairs (language, ((role, text), ...))."""
    text = (files("bench") / "data" / "dialogues.json").read_text(encoding="utf-8")
    return tuple(
        (language, tuple((role, line) for role, line in lines))
        for language, lines in json.loads(text).items()
    )


def third(verb: str) -> str:
    """Return the third person singular of a verb."""
    if verb.endswith(("s", "sh", "ch", "x", "z")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "s"


def plural(noun: str) -> str:
    """Return the regular plural of a noun."""
    return third(noun)


SENTENCES = (
    "The {a} {n} {vs} the {n}, so the {n} is {a}.",
    "We {v} the {n} before the {n} is {vd}.",
    "If the {n} is {a}, {v} it and {v} the {n} {d}.",
    "Each {n} holds one {n}; the {a} ones are {vd} {d}.",
    "It {d} {vs} the {np} that the {n} {vd}.",
    "You can {v} the {n}, but {g} the {a} {n} takes longer.",
    "There are {i} {np} in the {n}, {i} of them {a}.",
    "Why does the {n} {v} a {a} {n} when the {n} was {vd}?",
    "In practice, {g} a {n} {d} {vs} the {n}.",
    "The {n} and the {n} share a {a} {n}.",
    "Please {v} the {a} {n} and tell me which {np} it {vs}.",
    "That is {a}: the {n} {vs} its {n} {d}, not its {n}.",
    "{np} are {vd} {d}, because the {n} {vs} them.",
    "A {a}, {a} {n} is better than a {a} one.",
    "{d}, the {n} has {i}.{i} {np} per {n}.",
)


def fill(dice: Dice, pattern: str) -> str:
    """Fill a sentence pattern: ``{n}`` noun, ``{v}`` verb, ``{a}`` adjective and so on."""
    out: list[str] = []
    head, *rest = pattern.split("{")
    out.append(head)
    for part in rest:
        kind, _, tail = part.partition("}")
        match kind:
            case "n":
                word = dice.favour(words("nouns"))
            case "np":
                word = plural(dice.favour(words("nouns")))
            case "a":
                word = dice.favour(words("adjectives"))
            case "d":
                word = dice.pick(words("adverbs"))
            case "v":
                word = dice.pick(words("verbs"))
            case "vs":
                word = third(dice.pick(words("verbs")))
            case "vd":
                word = dice.pick(words("participles"))
            case "g":
                word = dice.pick(words("gerunds"))
            case "i":
                word = str(dice.between(2, 4000) if dice.chance(0.3) else dice.between(2, 40))
            case _:
                raise KeyError(kind)
        if word[0] in "aeiou" and (out[-1] == "A " or out[-1].endswith(" a ")):
            out[-1] = out[-1][:-1] + "n "
        out += (word, tail)
    text = "".join(out)
    return text[0].upper() + text[1:]


def prose(dice: Dice, length: int, *, paragraph: int = 5) -> str:
    """Return sentences in paragraphs, at least one sentence.

    Parameters
    ----------
    dice
        The stream that decides the text.
    length
        About how many characters.
    paragraph
        How many sentences make a paragraph.
    """
    out = ""
    count = 0
    while not out or len(out) + 30 < length:
        sentence = fill(dice, dice.pick(SENTENCES))
        count += 1
        out += sentence if not out else ("\n\n" if count % paragraph == 0 else " ") + sentence
    return out


def snake(dice: Dice) -> str:
    """Return an identifier such as ``parse_header``."""
    form = dice.below(4)
    noun = dice.pick(words("nouns"))
    if form == 0:
        return noun
    if form == 1:
        return f"{dice.pick(words('adjectives'))}_{noun}"
    verb = dice.pick(words("verbs"))
    return f"{verb}_{noun}" if form == 2 else f"{verb}_{dice.pick(words('nouns'))}_{noun}"


def camel(dice: Dice) -> str:
    """Return a class name such as ``LazyHeader``."""
    parts = [dice.pick(words("adjectives")), dice.pick(words("nouns"))]
    if dice.chance(0.4):
        parts.append(dice.pick(words("nouns")))
    return "".join(part.capitalize() for part in parts)
