"""What all figures share: a look for each strategy, and how texts are written.

The colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/). People who confuse some
colours can still tell them apart. Each strategy also has a marker of its own, for prints in grey.

Names come from files that nobody checked. So they are shown by `short`, and a figure writes them
with ``parse_math=False``: dollar signs in them start no formula.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

from bench.reporting.words import number
from strategies.words import printable

SMALL, NORMAL, LARGE = 8.0, 9.0, 11.0
"""Sizes of text, in points."""
GREY = "#5f5f5f"
"""For what is said beside the data; dark enough to be read on white."""
LINE = 1.35
"""Height of a line of text, as a multiple of its size."""
POINTS = 72.0
"""In an inch."""

_HINTED = 1.03
"""Letters in a picture of dots are fitted to the dots, which can make a text this much wider."""

LONGEST_NAME, LONGEST_TITLE = 28, 60
"""Letters of a name that are shown, in a label and in a title."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a strategy looks in every figure.

    Parameters
    ----------
    colour
        Of its line and marker.
    ink
        The same, dark enough for text on white.
    marker
        Its marker, as matplotlib names it.
    """

    colour: str
    ink: str
    marker: str


LOOKS = {
    "sequential": Look("#000000", "#000000", "o"),
    "thread-pool": Look("#56B4E9", "#1F6E9C", "s"),
    "process-pool": Look("#0072B2", "#005A8C", "D"),
    "batched": Look("#E69F00", "#8A5F00", "^"),
    "spliced": Look("#009E73", "#00704F", "v"),
    "rust": Look("#D55E00", "#A84800", "P"),
    "auto": Look("#CC79A7", "#934A72", "*"),
    "gigatoken": Look("#332288", "#332288", "<"),
    "fastokens": Look("#999933", "#5E5E1F", ">"),
    "snaptokens": Look("#6699CC", "#3A6EA5", "d"),
    "tokie": Look("#44AA99", "#287A6C", "8"),
    "kitoken": Look("#AA4499", "#8A337B", "H"),
    "splintr-rs": Look("#DDAA33", "#806010", "X"),
    "iree-tokenizer": Look("#117733", "#117733", "."),
    "tokenizers-1.0": Look("#882255", "#882255", "p"),
    "spliced-alone": Look("#8C8C8C", GREY, "h"),
}
"""By the name of a built-in strategy. A strategy without a row gets one of the looks below."""

_OTHER_COLOURS = ("#332288", "#44AA99", "#999933", "#882255", "#6699CC", "#AA4499")
_OTHER_MARKERS = ("<", ">", "p", "d", "8", "H")


def look(strategy: str) -> Look:
    """Return the look of a strategy: the same in every figure and every report."""
    if strategy in LOOKS:
        return LOOKS[strategy]
    # Python's own hash of a text is another one in each process.
    digest = blake2b(strategy.encode(errors="surrogatepass"), digest_size=8).digest()
    place = int.from_bytes(digest)
    colour = _OTHER_COLOURS[place % len(_OTHER_COLOURS)]
    marker = _OTHER_MARKERS[place // len(_OTHER_COLOURS) % len(_OTHER_MARKERS)]
    return Look(colour, colour, marker)


def short(name: str, most: int = LONGEST_NAME) -> str:
    """Return a printable name, with its middle left out if it has more letters than `most`."""
    name = printable(name)
    if len(name) <= most:
        return name
    end = (most - 1) // 2
    return f"{name[: most - 1 - end]}…{name[-end:]}"


def times(speedup: float) -> str:
    """Return a speedup as a label, such as ``2.4x`` or ``1,200x``."""
    return f"{number(speedup, 1)}x"


@cache
def width(text: str, size: float) -> float:
    """Return how wide a line of text is, in points.

    Parameters
    ----------
    text
        The text.
    size
        Of the letters, in points.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    with warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box, which has a width, too.
        warnings.simplefilter("ignore", UserWarning)
        found = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), False)
    return _HINTED * float(found[0])


def wrapped(text: str, inches: float, size: float = SMALL) -> list[str]:
    """Return the lines of a text.

    Parameters
    ----------
    text
        Words with single spaces.
    inches
        How wide a line may be.
    size
        Of the letters, in points.
    """
    most = inches * POINTS
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if width(longer, size) <= most:
            lines[-1] = longer
            continue
        lines += [word] if lines[-1] else []
        lines[-1] = word
        while width(lines[-1], size) > most and len(lines[-1]) > 1:
            fitting = max(1, int(len(lines[-1]) * most / width(lines[-1], size)))
            fitting = min(fitting, len(lines[-1]) - 1)
            lines[-1:] = [lines[-1][:fitting], lines[-1][fitting:]]
    return lines


def widest(texts: Sequence[str], size: float = SMALL) -> float:
    """Return how wide the widest of some texts is, in inches."""
    return max((width(text, size) for text in texts), default=0.0) / POINTS
