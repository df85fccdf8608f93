"""The dataset formats: each module here is one, and needs no entry anywhere else.

A module holds one `FORMAT`, a `strategies.conversations.format.Format` with examples of its
own. Every test that all formats share then runs those examples.
"""
