"""Conditions A of docs/cutting.md: where the tokenizers library ends a piece for certain."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from strategies.exactness.conditions import Refusal

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

WHITE_SPACE = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What a token strips: Unicode's White_Space. Python's `str.isspace` has four characters more."""

MODELS = frozenset({"BPE", "Unigram", "WordLevel", "WordPiece"})
NORMALIZERS = frozenset(
    {
        *("BertNormalizer", "ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt"),
        *("Precompiled", "Prepend", "Replace", "Sequence", "Strip", "StripAccents"),
    }
)
PRE_TOKENIZERS = frozenset(
    {
        *("BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits", "FixedLength"),
        *("Metaspace", "Punctuation", "Sequence", "Split", "UnicodeScripts", "Whitespace"),
        "WhitespaceSplit",
    }
)
POST_PROCESSORS = frozenset(
    {"BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"}
)
"""Parts of tokenizers 0.23 that were read and found to work on each piece by itself."""


def backend_refusal(backend: Tokenizer) -> Refusal | None:
    """Return why a tokenizer of the library cannot be cut anywhere, or None."""
    return next(filter(None, (check(backend) for check in BACKEND_CHECKS)), None)


def token_refusal(token: AddedToken) -> Refusal | None:
    """Return why a token does not end a piece wherever the search finds it, or None."""
    return next(filter(None, (check(token) for check in TOKEN_CHECKS)), None)


def _normalizer(backend: Tokenizer) -> Refusal | None:
    return _unknown("A2", "normalizer", backend.normalizer, NORMALIZERS)


def _pre_tokenizer(backend: Tokenizer) -> Refusal | None:
    return _unknown("A3", "pre-tokenizer", backend.pre_tokenizer, PRE_TOKENIZERS)


def _model(backend: Tokenizer) -> Refusal | None:
    model = type(backend.model).__name__
    return None if model in MODELS else Refusal("A4", f"nothing is known of its model, {model}")


def _post_processor(backend: Tokenizer) -> Refusal | None:
    part = backend.post_processor
    unknown = _unknown("A5", "post-processor", part, POST_PROCESSORS)
    if unknown is None and not _keeps_text_once(backend):
        return Refusal("A5", "its post-processor repeats the text or leaves it out")
    return unknown


def _splits_special(backend: Tokenizer) -> Refusal | None:
    if not backend.encode_special_tokens:
        return None
    # The library then ignores all texts that were special at any time, whatever their tokens
    # say now. That set cannot be read.
    return Refusal("A6", "split_special_tokens leaves no place to cut")


def empties_a_token(backend: Tokenizer) -> Refusal | None:
    """Return why the library may fail on any text, or never end, or None (A13).

    It searches piece by piece. If it fails on the first piece of a prompt, the plain call goes on
    with the next turn. A cut prompt is encoded by spans, and one of the later ones may take all
    memory.
    """
    if backend.normalizer is None or _normalizer(backend) is not None:
        return None
    for token in backend.get_added_tokens_decoder().values():
        if token.normalized and not backend.normalizer.normalize_str(token.content):
            # The search then finds it everywhere, even inside a character, and may never end.
            return Refusal("A13", f"nothing is left of {token.content!r} when it is normalized")
    return None


BACKEND_CHECKS = (
    *(_normalizer, empties_a_token, _pre_tokenizer, _model, _post_processor, _splits_special),
)
"""Conditions A2 to A6. A13 comes early: nothing should be encoded if it does not hold."""


def _normalized(token: AddedToken) -> Refusal | None:
    if not token.normalized:
        return None
    return Refusal("A7", "it is normalized: it is looked for in each piece after the others")


def _single_word(token: AddedToken) -> Refusal | None:
    if not token.single_word:
        return None
    return Refusal("A8", "it is single_word: the text around it decides whether it counts")


def _reaches_back(token: AddedToken) -> Refusal | None:
    if not (token.lstrip and token.content[:1] in WHITE_SPACE):
        return None
    # An `rstrip` token before it may have swallowed this white space already.
    return Refusal("A9", "it strips on its left and begins with white space: it reaches back")


TOKEN_CHECKS = (_normalized, _single_word, _reaches_back)
"""Conditions A7 to A9, in this order."""


def steps_of(part: Any) -> Iterator[Mapping[str, Any]]:
    """Yield what a normalizer, pre-tokenizer or post-processor is made of, as JSON data.

    Raises
    ------
    Exception
        If a part of it is a Python object.
    """
    waiting = [] if part is None else [json.loads(part.__getstate__())]
    while waiting:
        step = waiting.pop()
        for key in ("normalizers", "pretokenizers", "processors"):
            waiting += step.get(key, ())
        yield step


def _unknown(condition: str, what: str, part: Any, known: frozenset[str]) -> Refusal | None:
    """Return a refusal of a part if nothing is known of some of its steps."""
    try:
        kinds = {step["type"] for step in steps_of(part)}
    except Exception:  # the library raises no narrower class
        return Refusal(condition, f"its {what} is a Python object, which may look at all pieces")
    if kinds <= known:
        return None
    return Refusal(condition, f"nothing is known of its {what}, {min(kinds - known)}")


def _keeps_text_once(backend: Tokenizer) -> bool:
    """Whether the post-processor puts the tokens of a text into the result exactly once.

    It does so for the tokens of markers too, and even if no special tokens are added.
    """
    return all(
        sum("Sequence" in piece for piece in step["single"]) == 1
        for step in steps_of(backend.post_processor)
        if step["type"] == "TemplateProcessing"
    )
