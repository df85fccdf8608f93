"""gigatoken: a BPE engine in Rust that is fast on text which it meets for the first time."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strategies.peers.engine import PeerCounter, cannot_ask, opened
from strategies.peers.installed import not_installed

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer


@dataclass(frozen=True, slots=True)
class Gigatoken:
    """Render with Jinja2, and count whole prompts with gigatoken."""

    name: str = "gigatoken"
    summary: str = "another library: Jinja2, then whole prompts through gigatoken"
    peer: bool = True

    def availability(self, chat: ChatTokenizer) -> str | None:
        """Return None, unless gigatoken is not installed or has no such model."""
        return not_installed("gigatoken") or cannot_ask(
            chat, ("byte-level BPE", "SentencePiece BPE")
        )

    def open(self, chat: ChatTokenizer, *, workers: int) -> AbstractContextManager[PeerCounter]:
        """Start the worker process and load the tokenizer there."""
        return opened("gigatoken", sys.executable, chat, workers)
