"""tokie: BPE, WordPiece and Unigram in Rust, with a call that only counts.

Seen with version 0.1.4. That call, `count_tokens`, adds no tokens around a text.
"""

from __future__ import annotations

from strategies.peers.installed import InstalledPeer


def tokie() -> InstalledPeer:
    """Return the peer that counts with tokie."""
    return InstalledPeer(
        name="tokie",
        module="tokie",
        summary="another library: Jinja2, then whole prompts through tokie",
    )
