"""The native core counts Unigram models as the tokenizers library does, ties included.

The default run is small. ``pytest tests/test_native_unigram.py -m attack -s`` takes as many
prompts as ``ISL_BENCH_FUZZ_PROMPTS`` says, from the seed ``ISL_BENCH_FUZZ_SEED``.
"""

from __future__ import annotations

import json
from functools import cache
from random import Random
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from strategies import ChatTokenizer
from tests.conftest import bundled_chat, real_chat, real_path
from tests.engines import (
    MARKERS,
    WORDS,
    assert_counted,
    attack,
    growing_prompts,
    long_attack,
    random_text,
    with_markers,
)


@cache
def charsmap() -> Any:
    """Return the normalizer of a real model that brings a table of its own."""
    path = real_path("tokenizers", "t5-small", "tokenizer.json")
    table = json.loads(path.read_text(encoding="utf-8"))["normalizer"]["precompiled_charsmap"]
    state = json.loads(Tokenizer(models.Unigram([("a", 0.0)])).to_str())
    state["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": table}
    return Tokenizer.from_str(json.dumps(state)).normalizer


RUNS = Regex(" {2,}")

NORMALIZERS: dict[str, Any] = {
    "none": lambda: None,
    "nmt nfkc": lambda: normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(RUNS, " ")]
    ),
    "nfc marks": lambda: normalizers.Sequence([normalizers.NFC(), normalizers.Replace(RUNS, "▁")]),
    "lowercase": lambda: normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase()]),
    "replace": lambda: normalizers.Replace(" ", "▁"),
    "strip": lambda: normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()]),
    "charsmap": lambda: normalizers.Sequence([charsmap()]),
    "charsmap runs": lambda: normalizers.Sequence([charsmap(), normalizers.Replace(RUNS, " ")]),
}
PRE_TOKENIZERS: dict[str, Any] = {
    "none": lambda: None,
    "words": pre_tokenizers.WhitespaceSplit,
    **{
        f"{scheme} {split}": lambda scheme=scheme, split=split: pre_tokenizers.Metaspace(
            prepend_scheme=scheme, split=split
        )
        for scheme in ("always", "never", "first")
        for split in (True, False)
    },
    "words always": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    ),
    "words first": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="first")]
    ),
    "punctuation": pre_tokenizers.Punctuation,
}


def random_model(random: Random) -> models.Unigram:
    """Return a model with few different scores, so that many paths are equally good."""
    pieces = [
        *WORDS,
        "▁a",
        "▁the",
        "▁h",
        "ello",
        "▁hello",
        "or",
        "ld",
        "日本語",
        "e",
        "h",
        "l",
        "o",
    ]
    tokens = [piece for piece in pieces if random.random() < 0.7]
    tokens += [random_text(random, random.randrange(1, 4), pieces) for _ in range(20)]
    fallback = random.random() < 0.4
    if fallback:
        share = random.choice((1.0, 1.0, 0.9))
        tokens += [f"<0x{byte:02X}>" for byte in range(256) if random.random() < share]
    random.shuffle(tokens)
    scores = random.choices((-0.1, -0.2, -0.3, -1.5, -2.5, -9.0, 0.7), k=len(tokens))
    unknown = random.randrange(len(tokens))
    return models.Unigram(
        list(zip(tokens, scores, strict=True)), unk_id=unknown, byte_fallback=fallback
    )


def one_round(random: Random, normalizer: str, pre_tokenizer: str) -> int:
    tokenizer = Tokenizer(random_model(random))
    found = NORMALIZERS[normalizer]()
    if found is not None:
        tokenizer.normalizer = found
    found = PRE_TOKENIZERS[pre_tokenizer]()
    if found is not None:
        tokenizer.pre_tokenizer = found
    markers = MARKERS if random.random() < 0.5 else ()
    if markers:
        with_markers(tokenizer, random)
    prompts = [growing_prompts(random, 6, markers=markers) for _ in range(5)]
    assert_counted(tokenizer, prompts)
    return sum(map(len, prompts))


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@pytest.mark.parametrize("pre_tokenizer", PRE_TOKENIZERS)
def test_random_models(normalizer: str, pre_tokenizer: str) -> None:
    random = Random(f"{normalizer} {pre_tokenizer}")  # noqa: S311  # no secret
    for _ in range(4):
        one_round(random, normalizer, pre_tokenizer)


@long_attack
def test_random_models_attacked() -> None:
    def any_round(random: Random) -> int:
        return one_round(random, random.choice([*NORMALIZERS]), random.choice([*PRE_TOKENIZERS]))

    attack("random Unigram models", any_round)


def real(name: str) -> ChatTokenizer:
    return bundled_chat(name) if name == "unigram" else real_chat(name)


@pytest.mark.parametrize("name", ["unigram", "t5-small", "xlm-roberta-unigram"])
def test_real_models(name: str) -> None:
    tokenizer = real(name).backend
    assert tokenizer is not None
    random = Random(name)  # noqa: S311  # no secret
    markers = [token.content for token in tokenizer.get_added_tokens_decoder().values()][:9]
    prompts = [growing_prompts(random, 12, markers=markers) for _ in range(30)]
    # Every character of the first planes, in an order of its own each time.
    characters = [chr(code) for code in range(0x2_0000) if not 0xD800 <= code < 0xE000]
    random.shuffle(characters)
    lines = ["".join(characters[i : i + 50]) for i in range(0, len(characters), 50)]
    # Each before white space, which some of them take into their grapheme cluster.
    lines += [" ".join(line) + "\n" + "\n".join(line) for line in lines]
    assert_counted(tokenizer, [*prompts, lines])
