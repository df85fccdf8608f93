"""Small tokenizers from descriptions, so that a case of the corpus brings its own.

A description is a JSON object. It names a model, a pre-tokenizer, a normalizer and a
post-processor of the tables below, and lists the added tokens. The same description gives the
same tokenizer everywhere. To add a part, add a row to its table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Llama 3 splits words; Qwen differs in the digits."""
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How gpt-oss splits words."""

CONTROL = ("<unk>", "<s>", "</s>")
"""Tokens of the models that the sentencepiece library would have made."""


def _bytes_after(*steps: Any) -> Any:
    """Return steps that split words, then bytes as characters."""
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([*steps, last])


def _split(pattern: str, behavior: str = "isolated") -> Any:
    return pre_tokenizers.Split(Regex(pattern), behavior)


PRE_TOKENIZERS: Mapping[str, Callable[[], Any]] = {
    "byte-level": lambda: pre_tokenizers.ByteLevel(add_prefix_space=False),
    "byte-level-prefix": lambda: pre_tokenizers.ByteLevel(add_prefix_space=True),
    "first": lambda: pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
    "first-split": lambda: pre_tokenizers.Metaspace(prepend_scheme="first", split=True),
    "always": lambda: pre_tokenizers.Metaspace(prepend_scheme="always", split=True),
    "always-joined": lambda: pre_tokenizers.Metaspace(prepend_scheme="always", split=False),
    "never": lambda: pre_tokenizers.Metaspace(prepend_scheme="never", split=False),
    "never-split": lambda: pre_tokenizers.Metaspace(prepend_scheme="never", split=True),
    "cl100k": lambda: _bytes_after(_split(CL100K)),
    "o200k": lambda: _bytes_after(_split(O200K)),
    "single-digits": lambda: _bytes_after(_split(CL100K.replace("{1,3}", ""))),
    "digits": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=False), PRE_TOKENIZERS["byte-level"]()]
    ),
    "three-steps": lambda: _bytes_after(
        _split(r"\p{N}{1,3}"), _split(r"[一-龥぀-ゟ゠-ヿ]+"), _split(r"\s?\p{L}+|\s+(?!\S)|\s+")
    ),
    "spaces": lambda: pre_tokenizers.Split(" ", "merged_with_previous"),
    "bert": pre_tokenizers.BertPreTokenizer,
    "white-space": pre_tokenizers.Whitespace,
    "white-space-split": pre_tokenizers.WhitespaceSplit,
    "punctuation": pre_tokenizers.Punctuation,
    "scripts": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.UnicodeScripts(), PRE_TOKENIZERS["byte-level"]()]
    ),
}
"""By name; descriptions have one more, ``"none"``."""

MAKE_BYTES = frozenset(
    [
        "byte-level",
        "byte-level-prefix",
        "cl100k",
        "o200k",
        "single-digits",
        "digits",
        "three-steps",
        "scripts",
    ]
)
"""Those that write bytes as characters."""

NORMALIZERS: Mapping[str, Callable[[], Any]] = {
    "nfc": normalizers.NFC,
    "strip": normalizers.Strip,
    "prepend": lambda: normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    ),
    "nfd": normalizers.NFD,
    "nfkc": normalizers.NFKC,
    "nfkd": normalizers.NFKD,
    "strip-left": lambda: normalizers.Strip(left=True, right=False),
    "strip-right": lambda: normalizers.Strip(left=False, right=True),
    "lowercase": normalizers.Lowercase,
    "spaces": lambda: normalizers.Replace(" ", "▁"),
    "one-space": lambda: normalizers.Replace(Regex(" {2,}"), " "),
    "line-ends": lambda: normalizers.Replace("\r\n", "\n"),
    "no-accents": lambda: normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
    "bert": normalizers.BertNormalizer,
    "nmt": normalizers.Nmt,
}


def _template(single: str) -> Callable[[Callable[[str], int]], Any]:
    """Return what makes a template of special tokens around the text."""

    def made(number: Callable[[str], int]) -> Any:
        special = [piece for piece in single.split() if not piece.startswith("$")]
        return processors.TemplateProcessing(
            single, None, [(token, number(token)) for token in dict.fromkeys(special)]
        )

    return made


POST_PROCESSORS: Mapping[str, Callable[[Callable[[str], int]], Any]] = {
    "bos": _template("<s> $A"),
    "eos": _template("$A </s>"),
    "both": _template("<s> $A </s>"),
    "twice": _template("<s> $A </s> $A"),
    "bert": lambda number: processors.BertProcessing(
        ("</s>", number("</s>")), ("<s>", number("<s>"))
    ),
    "roberta": lambda number: processors.RobertaProcessing(
        ("</s>", number("</s>")), ("<s>", number("<s>"))
    ),
    "offsets": lambda number: processors.ByteLevel(trim_offsets=True),  # noqa: ARG005  # it adds no token
    "offsets-bos": lambda number: processors.Sequence(
        [processors.ByteLevel(trim_offsets=False), POST_PROCESSORS["bos"](number)]
    ),
}
"""By name, made from a function that returns the id of a special token."""


def _bytes(**options: Any) -> Any:
    """All bytes as characters, as GPT-2 writes them, and a few merges."""
    # The library lists the characters of bytes in an order of its own each time.
    characters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "hello"), ("Ġ", "Ġ")]
    merges += [("Ċ", "Ċ"), ("'", "s"), ("1", "2"), ("12", "3"), ("č", "Ċ"), ("Ã", "©")]
    merges += [("ĠĠ", "ĠĠ"), ("<", "|"), ("|", ">"), ("Ġ", "Ċ")]
    return _merging(characters, merges, options)


def _characters(**options: Any) -> Any:
    """ASCII characters, the mark of a space, and a few merges; others are dropped."""
    characters = [*map(chr, range(32, 127)), "\n", "\t", "▁", "\u0301"]
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("▁", "hello"), ("▁", "▁")]
    merges += [(" ", " "), ("\n", "\n"), ("1", "2"), ("<", "|")]
    return _merging(characters, merges, options)


def _merging(
    tokens: Sequence[str], merges: Sequence[tuple[str, str]], options: Mapping[str, Any]
) -> Any:
    """Return a BPE model of these tokens and of those that the merges make."""
    vocabulary = dict.fromkeys([*tokens, *("".join(pair) for pair in merges)])
    return models.BPE({token: i for i, token in enumerate(vocabulary)}, list(merges), **options)


def _byte_fallback(**options: Any) -> Any:
    """Characters with the sentencepiece library's mark for a space; others become bytes."""
    characters = ["▁", *map(chr, range(33, 127)), "é", "\u0301", "你", "好"]
    merges = [("▁", "▁"), ("▁▁", "▁▁"), ("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o")]
    merges += [("▁", "hello"), ("1", "2"), ("▁", "12"), ("你", "好"), ("<", "|")]
    tokens = [*CONTROL, *(f"<0x{byte:02X}>" for byte in range(256)), *characters]
    given = {"byte_fallback": True, "unk_token": "<unk>", "fuse_unk": True, **options}
    return _merging(tokens, merges, given)


def _unigram(**options: Any) -> Any:
    """Characters and a few words with scores, and an unknown token."""
    characters = ["▁", *map(chr, range(33, 127)), "é", "\u0301", "你", "好"]
    words = {"▁hello": -3.0, "hello": -4.0, "he": -5.0, "ll": -5.5, "llo": -5.6, "▁▁": -4.5}
    words |= {"▁12": -5.0, "12": -5.2, "你好": -6.0, "o▁": -6.5}
    pieces = [(token, 0.0) for token in CONTROL]
    if options.get("byte_fallback"):
        pieces += [(f"<0x{byte:02X}>", 0.0) for byte in range(256)]
    pieces += [(token, -8.0 - i / 100) for i, token in enumerate(characters)]
    return models.Unigram([*pieces, *words.items()], 0, **options)


def _wordpiece(**options: Any) -> Any:
    """Characters at the start and inside of words, a few words, and an unknown token."""
    characters = [*map(chr, range(33, 127)), "é", "你", "好"]
    words = ["hello", "hell", "##llo", "##hello", "12", "##23"]
    tokens = ["[UNK]", *CONTROL, *characters, *(f"##{each}" for each in characters), *words]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    return models.WordPiece(vocabulary, **{"unk_token": "[UNK]", **options})


def _words(**options: Any) -> Any:
    """Six words, and by default no token for any other: a text with one is refused."""
    words = ["hello", "there", "user", "assistant", "a", "b", *CONTROL]
    given = {"unk_token": "<none>", **options}
    return models.WordLevel({word: i for i, word in enumerate(words)}, **given)


MODELS: Mapping[str, Callable[..., Any]] = {
    "bytes": _bytes,
    "characters": _characters,
    "byte-fallback": _byte_fallback,
    "unigram": _unigram,
    "wordpiece": _wordpiece,
    "words": _words,
}
"""By name; each takes options of the library's class."""


def small_tokenizer(
    markers: Sequence[Mapping[str, Any]],
    pre_tokenizer: str = "byte-level",
    normalizer: str | None = None,
    post_processor: str | None = None,
    split_special_tokens: bool = False,
    *,
    model: str | None = None,
    options: Mapping[str, Any] | None = None,
    truncation: int | None = None,
    padding: int | None = None,
) -> Tokenizer:
    """Make a small tokenizer of named parts, with the given added tokens.

    Parameters
    ----------
    markers
        The added tokens: ``content`` and flags of `tokenizers.AddedToken`. They are not
        `normalized` unless they say so.
    pre_tokenizer
        A name in `PRE_TOKENIZERS`, or ``"none"``.
    normalizer
        A name in `NORMALIZERS`, or None.
    post_processor
        A name in `POST_PROCESSORS`, or None.
    split_special_tokens
        Whether special tokens are read as plain text. tokenizer.json does not keep it.
    model
        A name in `MODELS`; by default ``"bytes"`` if the pre-tokenizer makes bytes, else
        ``"characters"``.
    options
        More arguments for the library's class of the model.
    truncation, padding
        Length in tokens that the file asks for, or None.
    """
    if model is None:
        model = "bytes" if pre_tokenizer in MAKE_BYTES else "characters"
    tokenizer = Tokenizer(MODELS[model](**dict(options or {})))
    if pre_tokenizer != "none":
        tokenizer.pre_tokenizer = PRE_TOKENIZERS[pre_tokenizer]()
    if normalizer is not None:
        tokenizer.normalizer = NORMALIZERS[normalizer]()
    for marker in markers:
        flags = {"normalized": False, **{k: v for k, v in marker.items() if k != "content"}}
        add = tokenizer.add_special_tokens if marker.get("special") else tokenizer.add_tokens
        add([AddedToken(marker["content"], **flags)])
    if post_processor is not None:

        def number(token: str) -> int:
            tokenizer.add_special_tokens([token])
            return dict(tokenizer.get_vocab())[token]

        tokenizer.post_processor = POST_PROCESSORS[post_processor](number)
    tokenizer.encode_special_tokens = split_special_tokens
    if truncation is not None:
        tokenizer.enable_truncation(truncation)
    if padding is not None:
        tokenizer.enable_padding(length=padding)
    return tokenizer


def described_tokenizer(description: Mapping[str, Any]) -> Tokenizer:
    """Return the tokenizer of a description.

    It is made of the arguments of `small_tokenizer`, or is a whole ``tokenizer.json`` in the
    field ``file``, beside which only ``split_special_tokens`` may stand.
    """
    if "file" not in description:
        return small_tokenizer(**description)
    tokenizer = Tokenizer.from_str(json.dumps(description["file"]))
    tokenizer.encode_special_tokens = bool(description.get("split_special_tokens"))
    return tokenizer


def write_tokenizer(description: Mapping[str, Any], folder: Path) -> Path:
    """Write a tokenizer as transformers loads it, and return the path of tokenizer.json.

    Parameters
    ----------
    description
        What `described_tokenizer` takes.
    folder
        An empty folder that exists.
    """
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "split_special_tokens": bool(description.get("split_special_tokens")),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    path = folder / "tokenizer.json"
    path.write_text(described_tokenizer(description).to_str(), encoding="utf-8")
    return path
