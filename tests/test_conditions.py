"""Each condition of docs/cutting.md is checked, by itself, in Python and in the native core."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from bench.bundled import tokenizer_names
from bench.conformance.build import small_tokenizer
from bench.conformance.corpus import corpus_cases
from strategies import ChatTokenizer, _native
from strategies.exactness.conditions import CONDITIONS
from strategies.exactness.pipeline import (
    MODELS,
    NORMALIZERS,
    POST_PROCESSORS,
    PRE_TOKENIZERS,
    WHITE_SPACE,
    backend_refusal,
    token_refusal,
)
from strategies.splicing import backend_markers, refusal_of
from tests.conftest import bundled_chat, real_chat

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "cutting.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([A-D]\d+) \| (.+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
PLACE = re.compile(r"`([\w/.]+)`: `([\w.]+)`")
TEST = re.compile(r"`([\w/.]+)::(\w+)(?:\[([^\]]+)\])?`")
M = "<|m|>"

REAL = (
    *("deepseek-v3", "gemma-4", "gpt-oss", "minimind", "mistral-nemo-tekken", "mistral-v3"),
    *("mistral-v3-spm", "phi-3-mini", "phi-4-mini", "qwen3", "smollm3", "t5-small"),
    "xlm-roberta-unigram",
)


def test_the_page_has_a_row_for_each_condition() -> None:
    rows = ROW.findall(PAGE)
    assert [name for name, *_ in rows] == list(CONDITIONS)
    assert {name: text for name, text, *_ in rows} == dict(CONDITIONS)


@pytest.mark.parametrize("name", CONDITIONS)
def test_each_condition_is_in_the_code_and_has_a_test(name: str) -> None:
    (row,) = [row for row in ROW.findall(PAGE) if row[0] == name]
    _, _, checked, tested, rests = row
    places = PLACE.findall(checked)
    assert places
    for file, symbol in places:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"\b(def|fn|class|struct) {symbol}\b", source), (file, symbol)
    tests = TEST.findall(tested)
    assert tests
    for file, function, case in tests:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"\b(def|fn) {function}\b", source), (file, function)
        assert not case or f'"{case}"' in source, (file, case)
    # A library, a file and what is in it.
    assert rests.count("`") >= 2


def test_the_page_names_the_versions_that_it_was_written_for() -> None:
    cargo = (ROOT / "strategies" / "rust" / "Cargo.toml").read_text(encoding="utf-8")
    (crate,) = re.findall(r'^tokenizers = \{ version = "=([\d.]+)"', cargo, re.MULTILINE)
    assert f"crate tokenizers {crate}" in PAGE


def with_class(chat: ChatTokenizer, **members: Any) -> ChatTokenizer:
    """Give a tokenizer that nobody else uses a class of its own."""
    kind = type(chat.tokenizer)
    chat.tokenizer.__class__ = type("Own", (kind,), members)
    return chat


def of_backend(change: Callable[[Tokenizer], None]) -> Callable[[], str | None]:
    def condition() -> str | None:
        backend = small_tokenizer([{"content": M}])
        change(backend)
        refusal = backend_refusal(backend)
        return None if refusal is None else refusal.condition

    return condition


def of_chat(name: str, change: Callable[[ChatTokenizer], object]) -> Callable[[], str | None]:
    def condition() -> str | None:
        chat = bundled_chat(name).load_again()
        change(chat)
        refusal = refusal_of(chat)
        return None if refusal is None else refusal.condition

    return condition


def own(name: str) -> Callable[[Any], Any]:
    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        return getattr(super(type(self), self), name)(*arguments, **options)

    return method


def set_normalizer(backend: Tokenizer) -> None:
    backend.normalizer = normalizers.Normalizer.custom(object())


def set_pre_tokenizer(backend: Tokenizer) -> None:
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.ByteLevel(), pre_tokenizers.PreTokenizer.custom(object())]
    )


def set_post_processor(backend: Tokenizer) -> None:
    backend.post_processor = processors.TemplateProcessing("$A $A", None, [])


def split_special(backend: Tokenizer) -> None:
    backend.encode_special_tokens = True


def empty_token(backend: Tokenizer) -> None:
    backend.normalizer = normalizers.Strip()
    backend.add_tokens([AddedToken("  ", normalized=True)])


def adding(*tokens: AddedToken) -> Callable[[ChatTokenizer], object]:
    return lambda chat: chat.tokenizer.add_tokens(list(tokens))


def splitting(chat: ChatTokenizer) -> None:
    chat.tokenizer.split_special_tokens = True


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        (
            "A1",
            of_chat(
                "bpe-chatml",
                lambda c: with_class(c, apply_chat_template=own("apply_chat_template")),
            ),
        ),
        ("A2", of_backend(set_normalizer)),
        ("A3", of_backend(set_pre_tokenizer)),
        ("A5", of_backend(set_post_processor)),
        ("A6", of_backend(split_special)),
        ("A13", of_backend(empty_token)),
        ("B1", of_chat("sentencepiece", lambda c: with_class(c, _tokenize=own("_tokenize")))),
        ("B2", of_chat("sentencepiece", splitting)),
        ("B3", of_chat("sentencepiece", adding(AddedToken("word", single_word=True)))),
        (
            "B4",
            of_chat(
                "sentencepiece",
                adding(AddedToken("\n", normalized=False), AddedToken("<x>", rstrip=True)),
            ),
        ),
        ("B5", of_chat("sentencepiece", adding(AddedToken("<a<", normalized=False)))),
    ],
)
def test_a_tokenizer_is_refused_by_the_condition_that_it_breaks(
    name: str, condition: Callable[[], str | None]
) -> None:
    assert condition() == name


@pytest.mark.parametrize("name", tokenizer_names())
def test_the_bundled_tokenizers_break_none(name: str) -> None:
    assert refusal_of(bundled_chat(name)) is None


def test_every_part_of_the_installed_library_was_read() -> None:
    # A part that a newer version adds is refused until somebody has read it.
    def parts(module: Any, base: str) -> set[str]:
        kinds = {n for n in dir(module) if isinstance(getattr(module, n), type)}
        return {n for n in kinds if issubclass(getattr(module, n), getattr(module, base))} - {base}

    assert parts(models, "Model") == MODELS
    assert parts(normalizers, "Normalizer") <= NORMALIZERS
    assert parts(pre_tokenizers, "PreTokenizer") <= PRE_TOKENIZERS
    assert parts(processors, "PostProcessor") <= POST_PROCESSORS


def bpe(tokens: str = "", **options: Any) -> models.BPE:
    """Make a model of single letters and of these words, each merged from left to right."""
    vocabulary = list("ab<> \n▁")
    merges = []
    for word in tokens.split():
        for size in range(1, len(word)):
            merges.append((word[:size], word[size]))
            vocabulary.append(word[: size + 1])
    if options.get("unk_token"):
        vocabulary.append(options["unk_token"])
    vocabulary += options.pop("more", ())
    merges += options.pop("merges", ())
    return models.BPE(
        {token: i for i, token in enumerate(dict.fromkeys(vocabulary))}, merges, **options
    )


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def unigram(**parts: Any) -> Tokenizer:
    scores = [("<unk>", 0.0), *((letter, -1.0) for letter in "ab▁ ")]
    return built(models.Unigram(scores, 0), **parts)


def built(model: Any, normalizer: Any = None, pre_tokenizer: Any = None) -> Tokenizer:
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    return tokenizer


def metaspace(scheme: Any, *, split: bool) -> pre_tokenizers.Metaspace:
    return pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)


def with_added(tokenizer: Tokenizer, **flags: Any) -> Tokenizer:
    tokenizer.add_tokens([AddedToken(M, normalized=False, **flags)])
    return tokenizer


def byte_level(expression: str) -> Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    return built(
        models.BPE({letter: i for i, letter in enumerate(letters)}, []),
        pre_tokenizer=pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(expression), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        ),
    )


FALLBACK: dict[str, Any] = {"byte_fallback": True, "more": BYTES}
UNKNOWN: dict[str, Any] = {"unk_token": "<unk>"}
RUNS = normalizers.Replace(Regex(" {2,}"), "▁")


@pytest.mark.parametrize(
    ("name", "tokenizer"),
    [
        ("C1", built(bpe(continuing_subword_prefix="##", **UNKNOWN))),
        (
            "C2",
            built(
                bpe(**{**FALLBACK, "more": [*BYTES, "<0x41><0x42>"]}, merges=[("<0x41>", "<0x42>")])
            ),
        ),
        ("C3", built(bpe())),
        ("C6", built(bpe(**FALLBACK), normalizers.NFKC(), metaspace("always", split=False))),
        (
            "C8",
            unigram(normalizer=normalizers.Strip(), pre_tokenizer=metaspace("always", split=True)),
        ),
        ("C9", unigram(pre_tokenizer=metaspace("always", split=False))),
        ("C10", unigram(normalizer=RUNS, pre_tokenizer=pre_tokenizers.WhitespaceSplit())),
        ("C11", unigram(pre_tokenizer=metaspace("first", split=True))),
        ("C12", byte_level(r"(?<=a)b|.")),
        ("C13", with_added(built(bpe(**FALLBACK)), single_word=True)),
        ("C15", built(models.WordLevel({"[UNK]": 0}, "[UNK]"))),
    ],
)
def test_a_text_is_not_parted_if_a_condition_does_not_hold(name: str, tokenizer: Tokenizer) -> None:
    assert _native.places(tokenizer.to_str()) == ([], name)


def pairs_of(tokenizer: Tokenizer) -> set[str]:
    pairs, unmet = _native.places(tokenizer.to_str())
    assert unmet is None
    return set(pairs)


def test_no_place_lies_inside_of_a_token() -> None:
    pairs = pairs_of(with_added(built(bpe("ab <>", **FALLBACK))))
    assert {"ab", "<>"} & pairs == set()
    assert {"ba", "><", "a<", "b<"} <= pairs


def test_a_run_of_unknown_characters_is_not_parted_if_it_is_one_token() -> None:
    apart = pairs_of(built(bpe(**UNKNOWN)))
    fused = pairs_of(built(bpe(fuse_unk=True, **UNKNOWN)))
    assert {"xy", "ax"} <= apart
    assert apart - fused >= {"xy"}
    assert "ax" in fused


def test_a_unigram_model_is_parted_before_white_space_alone() -> None:
    pairs = pairs_of(unigram(pre_tokenizer=metaspace("always", split=True)))
    assert "a " in pairs
    assert {pair[1] for pair in pairs} == {" "}


@pytest.mark.parametrize(
    "tokenizer",
    [
        built(bpe(**FALLBACK)),
        unigram(pre_tokenizer=metaspace("always", split=True)),
        byte_level(r"\s+|\S+"),
    ],
    ids=["pieces", "unigram", "byte level"],
)
def test_white_space_is_not_parted_from_white_space(tokenizer: Tokenizer) -> None:
    pairs = pairs_of(tokenizer)
    assert pairs
    assert not any(pair[0].isspace() and pair[0] in WHITE_SPACE for pair in pairs)


def conditions_in_python(backend: Tokenizer) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for _, token in sorted(backend.get_added_tokens_decoder().items()):
        refusal = token_refusal(token)
        condition = None if refusal is None else refusal.condition
        found.append((token.content, "A6" if backend.encode_special_tokens else condition))
    return found


def assert_same_cuts(backend: Tokenizer) -> None:
    splits = bool(backend.encode_special_tokens)
    native = _native.cuts(backend.to_str(), split_special_tokens=splits)
    assert native == conditions_in_python(backend)
    cuts = {text for text, unmet in native if unmet is None and text}
    assert cuts == backend_markers(backend).cuts


@pytest.mark.parametrize("name", [*REAL, *tokenizer_names()])
def test_the_core_cuts_where_python_cuts(name: str) -> None:
    chat = bundled_chat(name) if name in tokenizer_names() else real_chat(name)
    if chat.backend is None:
        # The core takes the texts of Python for it.
        return
    assert_same_cuts(chat.backend)


def test_the_core_cuts_where_python_cuts_in_the_corpus() -> None:
    for case in corpus_cases():
        assert_same_cuts(case.made_tokenizer())


FLAGS = ("lstrip", "rstrip", "single_word", "normalized", "special")
edges = st.sampled_from(["", *sorted(WHITE_SPACE), *"\x1c\x1d\x1e\x1f\u200b\u180e\ufeff_a\u0301"])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            edges, st.sampled_from(["<m>", "<", "x"]), edges, st.sets(st.sampled_from(FLAGS))
        ),
        max_size=8,
        unique_by=lambda token: token[:3],
    ),
    st.booleans(),
)
def test_the_core_cuts_where_python_cuts_with_any_added_tokens(
    tokens: list[tuple[str, str, str, set[str]]], splits: bool
) -> None:
    markers = [
        {"content": left + text + right, **dict.fromkeys(flags, True)}
        for left, text, right, flags in tokens
    ]
    assert_same_cuts(small_tokenizer(markers, split_special_tokens=splits))
