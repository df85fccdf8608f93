"""A figure as the content of a file: PNG and SVG."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
MOST_PIXELS = 60_000
"""Longest side of a picture. matplotlib draws less than 2 to the power of 16."""

_DOCTYPE = re.compile(rb"<!DOCTYPE[^>]*>\n?")


def png(figure: Figure) -> bytes:
    """Return a figure as the content of a PNG file; the same figure gives the same bytes."""
    dots = min(DOTS_PER_INCH, MOST_PIXELS / max(figure.get_size_inches()))
    return _saved(figure, "png", dpi=dots)


def svg(figure: Figure) -> bytes:
    """Return a figure as the content of an SVG file; the same figure gives the same bytes.

    Letters are drawn as outlines. So the file needs no font, and looks the same everywhere. It
    has no script and refers to no other file.
    """
    from matplotlib import rc_context

    # matplotlib would put the time and its own address into the file, and make random names.
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.hashsalt": "isl-bench", "svg.fonttype": "path"}):
        content = _saved(figure, "svg", metadata=metadata)
    # The document type refers to a file in the web, which some programs would fetch.
    return _DOCTYPE.sub(b"", content, count=1)


def _saved(figure: Figure, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        # For example, that the font lacks a script. Nobody can mend that, and boxes are drawn.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(file, format=kind, **options)
    return file.getvalue()


def picture_names(name: str) -> tuple[str, str]:
    """Return the names of the PNG and the SVG file of a figure, from that of the PNG file."""
    return name, str(PurePath(name).with_suffix(".svg"))


def pictures(name: str, figure: Figure) -> dict[str, bytes]:
    """Return the content of both files of a figure, from the name of its PNG file."""
    return dict(zip(picture_names(name), (png(figure), svg(figure)), strict=True))
