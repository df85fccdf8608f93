"""iree-tokenizer: the tokenizer in C of the IREE runtime, made to encode streams.

Seen with version 0.3.0, which has wheels for x86-64 Linux only.
"""

from __future__ import annotations

from strategies.peers.installed import InstalledPeer


def iree_tokenizer() -> InstalledPeer:
    """Return the peer that counts with iree-tokenizer."""
    return InstalledPeer(
        name="iree-tokenizer",
        module="iree.tokenizer",
        summary="another library: Jinja2, then whole prompts through iree-tokenizer",
    )
