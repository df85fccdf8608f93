"""The engine of the native core that counts spans, held to the tokenizers library."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import TYPE_CHECKING

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from bench.bundled import tokenizer_path
from strategies import _native
from tests.conftest import real_path

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Tokenizers whose words the engine counts.
BUNDLED = ["bpe-chatml"]
REAL = [
    "deepseek-v3",
    "gpt-oss",
    "minimind",
    "mistral-nemo-tekken",
    "phi-4-mini",
    "qwen3",
    "smollm3",
]

#: What the expressions of tokenizers turn on, and pieces of text of all kinds.
PIECES = [
    *" \n\r\t'sStTdDrevmlLaAzZ019./-_<>{}\"",
    *("\r\n", "'ll", "'RE", "'ſ", "\u212a", "  ", "\n\n\n", "123456789", "٣٤٥", "½²Ⅷ"),
    *("e\u0301", "\u0301", "\u00e9", "\u1100\u1161\u11a8", "\uac01", "\ufb01", "\u01c5", "\u0345"),
    *(
        "日本語",
        "テキスト",
        "한국어",
        "हिन्दी",
        "العربية",
        "ไทย",
        "\u00a0",
        "\u3000",
        "\u2028",
        "\u0085",
    ),
    *(
        "😀",
        "👩\u200d👩\u200d👧",
        "\U0001f1e9\U0001f1ea",
        "\u200b",
        "\ufeff",
        "\x00",
        "\x7f",
        "\U000e0001",
    ),
    *(
        "Hello",
        " world",
        " the",
        "function",
        "CamelCaseWord",
        "x" * 40,
        "ab" * 60,
        " " * 70,
        "=" * 90,
    ),
]


@cache
def library(name: str) -> Tokenizer:
    folder = tokenizer_path(name) if name in BUNDLED else real_path("tokenizers", name)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def texts(random: Random, count: int, added: Sequence[str] = ()) -> list[str]:
    """Return random texts, some of which hold added tokens and white space around them."""
    found = []
    for _ in range(count):
        pieces = []
        for _ in range(random.randrange(30)):
            kind = random.randrange(12)
            if kind == 0:
                pieces.append(chr(random.choice([random.randrange(0xD800), 0x1F600, 0x2F800])))
            elif kind == 1 and added:
                pieces.append(random.choice(added))
            else:
                pieces.append(random.choice(PIECES))
        found.append("".join(pieces))
    return found


def assert_counts(tokenizer: Tokenizer, sample: list[str], engine: str | None) -> None:
    native = _native.Counter(tokenizer.to_str(), workers=2)
    assert native.engine == engine
    counts, failures, _ = native.count_prompts([[text] for text in sample])
    assert not failures
    encoded = tokenizer.encode_batch_fast(sample, add_special_tokens=False)
    for text, counted, expected in zip(sample, counts, encoded, strict=True):
        assert counted == [len(expected)], repr(text)


@pytest.mark.parametrize("name", [*BUNDLED, *REAL])
def test_spans_are_counted_as_the_library_counts_them(name: str) -> None:
    tokenizer = library(name)
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    random = Random(name)  # noqa: S311  # no secret
    assert_counts(tokenizer, texts(random, 800, added[:40]), "byte-level")


@pytest.mark.parametrize("name", [*BUNDLED, *REAL])
def test_all_of_unicode_is_counted_as_the_library_counts_it(name: str) -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    # Each between letters, and each next to others of its kind.
    few = ["".join(f"a{one}A{one} {one}1" for one in characters[i::97]) for i in range(0, 97, 40)]
    runs = ["".join(characters[i : i + 500]) for i in range(0, 0x30000, 500)]
    assert_counts(library(name), [*few, *runs], "byte-level")


def small(**options: object) -> Tokenizer:
    """Return a byte-level tokenizer of a few merges."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("a", "a"), ("aa", "aa"), ("Ã", "©")]
    merges = [*pairs, pairs[0]]
    words = [*alphabet, *("".join(pair) for pair in pairs), "<unk>", "other"]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, **options))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ignore_merges": True},
        {"unk_token": "<unk>", "fuse_unk": True},
        {"byte_fallback": True},
    ],
    ids=str,
)
def test_options_of_a_model(options: dict[str, object]) -> None:
    sample = [*texts(Random(1), 300), "other", " the other thethe", "é" * 50, "a" * 999]  # noqa: S311
    assert_counts(small(**options), sample, "byte-level")


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"end_of_word_suffix": "e"}], ids=str)
def test_other_options_are_left_to_the_library(options: dict[str, object]) -> None:
    assert _native.Counter(small(**options).to_str(), workers=1).engine is None


def test_bytes_without_a_token() -> None:
    tokenizer = small()
    alphabet = {"a": 0, "b": 1, "ab": 2, "<unk>": 3}
    for options in ({}, {"unk_token": "<unk>"}, {"unk_token": "<unk>", "fuse_unk": True}):
        tokenizer.model = models.BPE(alphabet, [("a", "b")], **options)
        assert_counts(tokenizer, ["abxab", "xyz", "a é b", "", "ab" * 40 + "xx" * 40], "byte-level")


def flagged(**flags: bool) -> Tokenizer:
    tokenizer = small()
    tokenizer.add_tokens([AddedToken("<x>", normalized=False), AddedToken("<|f|>", **flags)])
    return tokenizer


@pytest.mark.parametrize(
    "flags",
    [
        {"normalized": False, "lstrip": True},
        {"normalized": False, "rstrip": True},
        {"normalized": False, "lstrip": True, "rstrip": True},
        {"normalized": False, "single_word": True},
        {"normalized": True},
        {"normalized": True, "lstrip": True, "rstrip": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("normalizer", [None, normalizers.NFC()], ids=["plain", "nfc"])
def test_added_tokens_of_all_kinds(
    flags: dict[str, bool], normalizer: normalizers.Normalizer | None
) -> None:
    tokenizer = flagged(**flags)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    random = Random(2)  # noqa: S311  # no secret
    sample = texts(
        random, 500, ["<x>", "<|f|>", "a<|f|>a", "  <|f|>  ", " \n<x>\u3000", "<|f|><|f|>"]
    )
    assert_counts(tokenizer, sample, "byte-level")


def test_a_normalized_token_is_found_in_the_normalized_text() -> None:
    tokenizer = small()
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.add_tokens([AddedToken("<É>", normalized=True)])
    assert_counts(tokenizer, ["a<É>b", "a<é>b", "a<e\u0301>b", "a<E\u0301>b", "<e>"], "byte-level")


@pytest.mark.parametrize(
    "step",
    [
        pre_tokenizers.Split(Regex(r"\p{Han}+"), "isolated"),
        pre_tokenizers.Split(Regex(r"(?<=a)b|\d{1,3}(?=(?:\d{3})*\b)"), "isolated"),
        pre_tokenizers.Split(Regex(r"\s+"), "removed"),
        pre_tokenizers.Split(" ", "isolated"),
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.Digits(individual_digits=False),
    ],
    ids=["script", "look-around", "removed", "literal", "digits", "numbers"],
)
def test_steps_before_the_bytes(step: pre_tokenizers.PreTokenizer) -> None:
    tokenizer = small()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [step, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    assert_counts(tokenizer, texts(Random(3), 400), "byte-level")  # noqa: S311  # no secret


def test_a_space_before_the_text() -> None:
    tokenizer = small()
    tokenizer.add_tokens([AddedToken("<x>", normalized=False)])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    sample = texts(Random(4), 300, ["<x>", "<x> "])  # noqa: S311  # no secret
    assert_counts(tokenizer, ["", " ", "a", " a", "<x>a<x> b", *sample], "byte-level")
