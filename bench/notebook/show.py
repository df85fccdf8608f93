"""What the cells of notebooks show. A cell that shows a picture asks for it here.

A figure that is made without pyplot has no inline picture: a notebook prints its address. So the
picture is made here, with the bytes that `bench` also writes to files.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measuring.machine import describe_machine, describe_versions
from bench.reporting.kinds import read_any
from bench.reporting.plots import png
from bench.reporting.words import number
from strategies.words import many

if TYPE_CHECKING:
    from IPython.display import Image, Markdown
    from matplotlib.figure import Figure

    from bench.measuring.machine import Machine
    from bench.reporting.report import Report

# transformers imports tqdm, which warns in every notebook that it cannot draw its bars there.
warnings.filterwarnings("ignore", message="IProgress not found")

PIXELS_PER_INCH = 96
"""Of a browser. The picture has more, so that it is sharp on every screen."""


def picture(figure: Figure, described: str) -> Image:
    """Return a figure as the picture that a cell shows.

    Parameters
    ----------
    figure
        A figure of matplotlib.
    described
        What is to be seen, for readers who do not see it.
    """
    from IPython.display import Image

    width = round(figure.get_size_inches()[0] * PIXELS_PER_INCH)
    return Image(png(figure), width=width, alt=described)


def every_plot(path: str | PathLike[str]) -> None:
    """Show every plot of a recorded report, each under its name.

    Raises
    ------
    InputError
        If it cannot be read, or is no complete report.
    """
    from IPython.display import display

    kind, report = read_any(Path(path))
    for name, draw in kind.plots.items():
        title = name.rpartition(".")[0].replace("-", " ").replace("_", " ").capitalize()
        display(text(f"### {title}"), picture(draw(report), title))


def text(markdown: str) -> Markdown:
    """Return text in Markdown, as a cell shows it."""
    from IPython.display import Markdown

    return Markdown(markdown)


def made_on(machine: Machine, versions: Mapping[str, str], when: str) -> str:
    """Return where and when something was measured, as a sentence.

    Parameters
    ----------
    machine
        The machine.
    versions
        Of Python and the libraries.
    when
        The date.
    """
    libraries = ("python", "transformers", "tokenizers", "sentencepiece")
    used = ", ".join(f"{name} {versions[name]}" for name in libraries if name in versions)
    load = number(machine.load_average[0]) if machine.load_average else "unknown"
    return (
        f"Measured on {when}: {machine.processor}, {many(machine.cores_available, 'core')} of "
        f"{machine.cores} in use, {number(machine.memory_bytes / 2**30, 0)} GiB, "
        f"{machine.system}; load before {load}; {used}."
    )


def made_here() -> str:
    """Return the sentence of `made_on` for this machine, now."""
    now = datetime.now(UTC).isoformat()
    return made_on(describe_machine(), describe_versions(), _minute(now))


def made_for(report: Report) -> str:
    """Return the sentence of `made_on` for a recorded report."""
    made = report.provenance
    when = _minute(made.started) if made else "a date that is not recorded"
    return made_on(report.machine, report.versions, when)


def _minute(time: str) -> str:
    """Return a time in UTC as people read it, without seconds."""
    return f"{time[:16].replace('T', ' ')} UTC"
