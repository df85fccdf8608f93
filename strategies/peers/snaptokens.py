"""snaptokens: a faster fork of fastokens, for byte-level BPE.

Seen with version 0.2.6, which has wheels for x86-64 Linux with glibc 2.34 or newer.
"""

from __future__ import annotations

from strategies.peers.installed import InstalledPeer


def snaptokens() -> InstalledPeer:
    """Return the peer that counts with snaptokens."""
    return InstalledPeer(
        name="snaptokens",
        module="snaptokens",
        summary="another library: Jinja2, then whole prompts through snaptokens",
    )
