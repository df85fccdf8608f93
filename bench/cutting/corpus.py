"""The corpus of what can look past a cut: a small tokenizer and a text for each case."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

CORPUS = Path(__file__).parents[1] / "data" / "splicing_corpus.json"

PRE_TOKENIZERS: Mapping[str, Callable[[], Any]] = {
    "byte-level": lambda: pre_tokenizers.ByteLevel(add_prefix_space=False),
    "first": lambda: pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
    "always": lambda: pre_tokenizers.Metaspace(prepend_scheme="always", split=True),
    "never": lambda: pre_tokenizers.Metaspace(prepend_scheme="never", split=False),
}
"""By name; the corpus has one more, ``"none"``."""

NORMALIZERS: Mapping[str, Callable[[], Any]] = {
    "nfc": normalizers.NFC,
    "strip": normalizers.Strip,
    "prepend": lambda: normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A case of the corpus.

    Parameters
    ----------
    case
        What it is about.
    text
        A text in which it matters.
    alone
        ``"exact"`` or ``"wrong"``: what counting the spans of `text` without neighbours gives.
    setup
        The arguments of `small_tokenizer`.
    """

    case: str
    text: str
    alone: str
    setup: Mapping[str, Any]

    def tokenizer(self) -> Tokenizer:
        """Return its tokenizer, a new one each time."""
        return small_tokenizer(**self.setup)


def corpus_rows() -> tuple[Row, ...]:
    """Return the corpus, in the order of its file."""
    rows = []
    for row in json.loads(CORPUS.read_text(encoding="utf-8")):
        case, text, alone = (row.pop(key) for key in ("case", "text", "alone"))
        rows.append(Row(case, text, alone, row))
    return tuple(rows)


def small_tokenizer(
    markers: Sequence[Mapping[str, Any]],
    pre_tokenizer: str = "byte-level",
    normalizer: str | None = None,
    post_processor: str | None = None,
    split_special_tokens: bool = False,
) -> Tokenizer:
    """Make a tokenizer of single characters and a few merges, with the given added tokens.

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
        ``"bos"`` for one that puts ``<s>`` before every text, or None.
    split_special_tokens
        Whether special tokens are read as plain text.
    """
    characters = [*map(chr, range(32, 127)), "▁", *pre_tokenizers.ByteLevel.alphabet(), "\u0301"]
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("▁", "hello"), ("Ġ", "hello")]
    merges += [("▁", "▁"), ("Ġ", "Ġ"), ("Ċ", "Ċ"), (" ", " "), ("\n", "\n")]
    vocabulary = dict.fromkeys([*characters, "\n", "\t", *("".join(pair) for pair in merges)])
    model = models.BPE({token: i for i, token in enumerate(vocabulary)}, merges)
    tokenizer = Tokenizer(model)
    if pre_tokenizer != "none":
        tokenizer.pre_tokenizer = PRE_TOKENIZERS[pre_tokenizer]()
    if normalizer is not None:
        tokenizer.normalizer = NORMALIZERS[normalizer]()
    for marker in markers:
        flags = {"normalized": False, **{k: v for k, v in marker.items() if k != "content"}}
        tokenizer.add_tokens([AddedToken(marker["content"], **flags)])
    if post_processor == "bos":
        tokenizer.add_special_tokens(["<s>"])
        bos = tokenizer.token_to_id("<s>")
        tokenizer.post_processor = processors.TemplateProcessing("<s> $A", None, [("<s>", bos)])
    special = [AddedToken(m["content"], normalized=False) for m in markers if m.get("special")]
    tokenizer.add_special_tokens(special)
    tokenizer.encode_special_tokens = split_special_tokens
    return tokenizer
