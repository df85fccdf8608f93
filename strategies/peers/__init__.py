"""Peers: other libraries behind the same contract, to be compared with and never chosen.

A peer renders with Jinja2 and gives whole prompts to another library. Nothing proves that its
counts are those of the reference, so it is checked and timed, and no command counts with it or
recommends it. docs/peers.md says where each of them counts something else, and why.
"""
