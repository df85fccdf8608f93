"""The object of the tokenizers library inside a transformers tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def backend_of(tokenizer: Any) -> Tokenizer | None:
    """Return the `tokenizers` object of a transformers tokenizer, set up as the reference uses it.

    None where there is none (`SentencePieceBackend`), or where the tokenizer's class
    does something of its own between the text and that object.
    """
    from transformers import PreTrainedTokenizerFast

    if not isinstance(tokenizer, PreTrainedTokenizerFast) or _own_steps(
        tokenizer,
        PreTrainedTokenizerFast,
        ("apply_chat_template", "__call__", "_encode_plus", "_convert_encoding"),
    ):
        return None
    backend: Tokenizer = tokenizer.backend_tokenizer
    # What transformers sets before each call with padding and truncation off.
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = tokenizer.split_special_tokens
    return backend


def renders_plainly(tokenizer: Any) -> bool:
    """Whether `apply_chat_template` is transformers' own, so that rendering can be apart."""
    from transformers import PreTrainedTokenizerBase

    return not _own_steps(tokenizer, PreTrainedTokenizerBase, ("apply_chat_template",))


def _own_steps(tokenizer: Any, base: type, methods: tuple[str, ...]) -> bool:
    """Whether the tokenizer's class replaces one of the methods of `base`."""
    return any(getattr(type(tokenizer), name) is not getattr(base, name) for name in methods)
