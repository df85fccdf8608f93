"""What a field of a recorded value says about older files."""

from __future__ import annotations

from typing import Final

LATER: Final = {"later": True}
"""Metadata of a dataclass field that older files lack. For them the default is used."""
