"""What the tests of the native engines share: growing random prompts, and the library's counts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from random import Random

import pytest
from tokenizers import AddedToken, Tokenizer

from strategies import _native

MARKERS = ("<|im_start|>", "<|im_end|>", "<|pad|>")

WORDS = (
    *("a", "ab", "b", "the", "he", "hello", "world", "return", "x", "foo.bar(1, 2)", "10", "007"),
    *("é", "e\u0301", "Zürich", "naïve", "日本", "日本語。", "안녕", "हिन्दी", "नमस्ते", "ไทย"),
    *(" ", " ", " ", "  ", "    ", "\n", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u3000"),
    *("▁", "▁▁", "<unk>", "<0x0A>", "<|im_", "end|>", "\x00", "\x01", "ﬁ", "½", "Ａ", "…", "ſ"),
    *("-", "--", "==", "{", "}", '"', "'", ",", ".", "ǆ", "ß", "İ", "ς", "\u0600a", "\u200d", "ﷺ"),
    *("😀", "👩\u200d👩\u200d👧", "\u0301", "\u200b"),
)


def random_text(random: Random, length: int, alphabet: Sequence[str] = WORDS) -> str:
    return "".join(random.choices(alphabet, k=length))


def growing_prompts(
    random: Random, turns: int, *, markers: Sequence[str] = (), longest: int = 30
) -> list[str]:
    """Return the prompts of a conversation, each mostly the one before and more.

    Parameters
    ----------
    random
        Decides all.
    turns
        Number of prompts.
    markers
        Texts that come between others now and then.
    longest
        Words of a text without markers, at most.
    """
    prompts: list[str] = []
    prompt = ""
    for _ in range(turns):
        if random.random() < 0.2:
            prompt = prompt[: random.randrange(len(prompt) + 1)]
        for _ in range(random.randrange(4)):
            prompt += random_text(random, random.randrange(longest))
            prompt += random.choice(("\n", " ", "", *markers))
        prompts.append(prompt)
    return prompts


def with_markers(tokenizer: Tokenizer, random: Random) -> Tokenizer:
    """Add markers that strip or do not."""
    tokenizer.add_special_tokens(
        [
            AddedToken(
                text,
                special=True,
                normalized=False,
                lstrip=random.random() < 0.3,
                rstrip=random.random() < 0.3,
            )
            for text in MARKERS
        ]
    )
    return tokenizer


def assert_counted(tokenizer: Tokenizer, prompts: Sequence[Sequence[str]]) -> dict[str, float]:
    """Compare the core's counts of each conversation's prompts with the library's."""
    native = _native.Counter(tokenizer.to_str(), workers=1)
    counts, failures, figures = native.count_prompts(prompts)
    assert not failures
    for texts, counted in zip(prompts, counts, strict=True):
        expected = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        for text, count, encoding in zip(texts, counted, expected, strict=True):
            assert count == len(encoding), (text, tokenizer.normalizer, tokenizer.pre_tokenizer)
    return figures


def attack(kind: str, one_round: Callable[[Random], int]) -> None:
    """Repeat a round, which returns its number of prompts, until there are many."""
    wanted = int(os.environ.get("ISL_BENCH_FUZZ_PROMPTS", "500000"))
    seed = int(os.environ.get("ISL_BENCH_FUZZ_SEED", "0"))
    random = Random(seed)  # noqa: S311  # no secret
    started, prompts = time.monotonic(), 0
    while prompts < wanted:
        prompts += one_round(random)
    print(
        f"{kind}: {prompts} prompts, seed {seed}, {time.monotonic() - started:.0f} s, no mismatch"
    )


def long_attack(test: Callable[[], None]) -> Callable[[], None]:
    """Mark a test that runs only when it is asked for, as long as it takes."""
    return pytest.mark.attack(pytest.mark.timeout(0)(test))
