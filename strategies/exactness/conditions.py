"""The conditions by name, as docs/cutting.md numbers and proves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CONDITIONS: Mapping[str, str] = {
    "A1": "its class leaves rendering and encoding to transformers",
    "A2": "its normalizer is one of the library, and works on each piece by itself",
    "A3": "its pre-tokenizer is one of the library, and works on each piece by itself",
    "A4": "its model is one of the library, and works on each piece by itself",
    "A5": "its post-processor is one of the library, and keeps the tokens of a text, once",
    "A6": "special tokens are not split",
    "A7": "the token is not normalized",
    "A8": "the token is not single_word",
    "A9": "the token does not strip on its left and begin with white space",
    "A10": "all tokens that are not normalized take part in the search, the longest first",
    "A11": "a span is counted between its two neighbours",
    "A12": "the same text always has the same tokens",
    "A13": "no normalized token becomes empty",
    "B1": "its class replaces no step of SentencePieceBackend",
    "B2": "special tokens are not split",
    "B3": "no token is single_word",
    "B4": "if a token strips, no token begins or ends with white space",
    "B5": "no token can begin inside another",
    "C1": "a symbol stands for its text",
    "C2": "a character without a token is merged with nothing",
    "C3": "no character vanishes",
    "C4": "no token holds the pair of characters around the cut",
    "C5": "unknown characters are not parted if a run of them is one token",
    "C6": "what comes before the model changes each character alone",
    "C7": "the cut is before ASCII white space",
    "C8": "the normalizer works on each side of the cut alone",
    "C9": "a piece of the pre-tokenizer begins at the cut",
    "C10": "no run of spaces is divided if the normalizer joins spaces",
    "C11": "a prefix depends on nothing before the cut",
    "C12": "the expressions of the pre-tokenizer always split there",
    "C13": "no added token can stand inside a span",
    "C14": "white space is not parted from white space",
    "C15": "the engine knows the model",
    "C16": "at opening, check texts have the same counts, whole and parted",
    "D1": "the token does not strip",
    "D2": "no single_word token can see the edge of the token",
    "D3": "no prefix depends on being at the start of the text",
    "D4": "no other token can hide the token",
    "D5": "no token that reaches back can see the edge of the token",
}
"""What must hold: A for the tokenizers library, B for the sentencepiece library, C for cuts inside
of a span. D must hold, too, for a span that is counted without its neighbours."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a cut is not exact, or not known to be.

    Parameters
    ----------
    condition
        The condition that does not hold, a key of `CONDITIONS`.
    reason
        What is the matter, for people.
    """

    condition: str
    reason: str
