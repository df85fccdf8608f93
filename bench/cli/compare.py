"""`bench compare`: strategies side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.console import stderr, stdout, warn
from bench.cli.inputs import bundled_sample, read_dataset
from bench.cli.options import (
    Names,
    Numbers,
    chat_specs,
    read_options,
    reading_options,
    shared_options,
    tokenizer_option,
)
from bench.cli.progress import ConsoleWatcher
from bench.interruption import INTERRUPTION
from strategies import available_cores, names

EXIT_WRONG = 1
QUICK_BUDGET_SECONDS = 12.0


@click.command("compare")
@click.argument("dataset", type=click.Path(path_type=Path), required=False)
@tokenizer_option(
    "tokenizers", multiple=True, more_help="May be repeated.  [default: all bundled ones]"
)
@click.option("--strategies", "chosen", type=Names(), help="Strategies to compare.  [default: all]")
@click.option(
    "--cores",
    type=Numbers(),
    help="Run on this many cores; with several numbers, on each in turn.  [default: all cores]",
)
@click.option(
    "--workers",
    type=Numbers(),
    help="Use this many threads or processes; with several numbers, each in turn.  [default: one "
    "for each core]",
)
@click.option(
    "--rounds",
    metavar="N",
    type=click.IntRange(min=1),
    help="Run N rounds over all conversations, however long they take.",
)
@click.option(
    "--budget",
    metavar="SECONDS",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="Time for all timed rounds together. If it is short, rounds leave conversations out.",
)
@click.option(
    "--sample",
    type=click.Choice(["small", "regular", "large"]),
    help="Size of the bundled sample, if there is no DATASET.  [default: small]",
)
@click.option("--quick", is_flag=True, help="Time a few rounds only.")
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Decides in which order strategies run, and which conversations are left out.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder for the reports and the plots.",
)
@reading_options
@shared_options
def compare_command(
    dataset: Path | None,
    tokenizers: Sequence[str],
    chosen: Sequence[str] | None,
    cores: Sequence[int] | None,
    workers: Sequence[int] | None,
    rounds: int | None,
    budget: float,
    sample: str | None,
    quick: bool,
    seed: int,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Time strategies side by side, and check every count.

    Without DATASET it uses the bundled sample, without --tokenizer the bundled tokenizers.
    """
    from bench.bundled import tokenizer_names, tokenizer_path
    from bench.measuring.compare import compare
    from bench.measuring.plan import Plan
    from bench.reporting.json_file import json_line
    from bench.reporting.kinds import COMPARISON
    from bench.reporting.output import make_folder
    from bench.reporting.report import build_report

    if dataset is not None and sample is not None:
        raise click.UsageError("--sample is for the bundled data; leave out DATASET or --sample")
    paths = list(tokenizers) or [str(tokenizer_path(name)) for name in tokenizer_names()]
    plan = Plan(
        chats=chat_specs(paths, options),
        strategies=chosen or names(),
        cores=cores or (available_cores(),),
        workers=workers,
        rounds=rounds,
        budget_seconds=QUICK_BUDGET_SECONDS if quick else budget,
        seed=seed,
        on_error=options["on_error"],
    )
    console = stderr(quiet)
    reading = read_options(options)
    if dataset is None:
        data = bundled_sample(sample or "small", reading)
    else:
        data = read_dataset(dataset, reading, console)
    if out is not None:
        make_folder(out)
    comparison = compare(plan, data.conversations, ConsoleWatcher(console))
    for name, reference in comparison.references.items():
        warn(console, name, reference.warnings)
    report = build_report(comparison, data, ["bench", *sys.argv[1:]], seed)
    written = None
    if out is not None:
        written = COMPARISON.write(out, report, with_json=True)
    INTERRUPTION.begin_output()
    if as_json:
        click.echo(json_line(report.as_dict()))
    elif not quiet:
        COMPARISON.show(stdout(), report)
        if written:
            click.echo(written)
    entries = [entry for group in report.groups for entry in group.entries if not entry.control]
    return EXIT_WRONG if any(entry.status in {"wrong", "failed"} for entry in entries) else 0
