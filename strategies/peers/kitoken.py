"""kitoken: BPE, WordPiece and Unigram in Rust, for the files of four libraries.

Seen with version 0.11.1. All its kinds of special tokens are looked for in a text, as the
tokenizers library does; by default it looks for none.
"""

from __future__ import annotations

from strategies.peers.installed import InstalledPeer


def kitoken() -> InstalledPeer:
    """Return the peer that counts with kitoken."""
    return InstalledPeer(
        name="kitoken",
        module="kitoken",
        summary="another library: Jinja2, then whole prompts through kitoken",
    )
