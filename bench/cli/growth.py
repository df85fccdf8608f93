"""`bench growth`: the time per turn as conversations grow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from bench.cli.console import stderr, stdout
from bench.cli.inputs import load_tokenizer
from bench.cli.options import (
    chat_specs,
    complete_strategy,
    shared_options,
    tokenizer_option,
)
from bench.cli.progress import progress_bar
from bench.interruption import INTERRUPTION
from strategies import MAX_WORKERS


@click.command("growth")
@tokenizer_option(more_help=" [default: bpe-chatml]")
@click.option(
    "--strategy",
    metavar="NAME",
    default="rust",
    show_default=True,
    shell_complete=complete_strategy,
    help="Strategy to time; `bench strategies` lists them.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1, max=MAX_WORKERS),
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
    help="How often to time each length; the result is the median.",
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

    Every turn adds the same amount of text. So if a turn costs more in a longer conversation,
    that cost comes from the history.
    """
    from bench.bundled import tokenizer_path
    from bench.measuring.growth import LENGTHS, measure_growth
    from bench.reporting.growth_report import GrowthReport
    from bench.reporting.json_file import json_line
    from bench.reporting.kinds import GROWTH
    from bench.reporting.output import make_folder

    (spec,) = chat_specs([tokenizer or str(tokenizer_path("bpe-chatml"))], options)
    if out is not None:
        make_folder(out)
    os.environ.setdefault("RAYON_NUM_THREADS", str(workers))
    console = stderr(quiet)
    chat = load_tokenizer(spec, console)
    title = f"{strategy}, {chat.name}"
    with progress_bar(console, title, rounds * len(LENGTHS), "runs") as advance:
        points = measure_growth(strategy, chat, workers=workers, rounds=rounds, progress=advance)
    report = GrowthReport(strategy, workers, chat.fingerprint, tuple(points))
    written = None
    if out is not None:
        written = GROWTH.write(out, report, with_json=True)
    INTERRUPTION.begin_output()
    if as_json:
        click.echo(json_line(report.as_dict()))
    elif not quiet:
        GROWTH.show(stdout(), report)
        if written:
            click.echo(written)
