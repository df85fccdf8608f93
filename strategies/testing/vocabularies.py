"""Random small models of each kind: BPE over bytes and over characters, Unigram, words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, TypeAlias

from tokenizers import models, pre_tokenizers

Spaces: TypeAlias = Literal["bytes", "metaspace", "normalizer", "words", "plain"]
"""What turns the spaces of a text into something that the vocabulary has."""

WORDS = (
    *("hello", "Hello", "the", "there", "user", "assistant", "system", "think", "tool", "call"),
    *("name", "arguments", "role", "content", "return", "def", "edges", "lines", "im_start"),
    *("function", "parameters", "object", "type", "Straße", "日本語", "été", "123", "3.5", "'s"),
    *("<|", "|>", "</", "\n\n", "  ", '{"', '": ', "text", "response", "aaaa", "▁", "e\u0301"),
)
"""What the vocabularies are made of."""

BYTES = tuple(sorted(pre_tokenizers.ByteLevel.alphabet()))
FALLBACK = tuple(f"<0x{byte:02X}>" for byte in range(256))
UNKNOWN = "[UNK]"
CHARACTERS = (*map(chr, range(32, 127)), "\n", "\t", "▁", "é", "ß", "\u0301", "日", "本", "語")


@dataclass(frozen=True, slots=True)
class Model:
    """A model, and what it expects of the steps before it.

    Parameters
    ----------
    model
        A model of the tokenizers library.
    spaces
        How spaces get to it.
    """

    model: Any
    spaces: Spaces


def merges(dice: Random, texts: Sequence[str], most: int) -> list[tuple[str, str]]:
    """Return pairs to merge, in the order in which a text first needs them.

    Parameters
    ----------
    dice
        Makes every choice.
    texts
        What the merges are learned from, character by character.
    most
        How many merges there are at most.
    """
    pieces = [list(text) for text in texts]
    found: dict[tuple[str, str], None] = {}
    for _ in range(most):
        longer = [each for each in pieces if len(each) > 1]
        if not longer:
            break
        chosen = dice.choice(longer)
        place = dice.randrange(len(chosen) - 1)
        pair = chosen[place], chosen[place + 1]
        found[pair] = None
        for each in pieces:
            _merge(each, pair)
    return list(found)


def _merge(pieces: list[str], pair: tuple[str, str]) -> None:
    place = 0
    while place < len(pieces) - 1:
        if (pieces[place], pieces[place + 1]) == pair:
            pieces[place : place + 2] = ["".join(pair)]
        place += 1


def _words(dice: Random, space: str) -> list[str]:
    """Return some words, half of them with a space before them."""
    chosen = dice.sample(WORDS, dice.randint(8, 24))
    return [space + word if dice.random() < 0.5 else word for word in chosen]


def _in_bytes(text: str) -> str:
    """Return a text as byte-level tokenizers write it."""
    ((written, _),) = _BYTE_LEVEL.pre_tokenize_str(text) or [("", (0, 0))]
    return written


_BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def byte_level(dice: Random) -> Model:
    """Return a BPE over bytes."""
    learned = merges(dice, [_in_bytes(word) for word in _words(dice, " ")], dice.randint(0, 60))
    vocabulary = dict.fromkeys([*BYTES, *map("".join, learned)])
    model = models.BPE(_numbered(vocabulary), learned, ignore_merges=dice.random() < 0.2)
    return Model(model, "bytes")


def characters(dice: Random) -> Model:
    """Return a BPE over characters, mostly with bytes for those it does not know."""
    learned = merges(dice, _words(dice, "▁"), dice.randint(0, 60))
    fallback = dice.random() < 0.7
    known = [*CHARACTERS, *(character for pair in learned for character in "".join(pair))]
    vocabulary = dict.fromkeys(["<unk>", *(FALLBACK if fallback else ()), *known])
    vocabulary |= dict.fromkeys(map("".join, learned))
    options = {
        "unk_token": "<unk>" if dice.random() < 0.9 else None,
        "fuse_unk": dice.random() < 0.7,
        "byte_fallback": fallback,
        "ignore_merges": dice.random() < 0.1,
    }
    model = models.BPE(_numbered(vocabulary), learned, **options)
    return Model(model, dice.choice(("metaspace", "normalizer", "plain")))


def unigram(dice: Random) -> Model:
    """Return a Unigram model with random scores."""
    fallback = dice.random() < 0.3
    words = _words(dice, "▁")
    parts = [word[dice.randrange(len(word)) :] for word in words]
    entries = dict.fromkeys(["<unk>", *CHARACTERS, *words, *filter(None, parts)])
    scored = [(entry, -round(dice.uniform(1, 12), 3)) for entry in entries]
    if fallback:
        scored += [(each, -20.0) for each in FALLBACK]
    return Model(models.Unigram(scored, 0, fallback), dice.choice(("metaspace", "plain")))


def word_piece(dice: Random) -> Model:
    """Return a WordPiece model."""
    words = [word for word in WORDS if word.isalnum()]
    parts = [f"##{word[dice.randrange(len(word)) :]}" for word in words]
    known = [*CHARACTERS, *(f"##{each}" for each in CHARACTERS if each.isalnum())]
    chosen = [*dice.sample(words, 10), *dice.sample(parts, 10)]
    vocabulary = dict.fromkeys([UNKNOWN, *dice.sample(known, len(known) - 9), *chosen])
    model = models.WordPiece(
        _numbered(vocabulary), unk_token=UNKNOWN, max_input_chars_per_word=dice.choice((100, 8))
    )
    return Model(model, "words")


def word_level(dice: Random) -> Model:
    """Return a model that knows whole words only."""
    vocabulary = dict.fromkeys([UNKNOWN, *dice.sample(WORDS, 20), *CHARACTERS[:40]])
    return Model(models.WordLevel(_numbered(vocabulary), unk_token=UNKNOWN), "words")


MODELS: tuple[Callable[[Random], Model], ...] = (
    byte_level,
    byte_level,
    byte_level,
    characters,
    characters,
    characters,
    unigram,
    word_piece,
    word_level,
)
"""Published tokenizers are mostly BPE, so it is listed more than once."""


def _numbered(entries: dict[str, None]) -> dict[str, int]:
    return {entry: number for number, entry in enumerate(entries)}
