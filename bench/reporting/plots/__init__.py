"""Plots of the reports. To add one, write a function of the report and add a row."""

from bench.reporting.plots.speedup import (
    COMPARISON_PLOTS,
    DOTS_PER_INCH,
    GROWTH_PLOTS,
    MOST_PIXELS,
    growth_figure,
    png,
    speedup_figure,
)

__all__ = [
    "COMPARISON_PLOTS",
    "DOTS_PER_INCH",
    "GROWTH_PLOTS",
    "MOST_PIXELS",
    "growth_figure",
    "png",
    "speedup_figure",
]
