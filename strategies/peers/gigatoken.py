"""gigatoken: a BPE engine in Rust that is fast on text which it meets for the first time.

Seen with version 0.10.0. It has no Unigram and no WordPiece.
"""

from __future__ import annotations

from strategies.peers.installed import InstalledPeer


def gigatoken() -> InstalledPeer:
    """Return the peer that counts with gigatoken."""
    return InstalledPeer(
        name="gigatoken",
        module="gigatoken",
        summary="another library: Jinja2, then whole prompts through gigatoken",
        families=("byte-level BPE", "SentencePiece BPE"),
    )
