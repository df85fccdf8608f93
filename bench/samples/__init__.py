"""The bundled sample conversations: the same bytes for the same seed everywhere.

A sample has five shapes: short chats, agentic tool loops, one long chat, many languages, and
adversarial content. Its size says how many conversations of each shape there are and how long the
loops run. In the regular and the large size, the agentic loops have the lengths and turns of a
published set (see `bench.samples.agentic`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.samples import adversarial, agentic, chat
from bench.samples.text import Dice, dialogues

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

SIZES: tuple[str, ...] = ("small", "regular", "large")
SHAPES: tuple[str, ...] = ("short-chat", "agentic", "long", "multilingual", "adversarial")


class _Plan(NamedTuple):
    """The number of conversations of each shape in a size, except for the two fields of turns."""

    short_chat: int
    agentic: int
    agentic_turns: int | None  # None: drawn from the measured distribution
    agentic_scale: float
    long_turns: int
    multilingual: int
    adversarial: int


_DIALOGUES, _CASES = len(dialogues()), len(adversarial.handwritten())
_PLANS = {
    "small": _Plan(8, 1, 16, 0.5, 20, _DIALOGUES, _CASES),
    "regular": _Plan(40, 2, None, 1.0, 80, 2 * _DIALOGUES, _CASES + 20),
    "large": _Plan(300, 20, None, 1.0, 140, 4 * _DIALOGUES, _CASES + 150),
}


def records(
    size: str, *, shapes: Collection[str] | None = None, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Generate the conversations of a sample.

    Parameters
    ----------
    size
        One of `SIZES`.
    shapes
        Some of `SHAPES`; all of them by default. The order is always that of `SHAPES`, and a
        conversation does not depend on which other shapes are asked for.
    seed
        Equal seeds give equal conversations. The handwritten dialogues and adversarial cases are
        the same for all.

    Yields
    ------
    dict
        An OpenAI chat record: ``id`` (such as ``agentic-0003``), ``messages``, and ``tools`` if
        it has some. Arguments of tool calls are JSON strings.

    Raises
    ------
    ValueError
        For an unknown size or shape.
    """
    if size not in SIZES:
        raise ValueError(f"unknown size {size!r}: one of {', '.join(SIZES)}")
    wanted = SHAPES if shapes is None else shapes
    for shape in wanted:
        if shape not in SHAPES:
            raise ValueError(f"unknown shape {shape!r}: one of {', '.join(SHAPES)}")
    return _records(_PLANS[size], wanted, seed)


def _records(plan: _Plan, wanted: Collection[str], seed: int) -> Iterator[dict[str, Any]]:
    def each(shape: str, count: int) -> Iterator[tuple[int, Dice, str]]:
        for number in range(count if shape in wanted else 0):
            name = f"{shape}-{number:04}"
            yield number, Dice(seed, name), name

    for _, dice, name in each("short-chat", plan.short_chat):
        yield chat.short_chat(dice, name)
    for _, dice, name in each("agentic", plan.agentic):
        yield agentic.agentic(dice, name, turns=plan.agentic_turns, scale=plan.agentic_scale)
    for _, dice, name in each("long", 1):
        yield chat.long_chat(dice, name, turns=plan.long_turns)
    for number, dice, name in each("multilingual", plan.multilingual):
        yield chat.multilingual(dice, name, number)
    for number, dice, name in each("adversarial", plan.adversarial):
        yield adversarial.adversarial(dice, name, number)


def sample_bytes(size: str, *, shapes: Collection[str] | None = None, seed: int = 0) -> bytes:
    r"""Return a sample as JSON Lines: UTF-8, one record a line, each ended by ``\n``.

    Parameters
    ----------
    size, shapes, seed
        As for `records`.

    Returns
    -------
    bytes
        The same on every platform and Python version.
    """
    lines = (
        json.dumps(record, ensure_ascii=False) for record in records(size, shapes=shapes, seed=seed)
    )
    return "".join(line + "\n" for line in lines).encode()
