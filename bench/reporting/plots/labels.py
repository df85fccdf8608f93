"""Labels beside lines and points, placed so that they do not overlap."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench.reporting.plots.style import LINE, POINTS, SMALL, width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Boxes = npt.NDArray[np.float64]
"""An array of shape (boxes, 4): left, bottom, right and top, in points."""

NEXT_TO_PANEL = 14.0
"""Points between a panel and the labels on its right."""
_AROUND = 5.0
"""Points around a marker that no label covers."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a point in a panel.

    Parameters
    ----------
    x, y
        The point, in the units of the axes.
    text
        What to write.
    ink
        Its colour.
    """

    x: float
    y: float
    text: str
    ink: str


def cross_out(panel: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    """Cross out points: what is there is not right, or wrong on purpose.

    Parameters
    ----------
    panel
        The panel.
    x, y
        The points, in the units of the axes.
    """
    panel.plot(
        x, y, ls="", marker="x", ms=11, mew=1.8, color="black", label="crossed out", zorder=5
    )


def label_right(panel: Axes, labels: Sequence[Label]) -> None:
    """Write labels in a column on the right of a panel, each near the height of its point.

    The limits and scales of the axes must be set already.
    """
    from scipy.optimize import isotonic_regression

    if not labels:
        return
    places = _in_points(panel, [(label.x, label.y) for label in labels])
    order = np.argsort(places[:, 1], kind="stable")
    line = SMALL * LINE
    steps = line * np.arange(len(labels))
    # Labels that stand a line apart, as near to their points as they can.
    fitted = isotonic_regression(places[order, 1] - steps).x
    _left, bottom, right, top = _frame(panel)
    fitted = np.clip(fitted, bottom, max(bottom, top - steps[-1])) + steps
    for number, height in zip(order, fitted, strict=True):
        label = labels[number]
        place = (right + NEXT_TO_PANEL, float(height))
        _write(panel, label, place, alpha=0.6, shrinkA=1, relpos=(0, 0.5))


def label_points(
    panel: Axes, labels: Sequence[Label], lines: Sequence[Sequence[tuple[float, float]]] = ()
) -> None:
    """Write each label near its point, where it covers no other label, point or line.

    Parameters
    ----------
    panel
        The panel; the limits and scales of its axes are set already.
    labels
        The labels.
    lines
        The corners of each line, in the units of the axes.
    """
    if not labels:
        return
    places = _in_points(panel, [(label.x, label.y) for label in labels])
    taken = np.vstack(
        [_around(places, _AROUND), *(_around(_along(panel, each), 1) for each in lines)]
    )
    frame = np.asarray(_frame(panel))
    for label, (x, y) in zip(labels, places, strict=True):
        size = np.asarray([width(label.text, SMALL), SMALL * LINE])
        boxes = _candidates(x, y, size)
        costs = [
            _covered(box, taken) + _outside(box, frame) + 0.01 * n for n, box in enumerate(boxes)
        ]
        best = boxes[int(np.argmin(costs))]
        taken = np.vstack([taken, best])
        nearest = np.hypot(max(best[0] - x, 0, x - best[2]), max(best[1] - y, 0, y - best[3]))
        place = (float(best[0]), float((best[1] + best[3]) / 2))
        _write(panel, label, place, alpha=0.6 if nearest > 2 * _AROUND else 0, shrinkA=0)


def _write(panel: Axes, label: Label, place: tuple[float, float], **line: Any) -> None:
    """Write a label, and draw a line from it to its point.

    Parameters
    ----------
    panel
        The panel.
    label
        The label.
    place
        Its left end and its middle, in points.
    **line
        How the line differs from that of other labels, as matplotlib names it.
    """
    panel.annotate(
        label.text,
        (label.x, label.y),
        xytext=place,
        textcoords="figure points",
        va="center",
        size=SMALL,
        color=label.ink,
        arrowprops={"arrowstyle": "-", "color": label.ink, "lw": 0.5, "shrinkB": 4, **line},
        annotation_clip=False,
        parse_math=False,
    )


def _around(places: npt.NDArray[np.float64], distance: float) -> _Boxes:
    """Return boxes around places, given as an array of shape (places, 2), in points."""
    return np.column_stack([places - distance, places + distance])


def _along(panel: Axes, line: Sequence[tuple[float, float]]) -> npt.NDArray[np.float64]:
    """Return places along a line, as an array of shape (places, 2), in points."""
    if len(line) < 2:
        return np.empty((0, 2))
    corners = _in_points(panel, line)
    found = []
    for start, end in itertools.pairwise(corners):
        steps = max(2, int(np.hypot(*(end - start)) / 4))
        found.append(np.linspace(start, end, steps))
    return np.vstack(found)


def _in_points(panel: Axes, places: Sequence[tuple[float, float]]) -> npt.NDArray[np.float64]:
    """Return places in a panel as an array of shape (places, 2), in points."""
    pixels = panel.transData.transform(places)
    points: npt.NDArray[np.float64] = pixels * POINTS / panel.figure.dpi
    return points


def _frame(panel: Axes) -> tuple[float, float, float, float]:
    """Return the left, bottom, right and top of a panel, in points."""
    box = panel.bbox
    scale = POINTS / panel.figure.dpi
    return box.x0 * scale, box.y0 * scale, box.x1 * scale, box.y1 * scale


def _candidates(x: float, y: float, size: npt.NDArray[np.float64]) -> _Boxes:
    """Return boxes around a point in which its label may stand, the best first."""
    boxes = []
    for distance in (7.0, 13.0, 21.0, 31.0, 43.0, 57.0, 75.0, 95.0):
        for angle in (0, 180, 90, 270, 30, 330, 150, 210, 60, 300, 120, 240):
            across, up = cos(radians(angle)), sin(radians(angle))
            middle = (
                x + across * (distance + size[0] / 2),
                y + up * (distance + size[1] / 2),
            )
            boxes.append(
                (
                    middle[0] - size[0] / 2,
                    middle[1] - size[1] / 2,
                    middle[0] + size[0] / 2,
                    middle[1] + size[1] / 2,
                )
            )
    return np.asarray(boxes)


def _covered(box: npt.NDArray[np.float64], others: _Boxes) -> float:
    """Return how much of other boxes a box covers, in square points."""
    across = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    up = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    return float((np.clip(across, 0, None) * np.clip(up, 0, None)).sum())


def _outside(box: npt.NDArray[np.float64], frame: npt.NDArray[np.float64]) -> float:
    """Return how far a box is outside of a frame: so much that covering costs less."""
    over = np.concatenate([frame[:2] - box[:2], box[2:] - frame[2:]])
    return float(100 * np.clip(over, 0, None).sum())
