"""Conversations, the datasets they are read from, and their counts."""
