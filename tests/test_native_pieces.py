"""The native core counts BPE without word splitting as the tokenizers library does.

The default run is small. ``pytest tests/test_native_pieces.py -m attack -s`` takes as many
prompts as ``ISL_BENCH_FUZZ_PROMPTS`` says, from the seed ``ISL_BENCH_FUZZ_SEED``.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from strategies import ChatTokenizer
from tests.conftest import bundled_chat, real_chat
from tests.engines import (
    MARKERS,
    WORDS,
    assert_counted,
    attack,
    growing_prompts,
    long_attack,
    with_markers,
)


def metaspace(scheme: Any, *, split: bool) -> pre_tokenizers.Metaspace:
    return pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)


WAYS: dict[str, Any] = {
    "no spaces replaced": lambda: (None, None),
    "gemma": lambda: (
        normalizers.Replace(" ", "▁"),
        pre_tokenizers.Split(" ", "merged_with_previous"),
    ),
    "llama": lambda: (
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        None,
    ),
    "nfkc": lambda: (normalizers.NFKC(), metaspace("always", split=False)),
    **{
        f"{scheme} {split}": lambda scheme=scheme, split=split: (
            None,
            metaspace(scheme, split=split),
        )
        for scheme in ("always", "never", "first")
        for split in (True, False)
    },
    "replaced before": lambda: (
        normalizers.Replace(" ", "▁"),
        metaspace("first", split=False),
    ),
}

FALLBACKS = ("none", "all bytes", "some bytes", "bytes merged")


def random_model(random: Random, fallback: str) -> models.BPE:
    """Return a model whose merges are random pairs of what is there already."""
    characters = sorted({character for word in [*WORDS, "▁"] for character in word})
    tokens = [each for each in characters if each == "a" or random.random() < 0.8]
    merges = []
    words = [word.replace(" ", "▁") for word in WORDS] + ["▁the", "▁hello", "a▁b"]
    for _ in range(random.randrange(120)):
        # Mostly pairs that texts have.
        word = random.choice(words)
        place = random.randrange(len(word))
        left, right = word[max(0, place - random.randrange(1, 4)) : place], word[place:][:2]
        if random.random() < 0.2:
            left, right = random.choice(tokens), random.choice(tokens)
        if left in tokens and right in tokens and len(left + right) < 12:
            merges.append((left, right))
            if left + right not in tokens:
                tokens.append(left + right)
    random.shuffle(merges)
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    if fallback == "some bytes":
        bytes_ = random.sample(bytes_, 200)
    tokens += [each for each in [*bytes_, "<unk>"] if each not in tokens]
    if fallback == "bytes merged":
        for left, right in (("<0xE6>", "<0x97>"), ("a", "<0x0A>"), ("<unk>", "a")):
            merges.append((left, right))
            tokens.append(left + right)
    random.shuffle(tokens)
    return models.BPE(
        vocab={token: number for number, token in enumerate(dict.fromkeys(tokens))},
        merges=merges,
        unk_token="<unk>" if random.random() < 0.8 else None,
        fuse_unk=random.random() < 0.5,
        byte_fallback=fallback != "none",
        ignore_merges=random.random() < 0.1,
    )


def one_round(random: Random, way: str, fallback: str) -> int:
    tokenizer = Tokenizer(random_model(random, fallback))
    normalizer, pre_tokenizer = WAYS[way]()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    markers = MARKERS if random.random() < 0.5 else ()
    if markers:
        with_markers(tokenizer, random)
    prompts = [growing_prompts(random, 6, markers=markers) for _ in range(5)]
    assert_counted(tokenizer, prompts)
    return sum(map(len, prompts))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fallback", FALLBACKS)
def test_random_models(way: str, fallback: str) -> None:
    random = Random(f"{way} {fallback}")  # noqa: S311  # no secret
    for _ in range(5):
        one_round(random, way, fallback)


@long_attack
def test_random_models_attacked() -> None:
    def any_round(random: Random) -> int:
        return one_round(random, random.choice([*WAYS]), random.choice(FALLBACKS))

    attack("random BPE models", any_round)


REAL = ("sp-bpe", "gemma-4", "phi-3-mini", "mistral-v3", "mistral-v3-spm")


def real(name: str) -> ChatTokenizer:
    return bundled_chat(name) if name == "sp-bpe" else real_chat(name)


@pytest.mark.parametrize("name", REAL)
def test_real_models(name: str) -> None:
    tokenizer = real(name).backend
    assert tokenizer is not None
    random = Random(name)  # noqa: S311  # no secret
    added = tokenizer.get_added_tokens_decoder().values()
    markers = [token.content for token in added if token.special or token.rstrip][:12]
    prompts = [growing_prompts(random, 12, markers=markers) for _ in range(30)]
    characters = [chr(code) for code in range(0x2_0000) if not 0xD800 <= code < 0xE000]
    random.shuffle(characters)
    lines = ["".join(characters[i : i + 50]) for i in range(0, len(characters), 50)]
    assert_counted(tokenizer, [*prompts, lines])
