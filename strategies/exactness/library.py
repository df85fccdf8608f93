"""Conditions B of docs/cutting.md: where transformers cuts for the sentencepiece library."""

from __future__ import annotations

from typing import Any

from strategies.exactness.conditions import Refusal


def sentencepiece_refusal(tokenizer: Any) -> Refusal | None:
    """Return why a tokenizer without a backend cannot be cut, or None.

    transformers uses a trie. If tokens overlap, the trie can keep two partial matches and end in
    a match that is not there. If no token can begin inside another, it is a leftmost-longest
    scan. That holds if the first characters of tokens occur nowhere else in a token.
    """
    from transformers import SentencePieceBackend

    from strategies.chat.model_file import SentencePieceModel

    methods = ("tokenize", "_tokenize", "_encode_plus", "__call__", "prepare_for_tokenization")
    kind = type(tokenizer)
    # The second one looks at the start of a text, which is the start of its first span.
    known = SentencePieceModel if kind is SentencePieceModel else SentencePieceBackend
    if not isinstance(tokenizer, SentencePieceBackend) or any(
        getattr(kind, method) is not getattr(known, method) for method in methods
    ):
        return Refusal("B1", f"{kind.__name__} splits text by its own rules")
    if tokenizer.split_special_tokens:
        return Refusal("B2", "split_special_tokens leaves no place to cut")
    added = list(tokenizer.added_tokens_decoder.values())
    texts = searched_texts(tokenizer)
    if any(token.single_word for token in added):
        return Refusal("B3", "a single_word token joins its neighbours")
    if any(token.lstrip or token.rstrip for token in added) and any(
        text != text.strip() for text in texts
    ):
        return Refusal("B4", "a stripping token can swallow another one")
    firsts = {text[0] for text in texts}
    for text in sorted(texts):
        if firsts.intersection(text[1:]):
            return Refusal("B5", f"another added token can begin inside {text!r}")
    return None


def searched_texts(tokenizer: Any) -> frozenset[str]:
    """Return the texts at which transformers splits."""
    # The trie holds more than the added tokens, and has no public list of its texts.
    return frozenset(tokenizer.tokens_trie._tokens)
