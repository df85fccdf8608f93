"""The object of the tokenizers library inside a transformers tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer


NO_SEPARATE_RENDERING = (
    "its class has its own apply_chat_template, so rendering is no separate step"
)
"""Why a strategy that renders and encodes apart cannot run, see `renders_plainly`."""


def backend_of(tokenizer: Any) -> Tokenizer | None:
    """Return the `tokenizers` object of a transformers tokenizer, set up as the reference uses it.

    None if there is none (`SentencePieceBackend`), or if the tokenizer's class replaces a
    step between the text and that object.
    """
    from transformers import PreTrainedTokenizerFast

    if not isinstance(tokenizer, PreTrainedTokenizerFast) or _own_steps(
        tokenizer,
        PreTrainedTokenizerFast,
        ("apply_chat_template", "__call__", "_encode_plus", "_convert_encoding"),
    ):
        return None
    backend: Tokenizer = tokenizer.backend_tokenizer
    # As transformers does before each call without padding and truncation.
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = tokenizer.split_special_tokens
    return backend


def renders_plainly(tokenizer: Any) -> bool:
    """Whether `apply_chat_template` is transformers' own, so that rendering is a step apart."""
    from transformers import PreTrainedTokenizerBase

    return not _own_steps(tokenizer, PreTrainedTokenizerBase, ("apply_chat_template",))


def _own_steps(tokenizer: Any, base: type, methods: tuple[str, ...]) -> bool:
    """Whether the tokenizer's class replaces one of the methods of `base`."""
    return any(getattr(type(tokenizer), name) is not getattr(base, name) for name in methods)
