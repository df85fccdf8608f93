"""Train the bundled tokenizers: ``python -m bench.data.make_tokenizers [folder]``.

Writes ``tokenizer.json`` or ``tokenizer.model`` and ``tokenizer_config.json`` of each bundled
tokenizer; the chat templates beside them are written by hand. The corpus is the sample generator's
output for seeds that no sample has, word lists in many forms, and invented words. The invented
words are made of syllables and fill a large vocabulary.

Running it again gives the committed files byte for byte (tokenizers 0.23.3, sentencepiece 0.2.3):
``python -m bench.data.make_tokenizers /tmp/again && diff -r bench/data/tokenizers /tmp/again``
shows the templates only. Other versions of the trainers may order equal scores in another way.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sentencepiece
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from bench.samples.agentic import agentic
from bench.samples.chat import multilingual, short_chat
from bench.samples.text import Dice, camel, dialogues, plural, snake, third, words

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent / "tokenizers"
CHATML_VOCABULARY = 32_000
SMALL_VOCABULARY = 8_000
#: Characters that the SentencePiece-style BPE knows; the rest falls back to bytes.
ALPHABET = 900

#: Splits as Qwen's tokenizers do: letters, single digits, punctuation with the line ends after it,
#: and white space.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
#: What a piece of the SentencePiece-style BPE may consist of; it only guides the training.
TRAINING_SPLIT = r"▁?[\p{L}\p{M}]+|\p{N}|▁?[^\p{L}\p{M}\p{N}\s▁]+|▁+(?=▁)|▁|\s+"

CHATML_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
#: Markers that decoding keeps: added tokens that are not special, as in Qwen3.
CHATML_PLAIN = (
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)
BRACKETS = (
    *(
        "[INST]",
        "[/INST]",
        "[SYSTEM_PROMPT]",
        "[/SYSTEM_PROMPT]",
        "[AVAILABLE_TOOLS]",
        "[/AVAILABLE_TOOLS]",
    ),
    *("[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[THINK]", "[/THINK]"),
)
#: Markers that swallow the white space after them.
BRACKETS_RSTRIP = ("[/INST]", "[/TOOL_RESULTS]", "[/THINK]")
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|think|>", "<|call|>", "<|end|>")
#: Markers that swallow the white space before them.
ROLES_LSTRIP = ("<|end|>",)
#: "<" is only their first character, so no marker begins inside another and every cut is exact.
TURNS = (
    "<start_of_turn>",
    "<end_of_turn>",
    "<function_call>",
    "<function_result>",
    "<thought>",
    "<end_of_thought>",
)

ONSETS = "- b br c ch cl d dr f fl g gr h j k l m n p pl pr qu r s sc sh sp st str t th tr v w y z"
NUCLEI = "a e i o u ai ea ee ia io oo ou"
CODAS = "- - - c ct ck d l ll m n nd ng nt p r rd rt s st t x"


def invented(dice: Dice) -> str:
    """Return a word of one to three syllables."""
    parts = [part.split() for part in (ONSETS, NUCLEI, CODAS)] * dice.between(1, 3)
    return "".join(dice.pick(part) for part in parts).replace("-", "")


def _frames(record: dict[str, Any]) -> Iterator[str]:
    """Yield role names and JSON as templates and servers write them."""
    for message in record["messages"]:
        yield f"{message['role']}\n"
        for call in message.get("tool_calls", ()):
            yield json.dumps({"name": call["function"]["name"], "arguments": {"id": call["id"]}})


@cache
def corpus() -> tuple[str, ...]:
    """Return the training texts, always the same ones in the same order."""
    return tuple(_texts_to_train())


def _texts_to_train() -> Iterator[str]:
    for number in range(60):
        yield from _texts(record := agentic(Dice("train", "agentic", number), "", turns=24))
        yield from _frames(record)
    for number in range(600):
        yield from _texts(record := short_chat(Dice("train", "chat", number), ""))
        yield from _frames(record)
    for number in range(2 * len(dialogues()) + 120):
        yield from _texts(multilingual(Dice("train", "multilingual", number), "", number))
    dice = Dice("train", "words")
    for section in ("nouns", "verbs", "adjectives", "adverbs", "modules", "participles", "gerunds"):
        for word in words(section):
            forms = [
                word,
                plural(word),
                third(word),
                word.capitalize(),
                plural(word).capitalize(),
                word.upper(),
            ]
            yield (
                " ".join(forms * 3)
                + "\n"
                + "_".join(forms)
                + "."
                + ".".join(forms)
                + "("
                + "(".join(forms)
            )
    for _ in range(4000):
        yield f"self.{snake(dice)}({snake(dice)}={camel(dice)}.{snake(dice)}, {camel(dice)}())"
    lexicon = [invented(dice) for _ in range(26_000)]
    for word in lexicon:
        yield f"{word} {word} {word}"
    for _ in range(6000):
        yield " ".join(dice.favour(lexicon) for _ in range(12)) + "."
    for _ in range(800):
        yield (
            " " * dice.between(1, 24)
            + "\t" * dice.below(4)
            + "=" * dice.between(1, 40)
            + "\n" * dice.between(1, 4)
        )
        yield f"{dice.below(10**9)} {dice.below(10**4)}.{dice.below(100)} {dice.below(60)}:00"
        yield f"0x{dice.below(2**28):x}"


def fingerprint() -> str:
    """Return the SHA-256 of the corpus in hexadecimal; it is kept beside the tokenizers.

    If the generator changes, the corpus changes, and this script would make other tokenizers. A
    test then says so.
    """
    digest = hashlib.sha256()
    for text in corpus():
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()


def _texts(record: dict[str, Any]) -> Iterator[str]:
    for message in record["messages"]:
        for text in (message.get("content"), message.get("reasoning_content")):
            if text:
                yield text
        for call in message.get("tool_calls", ()):
            yield call["function"]["arguments"]


def _added(
    identifier: int,
    content: str,
    *,
    special: bool = True,
    lstrip: bool = False,
    rstrip: bool = False,
) -> Any:
    flags = {
        "single_word": False,
        "lstrip": lstrip,
        "rstrip": rstrip,
        "normalized": False,
        "special": special,
    }
    return {"id": identifier, "content": content, **flags}


def _ordered(vocabulary: dict[str, int]) -> dict[str, int]:
    return dict(sorted(vocabulary.items(), key=lambda entry: entry[1]))


def chatml() -> dict[str, Any]:
    """Train the byte-level BPE and return its ``tokenizer.json``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    size = CHATML_VOCABULARY - len(CHATML_SPECIAL) - len(CHATML_PLAIN)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=alphabet,
        show_progress=False,
        max_token_length=24,
        min_frequency=2,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    data: dict[str, Any] = json.loads(tokenizer.to_str())
    data["model"]["vocab"] = _ordered(data["model"]["vocab"])
    if len(data["model"]["vocab"]) != size:
        raise RuntimeError(f"the corpus fills {len(data['model']['vocab'])} of {size} entries")
    data["added_tokens"] = [
        _added(size + number, content, special=content in CHATML_SPECIAL)
        for number, content in enumerate(CHATML_SPECIAL + CHATML_PLAIN)
    ]
    return data


def brackets() -> dict[str, Any]:
    """Train the SentencePiece-style BPE and return its ``tokenizer.json``."""
    reserved = ["<unk>", "<s>", "</s>", *BRACKETS, *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
            pre_tokenizers.Split(Regex(TRAINING_SPLIT), "isolated"),
        ]
    )
    counts = Counter(character for text in corpus() for character in text.replace(" ", "▁"))
    alphabet = sorted(counts, key=lambda character: (-counts[character], character))[:ALPHABET]
    trainer = trainers.BpeTrainer(
        vocab_size=SMALL_VOCABULARY,
        special_tokens=reserved,
        # Chosen here, because the trainer chooses at random among characters with equal counts.
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
        max_token_length=16,
        min_frequency=2,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    data: dict[str, Any] = json.loads(tokenizer.to_str())
    data["model"]["vocab"] = _ordered(data["model"]["vocab"])
    # The bytes were reserved to get their ids; they are entries of the model, not added tokens.
    data["added_tokens"] = [
        _added(number, content, rstrip=content in BRACKETS_RSTRIP)
        for number, content in enumerate(reserved[: 3 + len(BRACKETS)])
    ]
    # Trained on pieces, but used on whole spans, as the SentencePiece library and real conversions
    # do.
    data["pre_tokenizer"] = {
        "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False
    }  # fmt: skip
    data["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "<s>", "type_id": 1}},
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    }
    data["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    }
    return data


def _sentencepiece(kind: str, **options: Any) -> bytes:
    """Train a SentencePiece model on one thread and return its bytes."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for text in corpus() for line in text.split("\n") if line),
        model_writer=out,
        model_type=kind,
        vocab_size=SMALL_VOCABULARY,
        character_coverage=0.9995,
        num_threads=1,
        max_sentence_length=100_000,
        minloglevel=2,
        **options,
    )
    return out.getvalue()


def unigram() -> dict[str, Any]:
    """Train the Unigram model and return its ``tokenizer.json``.

    The pieces and scores come from the sentencepiece trainer. The trainer of the tokenizers library
    gives other scores on each run, because it adds up floating-point numbers in the order of a hash
    map. White space is normalized as in T5 and XLM-RoBERTa: line ends and tabs become spaces, and
    several spaces become one.
    """
    model = sentencepiece.SentencePieceProcessor(
        model_proto=_sentencepiece("unigram", unk_id=0, bos_id=-1, eos_id=1)
    )
    pieces = [
        (model.id_to_piece(number), model.get_score(number))
        for number in range(model.get_piece_size())
    ]
    # The fewest decimal digits that give the same 32-bit number.
    scored = [(piece, float(f"{score:.7g}")) for piece, score in pieces]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=0))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    data: dict[str, Any] = json.loads(tokenizer.to_str())
    data["added_tokens"] = [_added(0, "<unk>"), _added(1, "</s>")] + [
        _added(len(pieces) + number, content, lstrip=content in ROLES_LSTRIP)
        for number, content in enumerate(ROLES)
    ]
    return data


def library_model() -> bytes:
    """Train the ``.model`` of the sentencepiece library: BPE, byte fallback, every space kept."""
    return _sentencepiece(
        "bpe",
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=3,
        control_symbols=list(TURNS),
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        split_digits=True,
    )


def _config(
    special: dict[str, str], tokenizer_class: str = "TokenizersBackend", **more: Any
) -> dict[str, Any]:
    return {
        "tokenizer_class": tokenizer_class,
        **special,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1_000_000,
        **more,
    }


def _write(folder: Path, name: str, data: Any, *, indent: int | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    separators = (",", ":") if indent is None else None
    text = json.dumps(data, ensure_ascii=False, indent=indent, separators=separators) + "\n"
    (folder / name).write_bytes(text.encode())


def main(out: Path = HERE) -> None:
    """Train all tokenizers and write them under `out`."""
    eos = {"eos_token": "</s>", "unk_token": "<unk>"}
    made: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
        (
            "bpe-chatml",
            chatml(),
            _config({"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
        ),
        ("sp-bpe", brackets(), _config({"bos_token": "<s>", **eos})),
        ("unigram", unigram(), _config(eos)),
    )
    for name, data, config in made:
        _write(out / name, "tokenizer.json", data, indent=None)
        _write(out / name, "tokenizer_config.json", config, indent=2)
    folder = out / "sentencepiece"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(library_model())
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    markers = ("<unk>", "<s>", "</s>", "<pad>", *TURNS)
    decoder = {}
    for content in markers:
        token = _added(model.piece_to_id(content), content)
        decoder[str(token.pop("id"))] = token
    special = {"bos_token": "<s>", **eos, "pad_token": "<pad>"}
    config = _config(special, "SentencePieceBackend", legacy=False, added_tokens_decoder=decoder)
    _write(folder, "tokenizer_config.json", config, indent=2)
    (out / "corpus.sha256").write_bytes(f"{fingerprint()}\n".encode())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
