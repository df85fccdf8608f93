"""Figures of the reports: one file each, and the rows of `catalog`."""

from bench.reporting.plots.break_even import break_even_figure
from bench.reporting.plots.catalog import COMPARISON_PLOTS, GROWTH_PLOTS
from bench.reporting.plots.cores import cores_figure
from bench.reporting.plots.exactness import exactness_figure
from bench.reporting.plots.files import MOST_PIXELS, picture_names, pictures, png, svg
from bench.reporting.plots.growth import growth_figure, growth_parts_figure
from bench.reporting.plots.lengths import lengths_figure
from bench.reporting.plots.memory import memory_figure
from bench.reporting.plots.parts import parts_figure
from bench.reporting.plots.speedup import speedup_figure

__all__ = [
    "COMPARISON_PLOTS",
    "GROWTH_PLOTS",
    "MOST_PIXELS",
    "break_even_figure",
    "cores_figure",
    "exactness_figure",
    "growth_figure",
    "growth_parts_figure",
    "lengths_figure",
    "memory_figure",
    "parts_figure",
    "picture_names",
    "pictures",
    "png",
    "speedup_figure",
    "svg",
]
