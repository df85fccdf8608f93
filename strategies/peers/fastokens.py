"""fastokens: a BPE engine in Rust with a cache for the texts between added tokens.

Seen with version 0.3.5. Its cache is on, as a server would have it.
"""

from __future__ import annotations

from strategies.peers.installed import InstalledPeer


def fastokens() -> InstalledPeer:
    """Return the peer that counts with fastokens."""
    return InstalledPeer(
        name="fastokens",
        module="fastokens",
        summary="another library: Jinja2, then whole prompts through fastokens",
        families=("byte-level BPE", "SentencePiece BPE"),
    )
