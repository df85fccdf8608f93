"""Random prompts, as texts: the native core counts what the loaded library counts.

The prompts of a conversation mostly grow, and now and then their history changes. They are made
of code points of every general category, of words of the tokenizer's own vocabulary and pieces of
them, of its added tokens whole and broken, and of long runs. The default run is small. ``pytest
tests/test_fuzz_texts.py -m attack -s`` takes as many prompts as ``ISL_BENCH_FUZZ_PROMPTS`` says
for each tokenizer, from the seed ``ISL_BENCH_FUZZ_SEED``, and prints its figures.
"""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.bundled import tokenizer_names, tokenizer_path
from strategies import get, load_chat
from tests.conftest import REAL
from tests.test_fuzz import PROMPTS_VARIABLE, SEED_VARIABLE, TEXTS

SMALL = 400
LARGE = 100_000
BATCH = 200
MOST_CHARACTERS = 2_000

PATHS = [tokenizer_path(name) for name in tokenizer_names()]
if (REAL / "tokenizers").is_dir():
    PATHS += sorted(path for path in (REAL / "tokenizers").iterdir() if path.is_dir())


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


class Writer:
    """Writes random texts for one tokenizer."""

    def __init__(self, chat: Any, dice: Random) -> None:
        self.dice = dice
        self.added: list[str] = [
            token.content for token in chat.tokenizer.added_tokens_decoder.values()
        ]
        words: list[str] = sorted(chat.tokenizer.get_vocab())
        # Entries as they stand: byte-level ones are strange texts, which is as well.
        self.words = [dice.choice(words) for _ in range(5_000)]
        self.categories = sorted(code_points())

    def piece(self) -> str:
        """Return a piece of a text, of any kind."""
        kinds = (self.characters, self.token, self.words_of_it, self.spaces, self.word)
        return self.dice.choice(kinds)()

    def characters(self) -> str:
        """Return some characters of any category, mixed or repeated."""
        pick, dice = self.dice.choice, self.dice
        if dice.random() < 0.4:
            return pick(code_points()[pick(self.categories)]) * dice.randint(2, 40)
        return "".join(
            pick(code_points()[pick(self.categories)]) for _ in range(dice.randint(1, 6))
        )

    def token(self) -> str:
        """Return an added token, mostly whole."""
        if not self.added:
            return ""
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
        characters = self.dice.choice((" \n\t\r\v\f\u00a0\u3000\u2028▁", "0123456789.,-٣४"))
        return "".join(self.dice.choices(characters, k=self.dice.randint(1, 9)))

    def word(self) -> str:
        """Return something like a word."""
        pick, dice = self.dice.choice, self.dice
        letters = "".join(code_points()[pick(("Ll", "Lu", "Lo"))][:600])
        contractions = ("'s", "'T", "'ll", "'RE", "’s", "'\u017f", "d'", "''", "'ve")
        return pick(
            (
                " "
                + "".join(dice.choices("abcdefghijklmnopqrstuvwxyzABC_", k=dice.randint(1, 14))),
                "".join(dice.choices(letters, k=dice.randint(1, 12))) + pick(("", " ", "\u0301")),
                pick(contractions) + " ",
                pick(TEXTS),
            )
        )

    def text(self) -> str:
        """Return a text of some pieces; now and then a long run of one of them."""
        if self.dice.random() < 0.01:
            return self.piece() * self.dice.randint(20, 400)
        return "".join(self.piece() for _ in range(self.dice.randint(0, 8)))

    def conversation(self) -> list[str]:
        """Return prompts that mostly grow."""
        prompt, prompts = "", []
        for _ in range(self.dice.randint(1, 8)):
            if self.dice.random() < 0.2:
                prompt = prompt[: self.dice.randint(0, len(prompt))]
            prompt += self.text()
            if len(prompt) > MOST_CHARACTERS:
                prompt = prompt[-100:]
            prompts.append(prompt)
        return prompts


def attack(path: Path, seed: int, until: int) -> Iterator[tuple[int, list[str]]]:
    """Yield after each batch the number of prompts so far, and what is wrong in it."""
    chat = load_chat(path, template="{{ messages[0].content }}")
    rust = get("rust")
    reason = rust.availability(chat)
    if reason:
        pytest.skip(f"rust cannot count here: {reason}")
    writer = Writer(chat, Random(seed))  # noqa: S311  # no secret
    done = 0
    with rust.open(chat, workers=2) as counter:
        native: Any = getattr(counter, "native")  # noqa: B009  # of this strategy only
        while done < until:
            conversations = [writer.conversation() for _ in range(BATCH)]
            counts, failures, _ = native.count_prompts(conversations)
            failed = {(place, turn) for place, turn, _, _ in failures}
            expected = iter(chat.lengths([text for each in conversations for text in each]))
            wrong = []
            for place, prompts in enumerate(conversations):
                for turn, prompt in enumerate(prompts):
                    length, count = next(expected), counts[place][turn]
                    # A turn that the core fails is counted by the plain call, and said.
                    if count != length and (place, turn) not in failed:
                        wrong.append(f"{path.name}: {count} for {length} tokens: {prompt!r}")
            # Few turns may be left to the plain call, or nothing would be tested.
            assert len(failed) < BATCH / 4
            done += sum(map(len, conversations))
            yield done, wrong


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_random_texts_are_counted_as_by_the_library(path: Path) -> None:
    for _, wrong in attack(path, 1, SMALL):
        assert not wrong, "\n".join(wrong[:3])


@pytest.mark.attack
@pytest.mark.timeout(0)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_many_random_texts(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get(SEED_VARIABLE, "0"))
    began, total = time.monotonic(), 0
    for done, wrong in attack(path, seed, int(os.environ.get(PROMPTS_VARIABLE, LARGE))):
        assert not wrong, "\n".join(wrong[:3])
        total = done
    with capsys.disabled():
        seconds = time.monotonic() - began
        print(f"\n{path.name}: seed {seed}, {total:,} prompts, {seconds:,.0f} s, none wrong")
