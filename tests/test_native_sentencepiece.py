"""Models of the sentencepiece library in the native core: each text has the library's count.

The default run is small. ``pytest tests/test_native_sentencepiece.py -m attack -s`` trains models
with random options, changes them at random, and counts as many texts as ``ISL_BENCH_FUZZ_TEXTS``
says, from the seed ``ISL_BENCH_FUZZ_SEED``.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st
from transformers import AddedToken
from transformers.convert_slow_tokenizer import import_protobuf

import strategies
from bench.bundled import tokenizer_path
from strategies import (
    ChatTokenizer,
    Conversation,
    InputError,
    UnavailableError,
    _native,
    client_turns,
    get,
    load_chat,
)
from tests.conftest import plain_counts, real_conversations, real_path

BUNDLED = tokenizer_path("sentencepiece") / "tokenizer.model"
TEMPLATE = BUNDLED.parent / "chat_template.jinja"
CONTENT = "{% for m in messages %}{{ m.content }}{% endfor %}"

WORDS: tuple[str, ...] = (
    *("the", "cat", "sat", "on", "a", "mat", "and", "then", "dog", "ran", "to", "house", "while"),
    *(
        "日本",
        "東京",
        "नमस्ते",
        "हिन्दी",
        "안녕하세요",
        "한국어",
        "Straße",
        "ﬁne",
        "Ⅷ",
        "½",
        "ＡＢＣ",
        "ｶﾞ",
    ),
    *("é", "e\u0301", "x1", "12", "2024", "3.14", "foo_bar", "<b>", "[DOC]", "🙂", "\u3000y"),
    *("a\u200bb", "tt", "ttt", "ΑΒΓ", "İI", "rain", "fell", "over", "hills"),
)
ATOMS: tuple[str, ...] = (
    *" \t\n\r\x00\x01\x1c\x7f\u0085\u00a0\u2028\u3000\u200b\u200d\ufeff▁\u0301\u0327",
    *"é日🙂ﬁ½Ａｶﾞ안\u1100\u1161",
    *("  ", "   ", " " * 9, "▁▁", "<s>", "</s>", "<unk>", "<0x0A>", "[DOC]", "[DOC 1]", "foo bar"),
    *("a", "b", "ab", "abc", "the", "1", "12", "x" * 30, "\U0010ffff", "\ufffd", "e\u0301\u0327"),
    *("\u0344", "\u1e9b\u0323", "①", "...", "…", "㌀", "\u200f", "नि", "Å", "\ud7ff", "\ue000"),
)
TEXTS: tuple[str, ...] = (
    *(
        "",
        " ",
        "  ",
        "▁",
        " ▁ ",
        "\x00",
        "a\x00b",
        "\x00" * 3,
        "the cat",
        " the cat ",
        "the  cat\n\n",
    ),
    *(
        "日本 東京 안녕하세요",
        "ＡＢＣ ｶﾞ ½ ﬁne Ⅷ",
        "e\u0301 é \u0344 \u1e9b\u0323",
        "[DOC] foo bar[DOC 1]",
    ),
    *(
        "ab abc abcab",
        "x1 12 2024 3.14",
        "🙂👩\u200d👩\u200d👧",
        "\u200b\u00ad\ufeff",
        "qqq zzz QQQ ǅ",
    ),
    *(" " * 100, "▁" * 100, "a" * 300, "\n" * 50, "日" * 99, "\u0301" * 40, "é " * 50, "ab" * 200),
)
OPTIONS: dict[str, dict[str, Any]] = {
    "bpe": {"model_type": "bpe"},
    "bpe of bytes": {"model_type": "bpe", "byte_fallback": True},
    "bpe that keeps": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "allow_whitespace_only_pieces": True,
        "split_digits": True,
    },
    "bpe with symbols": {
        "model_type": "bpe",
        "user_defined_symbols": ["[DOC]", "[DOC 1]", "ab", "abc", "▁▁", "\n", "foo bar", "é"],
        "remove_extra_whitespaces": False,
    },
    "bpe with a suffix": {
        "model_type": "bpe",
        "treat_whitespace_as_suffix": True,
        "normalization_rule_name": "nfkc_cf",
    },
    "bpe across words": {
        "model_type": "bpe",
        "split_by_whitespace": False,
        "add_dummy_prefix": False,
        "normalization_rule_name": "nfkc",
    },
    "unigram": {"model_type": "unigram"},
    "unigram of bytes": {"model_type": "unigram", "byte_fallback": True},
    "unigram that keeps": {
        "model_type": "unigram",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "add_dummy_prefix": False,
    },
    "unigram with symbols": {
        "model_type": "unigram",
        "user_defined_symbols": ["[DOC]", "ab", "abc", "  ", "foo bar", "é", "🙂"],
        "normalization_rule_name": "nmt_nfkc_cf",
    },
    "unigram with a suffix": {"model_type": "unigram", "treat_whitespace_as_suffix": True},
}


def train(random: Random, **options: Any) -> bytes:
    """A model, trained on a few hundred words."""
    lines = (" ".join(random.choices(WORDS, k=random.randint(1, 12))) for _ in range(300))
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines,
        model_writer=written,
        vocab_size=options.pop("vocab_size", 450),
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
        **options,
    )
    return written.getvalue()


@cache
def trained(name: str) -> bytes:
    return train(Random(name), **OPTIONS[name])  # noqa: S311  # no secret


def changed(content: bytes, change: Callable[[Any], None]) -> bytes:
    protobuf: Any = import_protobuf()  # type: ignore[no-untyped-call]  # transformers' own
    model = protobuf.ModelProto.FromString(content)
    change(model)
    serialized: bytes = model.SerializeToString()
    return serialized


def native_counts(content: bytes, texts: Sequence[str]) -> list[int | None]:
    native = _native.Counter.of_sentencepiece(content, [], workers=1)
    counts, failures, _ = native.count_prompts([[text] for text in texts])
    assert not failures
    return [count for (count,) in counts]


def library_counts(content: bytes, texts: Sequence[str]) -> list[int]:
    library = sentencepiece.SentencePieceProcessor(model_proto=content)
    return [len(library.encode(text)) for text in texts]


def conversation(*contents: str) -> Conversation:
    """User and assistant by turns."""
    messages = tuple(
        {"role": ("user", "assistant")[place % 2], "content": content}
        for place, content in enumerate(contents)
    )
    return Conversation("c", messages, None, client_turns(messages))


CONVERSATIONS = [
    conversation("Hi", "Hello", "Bye", "Ok", "x"),
    conversation(" two  spaces ", "<start_of_turn>", "\n", "</s>", "<unk>"),
    conversation("▁", " ", "", "\t\n ", "日本語 🙂"),
    conversation("<s> x <s>\n y <s>", "  </s>  ", "a\x1c<s>\x1fb", "▁<s>▁", "<s><s> </s>x"),
]


@pytest.mark.parametrize("name", OPTIONS)
def test_trained_models_count_as_the_library(name: str) -> None:
    content = trained(name)
    # Each twice: the second time it is remembered.
    texts = [*TEXTS, *ATOMS, *WORDS, *TEXTS]
    assert native_counts(content, texts) == library_counts(content, texts)


@given(
    st.sampled_from(sorted(OPTIONS)),
    st.lists(
        st.one_of(
            st.lists(st.sampled_from(ATOMS + tuple(WORDS)), max_size=20).map("".join),
            st.text(max_size=30),
        ),
        min_size=1,
        max_size=8,
    ),
)
def test_any_text_counts_as_the_library_says(name: str, texts: list[str]) -> None:
    content = trained(name)
    assert native_counts(content, texts) == library_counts(content, texts)


def unused(model: Any) -> None:
    """Take every fifth piece out of use."""
    for piece in [piece for piece in model.pieces if piece.type == 1][::5]:
        piece.type = 5


def user_defined(model: Any) -> None:
    for piece in [piece for piece in model.pieces if piece.type == 1][::20]:
        piece.type = 4


def few_scores(model: Any) -> None:
    """Let many pieces have the same score."""
    for place, piece in enumerate(model.pieces):
        if piece.type == 1:
            piece.score = (-0.0, 0.0, -1.5, -2.5)[place % 4]


def rewards(model: Any) -> None:
    for piece in model.pieces:
        if piece.type == 1:
            piece.score += 20


def spaces_as_they_are(model: Any) -> None:
    model.normalizer_spec.escape_whitespaces = False


def heavy(model: Any) -> None:
    """Let sums of scores grow so much that they are set back."""
    for piece in model.pieces:
        if piece.type == 1:
            piece.score *= 1000


@pytest.mark.parametrize(
    "change", [unused, user_defined, few_scores, rewards, spaces_as_they_are, heavy]
)
@pytest.mark.parametrize("name", ["bpe", "bpe of bytes", "unigram", "unigram of bytes"])
def test_unusual_models_count_as_the_library(name: str, change: Callable[[Any], None]) -> None:
    content = changed(trained(name), change)
    texts = [*TEXTS, *ATOMS, *WORDS, " ".join(WORDS * 9)]
    assert native_counts(content, texts) == library_counts(content, texts)


@pytest.mark.parametrize("folder", ["mistral-v3", "mistral-v3-spm"])
def test_real_models_count_as_the_library(folder: str) -> None:
    content = real_path("tokenizers", folder, "tokenizer.model").read_bytes()
    dialogues = real_conversations("x_risawoz_multilingual")[::20]
    texts = [str(message["content"]) for each in dialogues for message in each.messages]
    texts += [*TEXTS, *ATOMS, *WORDS, "\n".join(texts)]
    assert native_counts(content, texts) == library_counts(content, texts)


@pytest.mark.parametrize("folder", ["mistral-v3", "mistral-v3-spm"])
def test_the_strategy_is_exact_on_real_dialogues(folder: str) -> None:
    path = real_path("tokenizers", folder)
    chat = load_chat(path / "tokenizer.model", template=path / "chat_template.jinja")
    data = [*real_conversations("x_risawoz_multilingual")[::60], conversation("a", "b [INST]", "c")]
    assert strategies.verify("rust", data, chat) == []
    assert strategies.count(data, chat, "rust") == plain_counts(chat, data)


def folder_of(
    path: Path, content: bytes, *, tokens: Sequence[AddedToken] = (), **config: Any
) -> Path:
    """A folder that transformers loads as a `SentencePieceBackend`."""
    path.mkdir()
    (path / "tokenizer.model").write_bytes(content)
    library = sentencepiece.SentencePieceProcessor(model_proto=content)
    added = {
        str(library.piece_to_id(token.content)): {
            "content": token.content,
            "lstrip": token.lstrip,
            "rstrip": token.rstrip,
            "single_word": token.single_word,
            "normalized": False,
            "special": True,
        }
        for token in tokens
    }
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    settings = {
        "tokenizer_class": "SentencePieceBackend",
        **special,
        "added_tokens_decoder": added,
        **config,
    }
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    (path / "chat_template.jinja").write_text(CONTENT)
    return path


@pytest.mark.parametrize("strips", ["", "lstrip", "rstrip", "both"])
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "name",
    ["bpe that keeps", "bpe of bytes", "bpe with a suffix", "unigram", "unigram with symbols"],
)
def test_a_backend_of_transformers_is_counted_as_it_splits(
    tmp_path: Path, name: str, legacy: bool, strips: str
) -> None:
    flags = {"lstrip": strips in {"lstrip", "both"}, "rstrip": strips in {"rstrip", "both"}}
    tokens = [AddedToken("<s>", **flags), AddedToken("</s>")]
    chat = load_chat(folder_of(tmp_path / "t", trained(name), tokens=tokens, legacy=legacy))
    assert chat.family == "sentencepiece library"
    assert get("rust").availability(chat) is None
    data = [
        *CONVERSATIONS,
        *(conversation(f"{a}<s>{b}", a, b) for a, b in zip(ATOMS, TEXTS, strict=False)),
    ]
    assert strategies.count(data, chat, "rust") == plain_counts(chat, data)


@pytest.mark.parametrize("drops", [False, True])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("name", ["bpe that keeps", "bpe with symbols", "unigram"])
def test_a_model_by_itself_is_counted_as_it_splits(
    tmp_path: Path, name: str, adds: bool, drops: bool
) -> None:
    def change(model: Any) -> None:
        model.normalizer_spec.add_dummy_prefix = adds
        model.normalizer_spec.remove_extra_whitespaces = drops

    path = tmp_path / "m.model"
    path.write_bytes(changed(trained(name), change))
    chat = load_chat(path, template=CONTENT)
    data = [
        *CONVERSATIONS,
        *(conversation(f"{a}<s>{b}", a, b) for a, b in zip(ATOMS, TEXTS, strict=False)),
    ]
    assert strategies.count(data, chat, "rust") == plain_counts(chat, data)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_bundled_tokenizer_is_counted(workers: int) -> None:
    for chat in (load_chat(BUNDLED.parent), load_chat(BUNDLED, template=TEMPLATE)):
        counts = strategies.count(CONVERSATIONS, chat, "rust", workers=workers)
        assert counts == plain_counts(chat, CONVERSATIONS)


def refusal(chat: ChatTokenizer) -> str:
    """Why the core cannot count with a tokenizer."""
    reason = get("rust").availability(chat)
    if reason is None:
        with pytest.raises(UnavailableError) as caught, get("rust").open(chat, workers=1):
            pass
        reason = str(caught.value)
    assert "\n" not in reason
    return reason


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["word", "char"])
def test_models_of_other_types_are_refused(tmp_path: Path, kind: str) -> None:
    content = train(Random(0), model_type=kind)  # noqa: S311  # no secret
    chat = load_chat(written(tmp_path / "m.model", content), template=CONTENT)
    assert f"of the type {kind.upper()}" in refusal(chat)
    # Another strategy takes its place.
    assert strategies.verify("auto", [conversation("the cat", "sat", "on")], chat) == []


def control_letter(model: Any) -> None:
    model.pieces.add(piece="w", score=0.0, type=3)
    for piece in model.pieces:
        if piece.type == 1 and piece.piece == "w":
            piece.piece = "wwwww"


def control_and_normal(model: Any) -> None:
    model.pieces.add(piece="▁the", score=0.0, type=3)


def infinite(model: Any) -> None:
    model.pieces[-1].score = float("-inf")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (control_letter, "a control piece of its SentencePiece model is one character"),
        (control_and_normal, "a piece of its SentencePiece model is a control piece, too"),
        (infinite, "a score of its SentencePiece model is no number"),
    ],
)
def test_models_that_are_not_known_to_count_alike_are_refused(
    change: Callable[[Any], None], said: str
) -> None:
    content = changed(trained("bpe"), change)
    with pytest.raises(_native.NativeError, match=said):
        _native.Counter.of_sentencepiece(content, [], workers=1)


@pytest.mark.parametrize(
    "content", [b"", b"\x0a", b"\x0a\x05abc", b"\xff\xff", b"\x0a\x03\x0a\x01\xff"]
)
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(_native.NativeError, match="SentencePiece model"):
        _native.Counter.of_sentencepiece(content, [], workers=1)


def test_markers_that_are_not_proven_are_refused(tmp_path: Path) -> None:
    for token, said in (
        (AddedToken("word", single_word=True), "a single_word token joins its neighbours"),
        (AddedToken("<a<", normalized=False), "can begin inside"),
    ):
        chat = ChatTokenizer(load_chat(BUNDLED.parent).spec)
        chat.tokenizer.add_tokens([token])
        assert said in refusal(chat)

    def add(model: Any) -> None:
        model.normalizer_spec.add_dummy_prefix = True
        model.pieces.add(piece=" x", score=0.0, type=3)

    path = written(tmp_path / "m.model", changed(trained("bpe that keeps"), add))
    assert "the space that is put in front" in refusal(load_chat(path, template=CONTENT))


def test_options_of_the_library_are_refused(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "t", trained("unigram"), sp_model_kwargs={"add_bos": True})
    said = refusal(load_chat(path))
    assert said == "its SentencePiece library is set up with options of its own: add_bos"


def test_a_library_that_counts_in_another_way_is_found_when_it_is_opened() -> None:
    chat = ChatTokenizer(load_chat(BUNDLED.parent).spec)
    model = str(BUNDLED)
    chat.tokenizer.sp_model = sentencepiece.SentencePieceProcessor(model_file=model, add_bos=True)
    assert "in a check, the sentencepiece library" in refusal(chat)


def test_a_damaged_file_is_refused_by_the_loader(tmp_path: Path) -> None:
    path = written(tmp_path / "m.model", BUNDLED.read_bytes()[:-5])
    with pytest.raises(InputError):
        load_chat(path, template=CONTENT)


def random_text(random: Random) -> str:
    chance = random.random()
    if chance < 0.3:
        return "".join(random.choices(ATOMS, k=random.randint(0, 12)))
    if chance < 0.8:
        between = random.choice([" ", "  ", "", " ", "\n"])
        return between.join(random.choices((*WORDS, *ATOMS), k=random.randint(0, 25)))
    if chance < 0.9:
        return random.choice(ATOMS) * random.randint(0, 60)
    ranges = [(0, 0x17F), (0x300, 0x36F), (0x2000, 0x33FF), (0xAC00, 0xD7A3), (0xF900, 0xFFFF)]
    ranges += [(0x1D400, 0x1F9FF), (1, 0xD7FF)]
    return "".join(
        chr(random.randint(*random.choice(ranges))) for _ in range(random.randint(0, 12))
    )


def random_options(random: Random) -> dict[str, Any]:
    def chance(share: float) -> bool:
        return random.random() < share

    rules = ["identity", "nmt_nfkc", "nfkc", "nfkc_cf", "nmt_nfkc_cf"]
    symbols = ["[DOC]", "[DOC 1]", "foo bar", "the", "ab", "abc", "  ", "▁▁", "\n", "é", "🙂", "<0"]
    return {
        "model_type": random.choice(["bpe", "unigram"]),
        "vocab_size": random.choice([350, 400, 500]),
        "byte_fallback": chance(0.5),
        "normalization_rule_name": random.choice(rules),
        "add_dummy_prefix": chance(0.6),
        "remove_extra_whitespaces": chance(0.5),
        "split_digits": chance(0.5),
        "treat_whitespace_as_suffix": chance(0.25),
        "split_by_whitespace": chance(0.8),
        "allow_whitespace_only_pieces": chance(0.5),
        "user_defined_symbols": random.sample(symbols, random.choice([0, 0, 1, 3, 5])),
        "control_symbols": ["[INST]"] if chance(0.3) else [],
    }


def random_models(random: Random) -> Iterator[tuple[str, bytes]]:
    """Yield a trained model and changed ones, each with what it is."""
    options = random_options(random)
    content = train(random, **options)
    yield repr(options), content
    changes = (unused, user_defined, few_scores, rewards, spaces_as_they_are, heavy)
    for _ in range(2):
        some = random.sample(changes, random.randint(1, 3))
        other = content
        for change in some:
            other = changed(other, change)
        yield f"{options!r} {[change.__name__ for change in some]}", other


@pytest.mark.attack
@pytest.mark.timeout(0)
def test_random_models_and_texts_count_as_the_library() -> None:
    wanted = int(os.environ.get("ISL_BENCH_FUZZ_TEXTS", "1000000"))
    seed = int(os.environ.get("ISL_BENCH_FUZZ_SEED", "0"))
    random = Random(seed)  # noqa: S311  # no secret
    started = time.monotonic()
    done = models = 0
    while done < wanted:
        for name, content in random_models(random):
            texts = [random_text(random) for _ in range(1000)]
            texts = [text.encode(errors="ignore").decode() for text in texts]
            pairs = zip(
                texts, native_counts(content, texts), library_counts(content, texts), strict=True
            )
            wrong = [text for text, ours, theirs in pairs if ours != theirs]
            assert not wrong, f"seed {seed}, {name}: {min(wrong, key=len)!r}"
            done += len(texts)
            models += 1
    seconds = time.monotonic() - started
    print(f"\n{done} texts, {models} models, seed {seed}, {seconds:.0f} s: no mismatch")
