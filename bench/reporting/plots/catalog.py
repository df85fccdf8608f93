"""The plots of each kind of report. To add one, write a function of the report and add a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.reporting.plots.break_even import break_even_figure
from bench.reporting.plots.cores import cores_figure
from bench.reporting.plots.exactness import exactness_figure
from bench.reporting.plots.growth import growth_figure, growth_parts_figure
from bench.reporting.plots.lengths import lengths_figure
from bench.reporting.plots.memory import memory_figure
from bench.reporting.plots.parts import parts_figure
from bench.reporting.plots.speedup import speedup_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.reporting.growth_report import GrowthReport
    from bench.reporting.report import Report

COMPARISON_PLOTS: dict[str, Callable[[Report], Figure]] = {
    "speedup.png": speedup_figure,
    "cores.png": cores_figure,
    "memory.png": memory_figure,
    "parts.png": parts_figure,
    "break-even.png": break_even_figure,
    "exactness.png": exactness_figure,
    "lengths.png": lengths_figure,
}
"""By the name of the PNG file. The same figure as SVG stands beside it."""
GROWTH_PLOTS: dict[str, Callable[[GrowthReport], Figure]] = {
    "growth.png": growth_figure,
    "growth-parts.png": growth_parts_figure,
}
