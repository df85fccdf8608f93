"""The installed tokenizers library as a target: it encodes whole texts."""

from __future__ import annotations

from functools import lru_cache

from tokenizers import Tokenizer


def whole(
    path: str, text: str, *, add_special_tokens: bool = False, split_special_tokens: bool = False
) -> list[int]:
    """Return the ids of a whole text.

    Parameters
    ----------
    path
        Of a tokenizer.json.
    text
        The text.
    add_special_tokens
        Whether the post-processor's tokens are added.
    split_special_tokens
        Whether special tokens are read as plain text.
    """
    tokenizer = _loaded(path)
    tokenizer.encode_special_tokens = split_special_tokens
    return list(tokenizer.encode(text, add_special_tokens=add_special_tokens).ids)


@lru_cache(maxsize=8)
def _loaded(path: str) -> Tokenizer:
    tokenizer = Tokenizer.from_file(path)
    # Templates apply neither, whatever the file says.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
