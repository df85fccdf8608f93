"""The dataset formats. Each module here is one, and needs no entry anywhere else.

A module defines one `FORMAT`, a `strategies.conversations.format.Format` with its own
examples. The tests that all formats share run these examples.
"""
