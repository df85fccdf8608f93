"""What is left of a text, or of a tokenizer, when no part of it can be left out any more."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tokenizers import pre_tokenizers

from strategies.fewest import fewest

File = Mapping[str, Any]
"""Content of a tokenizer.json."""

_STRETCHES = (512, 128, 32, 12)
"""Characters of the stretches of a text that are looked at."""
_STEPS = ("post_processor", "truncation", "padding", "decoder", "normalizer", "pre_tokenizer")
_LISTS = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "decoder": "decoders"}
_BYTES = frozenset(pre_tokenizers.ByteLevel.alphabet())
_FALLBACK = frozenset(f"<0x{byte:02X}>" for byte in range(256))
_EMPTY_TABLE = b64encode((1024).to_bytes(4, "little") + bytes(1024 + 1)).decode()
"""Replaces nothing: the length of a tree, its units (one for each first byte, all empty), and the
texts that it puts in, none."""


def narrowed(text: str, differing: Callable[[Sequence[str]], Sequence[bool]]) -> str:
    """Return a short stretch of a text that still shows what is looked for, or the whole text.

    Many stretches are asked about in one call, so a long text becomes short in a few calls.

    Parameters
    ----------
    text
        The text.
    differing
        Whether each of several texts shows it.
    """
    for size in _STRETCHES:
        stretches = [text[start : start + size] for start in range(0, len(text), size // 2)]
        shown = differing(stretches) if len(text) > size else []
        text = next((each for each, shows in zip(stretches, shown, strict=False) if shows), text)
    return text


def shortest(text: str, differs: Callable[[str], bool]) -> str:
    """Return what is left of a text when no part can be left out any more.

    Parameters
    ----------
    text
        A text that `differs` holds for.
    differs
        Whether a text still shows what is looked for. It is not asked about the empty text.
    """

    def holds(characters: Sequence[str]) -> bool:
        return bool(characters) and differs("".join(characters))

    return "".join(fewest(text, holds))


def smallest_tokenizer(file: File, text: str, differs: Callable[[File], bool]) -> File | None:
    """Return what is left of a tokenizer when no part can be left out any more.

    Words of the model, added tokens and steps around the model are left out. The ids become those
    of a small vocabulary. None if the difference needs words that are no part of the text, or if
    the model is neither BPE nor Unigram.

    Parameters
    ----------
    file
        A tokenizer that `differs` holds for.
    text
        The text that shows the difference.
    differs
        Whether a tokenizer still shows what is looked for. It may be asked about files that no
        library loads.
    """
    if file["model"]["type"] not in {"BPE", "Unigram"}:
        return None
    units = _units(file["model"], text)
    near = [token for token in file["added_tokens"] if token["content"] in text]
    starts = (
        with_words({**file, "added_tokens": added, "post_processor": after}, units)
        for added in (near, file["added_tokens"])
        for after in (None, file["post_processor"])
    )
    found = next((start for start in starts if differs(start)), None)
    if found is None:
        return None
    for step in _STEPS:
        for shorter in _shorter(step, found.get(step)):
            if differs({**found, step: shorter}):
                found = {**found, step: shorter}
                break
    small = found
    kept = fewest(small["added_tokens"], lambda some: differs({**small, "added_tokens": some}))
    small = {**small, "added_tokens": list(kept)}
    return with_words(small, fewest(units, lambda some: differs(with_words(small, some))))


def with_words(file: File, kept: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return a tokenizer whose model has only some of its words, with new ids.

    Parameters
    ----------
    file
        The tokenizer.
    kept
        The words, in groups. The unknown token always stays.
    """
    model = dict(file["model"])
    words = {word for unit in kept for word in unit}
    if model["type"] == "Unigram":
        unknown = model["unk_id"]
        pieces = [
            piece
            for place, piece in enumerate(model["vocab"])
            if piece[0] in words or place == unknown
        ]
        if unknown is not None:
            model["unk_id"] = pieces.index(model["vocab"][unknown])
        model["vocab"] = pieces
        ids = {piece: place for place, (piece, _) in enumerate(pieces)}
    else:
        words.add(model.get("unk_token") or "")
        ids = {word: place for place, word in enumerate(w for w in model["vocab"] if w in words)}
        model["vocab"] = ids
        pairs = (
            tuple(pair.split(" ")) if isinstance(pair, str) else pair for pair in model["merges"]
        )
        model["merges"] = [
            [left, right]
            for left, right in pairs
            if left in ids and right in ids and left + right in ids
        ]
    numbers = dict(ids)
    added = []
    for token in file["added_tokens"]:
        number = numbers.setdefault(token["content"], len(numbers))
        added.append({**token, "id": number})
    return {**file, "model": model, "added_tokens": added}


def _shorter(step: str, content: Any) -> Iterator[Any]:
    """Yield what a step may be replaced by, the shortest first."""
    if content is None:
        return
    yield None
    if content.get("precompiled_charsmap") is not None:
        yield {**content, "precompiled_charsmap": _EMPTY_TABLE}
    children = content.get(_LISTS.get(step, "")) or []
    yield from children
    for place in range(len(children)):
        fewer = [*children[:place], *children[place + 1 :]]
        yield {**content, _LISTS[step]: fewer}


def _units(model: Mapping[str, Any], text: str) -> list[list[str]]:
    """Return the words of a model that a text may be made of, and the other bytes as one unit."""
    words = [word for word, _ in model["vocab"]] if model["type"] == "Unigram" else model["vocab"]
    steps = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    shown = "".join(part for part, _ in steps.pre_tokenize_str(text))
    # Many a tokenizer takes every white space as a blank, and a peer may lose it.
    blanks = "".join("▁" if letter.isspace() else letter for letter in text)
    images = (text, shown, "▁" + blanks, "".join(text.split()))
    parts = [word for word in words if any(word in image for image in images)]
    others = (_FALLBACK | _BYTES).difference(parts)
    return [[word for word in words if word in others], *([word] for word in parts)]
