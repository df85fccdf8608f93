"""`bench growth`: the time per turn as conversations grow."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from bench.cli.console import stderr, stdout
from bench.cli.inputs import load_tokenizer
from bench.cli.options import (
    chat_specs,
    complete_strategy,
    shared_options,
    tokenizer_option,
)
from bench.cli.progress import progress_bar


@click.command("growth")
@tokenizer_option(more_help="[default: bpe-chatml]")
@click.option(
    "--strategy",
    metavar="NAME",
    default="rust",
    show_default=True,
    shell_complete=complete_strategy,
    help="What to time; `bench strategies` lists them.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of threads or processes.",
)
@click.option(
    "--rounds",
    metavar="N",
    type=click.IntRange(min=1),
    default=9,
    show_default=True,
    help="How often each length is timed; the median counts.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder for growth.json and the plot.",
)
@shared_options
def growth_command(
    tokenizer: str | None,
    strategy: str,
    workers: int,
    rounds: int,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Time a turn as conversations grow.

    Every turn adds equally much text, so a cost per turn that grows comes from the history.
    """
    from bench.bundled import tokenizer_path
    from bench.measuring.growth import LENGTHS, measure_growth
    from bench.reporting.output import make_folder
    from bench.reporting.plots import write_growth_plot
    from bench.reporting.report import write_json

    (spec,) = chat_specs([tokenizer or str(tokenizer_path("bpe-chatml"))], options)
    if out is not None:
        make_folder(out)
    os.environ.setdefault("RAYON_NUM_THREADS", str(workers))
    console = stderr(quiet)
    chat = load_tokenizer(spec, console)
    title = f"{strategy}, {chat.name}"
    with progress_bar(console, title, rounds * len(LENGTHS), "runs") as advance:
        points = measure_growth(strategy, chat, workers=workers, rounds=rounds, progress=advance)
    report = {
        "strategy": strategy,
        "workers": workers,
        "tokenizer": chat.fingerprint,
        "points": [point.as_dict() for point in points],
    }
    if out is not None:
        write_growth_plot(out / "growth.png", title, points)
        write_json(out / "growth.json", report)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    elif not quiet:
        heading = Text(f"{title}: microseconds per turn", style="table.title")
        table = Table(title=heading, box=box.SIMPLE_HEAD)
        for column in ("turns", *points[0].parts, "whole"):
            table.add_column(column, justify="right")
        for point in points:
            cells = (*point.parts.values(), point.total)
            table.add_row(f"{point.turns}", *(f"{1e6 * cell:,.1f}" for cell in cells))
        stdout().print(table)
