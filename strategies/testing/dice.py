"""Chances whose simplest outcome is no."""

from __future__ import annotations

from random import Random


def happens(dice: Random, chance: float) -> bool:
    """Return True this often. Hypothesis shrinks numbers to 0, which gives False here."""
    return dice.random() > 1 - chance
