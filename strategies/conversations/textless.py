"""Traces that hold lengths and hashes and no text, so that nothing can be counted from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from strategies.errors import InputError

_HASHES = frozenset({"hash_ids", "block_hashes", "hash_id"})
_LENGTHS = frozenset(
    {
        *("input_length", "input_tokens", "input_len", "prompt_len", "prompt_length"),
        *("prompt_tokens", "num_prefill_tokens", "contexttokens", "context_tokens"),
        *("request tokens", "request_tokens", "num_input_tokens", "isl", "out_lens", "obs_lens"),
    }
)


def refuse_without_text(record: Mapping[str, Any]) -> None:
    """Refuse a record that says how long a prompt is, and not what it says.

    Raises
    ------
    InputError
        With the field that shows it.
    """
    reason = without_text(name for name, value in record.items() if value is not None)
    if reason is not None:
        field = next(name for name in record if _folded(name) in _HASHES | _LENGTHS)
        field = next((name for name in record if _folded(name) in _HASHES), field)
        raise InputError(reason, field=field)


def without_text(names: Iterable[str]) -> str | None:
    """Return why a trace with such columns cannot be counted; None if they may hold texts."""
    folded = {_folded(name) for name in names}
    if folded & _HASHES:
        return "this trace has no text, only hash ids and lengths: ISLs cannot be counted from it"
    if folded & _LENGTHS:
        return "this trace has no text, only lengths: ISLs cannot be counted from it"
    return None


def _folded(name: str) -> str:
    return name.strip().lower()
