"""splintr-rs: byte-level BPE, SentencePiece, Unigram and WordPiece in Rust.

Seen with version 0.22.0. It is asked with `encode_raw`, which adds no tokens around a text. It
works in one thread, whatever the number of workers.
"""

from __future__ import annotations

from strategies.peers.installed import InstalledPeer


def splintr_rs() -> InstalledPeer:
    """Return the peer that counts with splintr-rs."""
    return InstalledPeer(
        name="splintr-rs",
        module="splintr",
        summary="another library: Jinja2, then whole prompts through splintr-rs",
    )
